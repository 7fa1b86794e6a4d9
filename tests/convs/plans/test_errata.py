"""The rules by which PyTorch blocks engines."""

import json
from pathlib import Path

import pytest

from resnext_bench.config.errata import OPERATIONS, VARIABLE, Rule
from resnext_bench.convs.plans import errata as errata_module
from resnext_bench.convs.plans.errata import errata, rules_of_torch
from resnext_bench.errors import UsageError

RULES = [
    {"rule_id": "1", "operation": "ConvFwd", "engine": 3, "cudnn_version_start": 90000},
    {"rule_id": "sm120_x", "operation": "ConvBwdFilter", "engine": 4, "cudnn_version_end": -1},
    {"rule_id": "188288", "operation": "ConvFwd", "engine": 5, "cudnn_version_end": 92400},
]


def library(folder: Path) -> Path:
    """A file with rules amid other bytes, as they stand in a library."""
    path = folder / "lib.so"
    sets = [b'{ "version" : 1,\n "rules" : ' + json.dumps([one]).encode() + b"}" for one in RULES]
    path.write_bytes(b"\x7fELF\0\0" + b"\0\xff{ \0".join([*sets, b'{ "version" : 1, broken']))
    return path


def test_rules_are_read_from_a_library(tmp_path: Path) -> None:
    found = rules_of_torch(library(tmp_path))
    assert [(one.operation, one.engine) for one in found] == [
        *(("ConvFwd", 3), ("ConvBwdFilter", 4), ("ConvFwd", 5)),
    ]
    assert rules_of_torch(tmp_path / "none.so") == ()


@pytest.mark.parametrize(("capability", "engines"), [(90, [3]), (120, [3, 4]), (86, [3, 5])])
def test_rules_of_a_device_hold_on_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capability: int, engines: list[int]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    path = library(tmp_path)
    monkeypatch.setattr(errata_module, "_library", lambda: path)
    assert [rule.engine for rule in errata(capability).rules] == engines


def test_a_rule_holds_from_its_first_version_to_before_its_last() -> None:
    rule = Rule(operation="ConvFwd", engine=1, cudnn_version_start=90800, cudnn_version_end=91500)
    held = [rule.holds_for(version) for version in (90799, 90800, 91499, 91500)]
    assert held == [False, True, True, False]
    assert Rule(operation="ConvFwd", engine=1).holds_for(10**9)


def test_the_users_file_replaces_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"version": 1, "rules": RULES[:1]}))
    monkeypatch.setenv(VARIABLE, str(path))
    found = errata(120)
    assert (found.source, [one.engine for one in found.rules]) == (str(path), [3])
    path.write_text("{")
    with pytest.raises(UsageError, match=f"{VARIABLE}={path}"):
        errata(120)


def test_the_installed_torch_has_rules_where_it_has_cuda() -> None:
    found = errata_module._library()
    if found is None or not found.is_file():
        pytest.skip("torch is without CUDA here")
    operations = {one.operation for one in rules_of_torch()}
    assert operations <= set(OPERATIONS.values())
    assert operations

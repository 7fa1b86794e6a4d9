"""Files of rules that block engines, as an option of training."""

import hashlib
import json
from pathlib import Path

import pytest

from resnext_bench.config.errata import require_unchanged, without_effect
from resnext_bench.config.resolve import request_of, resolve
from resnext_bench.errors import UsageError
from resnext_bench.reports.schema.config import RunConfig
from tests.machine.made_machines import made_machine

RULE = {"operation": "ConvFwd", "engine": 22}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "rules.json"
    found.write_text(json.dumps({"version": 1, "rules": [RULE]}))
    return found


def resolved(path: Path | None, gpus: int = 0) -> RunConfig:
    request = {"pipeline": "synthetic", **({"cudnn_errata": str(path)} if path else {})}
    return resolve(request, made_machine(cores=8, gpus=gpus), None).config


def test_a_file_is_kept_with_its_place_and_checksum(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    config = resolved(Path(path.name))
    assert config.cudnn_errata == str(path.resolve())
    assert config.cudnn_errata_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    none = resolved(None)
    assert (none.cudnn_errata, none.cudnn_errata_sha256) == (None, "")


def test_a_run_can_be_repeated_while_the_file_is_the_same(path: Path) -> None:
    config = resolved(path)
    machine = made_machine(cores=8)
    assert resolve(request_of(config), machine, None).config == config
    require_unchanged(config)
    require_unchanged(resolved(None))
    path.write_text(json.dumps({"version": 1, "rules": []}))
    with pytest.raises(UsageError, match=r"has changed since the run; put back the one whose SHA"):
        require_unchanged(config)
    assert resolve(request_of(config), machine, None).config != config
    path.unlink()
    with pytest.raises(UsageError, match="No such file"):
        require_unchanged(config)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory"),
        ("{", "Expecting property name"),
        ("[]", 'it has no list "rules"'),
        ('{"version": 1}', 'it has no list "rules"'),
        ('{"rules": {}}', 'it has no list "rules"'),
        ('{"rules": [{"operation": "ConvFwd"}]}', "missing required field `engine`"),
        ('{"rules": [{"engine": 2}]}', "missing required field `operation`"),
        ('{"rules": [{"operation": "ConvFwd", "engine": "22"}]}', "Expected `int`, got `str`"),
        ('{"rules": ["eng22"]}', "Expected `object`, got `str`"),
        ('{"rules": [{"operation": "ConvFwd", "engine": 2, "knob": "k2"}]}', "Expected `array`"),
        (b"\xff\xfe\x00", "can't decode"),
    ],
)
def test_a_file_that_the_frontend_could_not_use_is_refused_in_a_line(
    tmp_path: Path, text: str | bytes | None, why: str
) -> None:
    path = tmp_path / "bad.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as refused:
        resolved(path)
    said = str(refused.value)
    assert said.startswith(f"--cudnn-errata {path}: ")
    assert why in said
    assert said.endswith("name a file that convs block has written")
    assert "\n" not in said


def test_a_folder_is_no_file_of_rules(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        resolved(tmp_path)


def test_without_a_gpu_a_note_says_that_nothing_reads_it(path: Path) -> None:
    (note,) = without_effect(resolved(path))
    assert note.startswith("--cudnn-errata has no effect without a GPU")
    assert without_effect(resolved(path, gpus=1)) == ()
    assert without_effect(resolved(None)) == ()

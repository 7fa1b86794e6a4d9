"""Files of rules that block engines: what the frontend reads in them, and what PyTorch keeps."""

import json
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.config.errata import OPERATIONS, Raw, read_rules, typed
from resnext_bench.convs.plans.block import Blocked, parsed, rules_for, text_of
from resnext_bench.convs.plans.errata import raw_of_torch
from resnext_bench.errors import UsageError
from resnext_bench.resnext.convolutions import Operation

NEWEST = 2**64 - 1


def checked_by_the_frontend(rule: Raw, tag: str, cudnn: int) -> bool:
    """Whether a rule blocks a plan, as `check_rule` of cudnn_frontend_Errata.h decides it.

    It asks for text and whole numbers by name and fails on others; versions are unsigned.
    """
    operation, engine = rule["operation"], rule["engine"]
    assert isinstance(operation, str)
    assert isinstance(engine, int)
    start = rule.get("cudnn_version_start", 0) % 2**64
    end = rule.get("cudnn_version_end", NEWEST) % 2**64
    found = f"{tag}_".startswith(f"{operation}_eng{engine}_") and start <= cudnn < end
    return found and all(knob in tag for knob in rule.get("knob", ()))


@pytest.mark.parametrize(
    ("text", "engine", "knobs"),
    [
        ("22", 22, ()),
        ("eng22", 22, ()),
        ("22:k2=5", 22, ("k2=5",)),
        ("eng45_k2=4_k14=3", 45, ("k2=4", "k14=3")),
        ("eng0:k2=4:k5=0", 0, ("k2=4", "k5=0")),
    ],
)
def test_engines_are_read_as_plans_name_them(
    text: str, engine: int, knobs: tuple[str, ...]
) -> None:
    assert parsed(text) == Blocked(engine=engine, knobs=knobs)


@pytest.mark.parametrize("text", ["", "engine22", "22:5", "22:k=5", "-1", "22 k2=5", "22:k2=5:"])
def test_what_is_no_engine(text: str) -> None:
    with pytest.raises(UsageError, match="convs plan"):
        parsed(text)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("cudnn", [8000, 90800, 92600, 99999])
def test_a_rule_blocks_its_engine_and_no_other(operation: Operation, cudnn: int) -> None:
    (rule,) = rules_for([parsed("eng22")], [operation])
    (ours,) = typed([rule])
    for other, name in OPERATIONS.items():
        for tag in ("eng22", "eng22_k2=5", "eng2_k2=5", "eng220", "eng222_k2=5", "eng1_k22=0"):
            told = checked_by_the_frontend(rule, f"{name}_{tag}", cudnn)
            assert told == (other == operation and tag in ("eng22", "eng22_k2=5"))
            assert told == (ours.holds_for(cudnn) and ours.blocks(other, tag))


def test_a_knob_blocks_its_plans_alone() -> None:
    (rule,) = rules_for([parsed("eng22:k2=5")], ["forward"])
    tags = ["eng22_k2=5_k3=1", "eng22_k12=5_k2=4", "eng22_k2=4", "eng22", "eng23_k2=5"]
    found = [checked_by_the_frontend(rule, f"ConvFwd_{tag}", 92600) for tag in tags]
    assert found == [True, False, False, False, False]


def test_what_is_kept_stands_there_as_it_was(tmp_path: Path) -> None:
    kept: list[dict[str, Any]] = [
        {"rule_id": "1", "operation": "ConvFwd", "engine": 3, "input_shape": [1, -1, 2, 2]},
        {"operation": "ConvBwdData", "engine": 4, "knob": ["k2=1"], "later": {"x": 1.5}},
    ]
    path = tmp_path / "rules.json"
    path.write_bytes(text_of(kept, rules_for([parsed("7")], OPERATIONS)))
    found = json.loads(path.read_text())
    assert found["version"] == 1
    assert found["rules"][:2] == kept
    assert [list(one) for one in found["rules"][:2]] == [list(one) for one in kept]
    assert {(one["operation"], one["engine"]) for one in found["rules"][2:]} == {
        (name, 7) for name in OPERATIONS.values()
    }
    assert list(read_rules(path).rules) == found["rules"]


def test_every_rule_of_the_torch_at_hand_is_kept(tmp_path: Path) -> None:
    rules = raw_of_torch()
    if not rules:
        pytest.skip("torch is without CUDA here")
    found = json.loads(text_of(rules, rules_for([parsed("7")], ["forward"])))["rules"]
    assert tuple(found[:-1]) == rules
    for rule in found:
        tag = f"{rule['operation']}_eng{rule['engine']}_k2=0"
        blocked = checked_by_the_frontend(rule, tag, rule["cudnn_version_start"])
        assert blocked

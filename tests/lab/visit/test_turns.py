"""Sides that take turns."""

import time
from pathlib import Path

import torch

from resnext_bench.lab.visit.tasks import Findings
from resnext_bench.lab.visit.turns import Side, take_turns, times_in
from tests.lab.visit.made import made_box

CPU = torch.device("cpu")


def test_blocks_of_all_sides_forth_and_back(tmp_path: Path) -> None:
    played: list[str] = []
    counts: dict[str, list[int]] = {"a": [], "b": []}

    def side(name: str) -> Side:
        return Side(
            name=name,
            train=counts[name].append,
            count=5,
            units=3.0,
            before=lambda: played.append(name),
        )

    findings = Findings()
    kept: list[int] = []
    findings.keep = lambda: kept.append(len(findings.found["seconds"]))
    take_turns([side("a"), side("b")], "images", made_box(tmp_path), findings, CPU)
    assert played == ["a", "b", "b", "a"]
    assert counts == {"a": [1, 5, 1, 5], "b": [1, 5, 1, 5]}, "its first time is not counted"
    assert findings.found["units"] == [15.0, 15.0]
    assert kept == [2], "after every pair of rounds"
    assert [len(row) for row in findings.found["seconds"]] == [2, 2]
    assert "cut" not in findings.found


def test_a_box_that_is_over_leaves_one_pair_of_rounds(tmp_path: Path) -> None:
    box = made_box(tmp_path, seconds=-1)
    long = box.sizes.__class__(**{**_fields(box.sizes), "rounds": 6})
    side = Side(name="a", train=lambda count: time.sleep(0.001), count=2, units=1)
    findings = Findings()
    take_turns([side], "calls", box.__class__(**{**_fields(box), "sizes": long}), findings, CPU)
    assert len(findings.found["seconds"]) == 2
    assert findings.found["cut"]


def _fields(one: object) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def test_blocks_last_about_as_long_as_they_should() -> None:
    count = times_in(lambda times: time.sleep(0.004 * times), 0.1, CPU)
    assert 10 <= count <= 25, "sleep may last longer, never shorter"
    assert times_in(lambda times: time.sleep(0.01 * times), 0.001, CPU) == 2

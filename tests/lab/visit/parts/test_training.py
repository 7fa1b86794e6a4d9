"""Contests of training: their order, and sides that cannot be had."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from resnext_bench.lab.visit.cells import Cell
from resnext_bench.lab.visit.parts import training
from resnext_bench.lab.visit.parts.training import contests
from resnext_bench.lab.visit.sizes import FULL
from resnext_bench.lab.visit.tasks import Findings
from tests.lab.visit.made import made_box


def test_what_a_visit_begins_with(tmp_path: Path) -> None:
    keys = list(dict(contests(replace(made_box(tmp_path), sizes=FULL))))
    first = [key.partition("/")[0] for key in keys[:6]]
    assert first == ["types", "peers", "compilers", "models", "fp32", "autotune"]
    kinds = Counter(key.partition("/")[0] for key in keys)
    assert kinds == {
        **{"types": 8, "fp32": 8, "models": 10, "peers": 40, "compilers": 40, "autotune": 40}
    }


@pytest.mark.slow
def test_a_side_that_fails_is_left_out_and_the_others_are_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = training.prepare

    def failing(cell: Cell, *more: object) -> object:
        if cell.source == "timm":
            raise RuntimeError("no engine\nand more")
        if cell.source == "torchvision":
            raise torch.OutOfMemoryError
        return prepare(cell, *more)

    monkeypatch.setattr(training, "prepare", failing)
    cells = {
        source: Cell(model="resnext14_4x4d", batch=8, source=source)
        for source in ("ours", "torchvision", "timm")
    }
    findings = Findings()
    training.time_contest(cells, made_box(tmp_path), {}, findings)
    assert findings.found["left_out"] == {
        "torchvision": "out of memory",
        "timm": "RuntimeError: no engine",
    }
    assert findings.found["sides"] == ["ours"]
    assert findings.wrong == []
    del cells["ours"]
    with pytest.raises(RuntimeError, match="no side could be prepared"):
        training.time_contest(cells, made_box(tmp_path), {}, Findings())

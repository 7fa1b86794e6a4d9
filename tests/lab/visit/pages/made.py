"""Tasks made by hand."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from resnext_bench.lab.visit.results import PartResult, Task

DATE: Final = "2026-03-01T10:15:00+00:00"


def contest(
    unit: str, rates: Mapping[str, float], *, rounds: int = 6, noise: float = 0.003, seed: int = 0
) -> dict[str, Any]:
    """Blocks of about 0.4 s; rounds have a part of their noise in common."""
    random = np.random.default_rng(seed)
    shared = random.normal(0, noise, (rounds, 1))
    seconds = 0.4 * np.exp(shared + random.normal(0, noise / 2, (rounds, len(rates))))
    return {
        "unit": unit,
        "sides": list(rates),
        "units": [0.4 * rate for rate in rates.values()],
        "seconds": [[round(float(one), 7) for one in row] for row in seconds],
    }


def task(found: dict[str, Any], **more: Any) -> Task:
    usual: dict[str, Any] = {"state": "done", "date": DATE, "seconds": 12.0, "found": found}
    return Task(**(usual | more))


def part(tasks: Mapping[str, Task], unreached: tuple[str, ...] = (), why: str = "") -> PartResult:
    return PartResult(planned=(*tasks, *unreached), tasks=dict(tasks), why=why)


def training_task(
    rates: Mapping[str, float],
    cells: Mapping[str, dict[str, Any]],
    left_out: Mapping[str, str] = {},
    seed: int = 1,
    **more: Any,
) -> Task:
    """`cells` say what differs from ResNeXt-50 in bf16."""
    usual = {"model": "resnext50_32x4d", "batch": 256, "type": "bf16 NHWC", "source": "ours"}
    off = {"loss": 0.0021, "gradient": 0.034}
    told = {name: usual | {"first_s": 2.1, "off": off} | cell for name, cell in cells.items()}
    found = contest("images", rates, seed=seed)
    return task(found | {"image_size": 224, "cells": told, "left_out": dict(left_out)}, **more)

"""Modules of real traces, against another way to find them."""

import gzip
import json
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from resnext_bench.reports.schema.trace_layers import Layers
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.layers.made_model import adds_up, named, outside
from tests.reports.trace.real import real_trace

A100 = "a100-resnet50-ddp2-rank0.pt.trace.json.gz"
MI300 = "mi300x-resnet50-ddp8-rank0.pt.trace.json.gz"
V100 = "v100-resnet50-6steps.pt.trace.json.gz"


def layers(name: str) -> Layers:
    found = report(analyse(real_trace(name))).layers
    assert found
    adds_up(found)
    return found


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (MI300, "python"),
        (V100, "stacks"),
        (A100, "none"),
        ("no-gpu-events.pt.trace.json.gz", "none"),
    ],
)
def test_what_real_traces_tell(name: str, source: str) -> None:
    assert layers(name).source == source


def test_modules_of_an_mi300_kernel_by_kernel() -> None:
    """By a search for each kernel in the rows of the file, none of which are in an order."""
    with gzip.open(real_trace(MI300)) as file:
        events = json.load(file)["traceEvents"]
    expected = searched([one for one in events if one.get("ph") == "X"])
    found = layers(MI300)
    told = {row.part: row for row in found.rows}
    assert set(expected) - {None} <= set(told)
    for instance, (forward, backward) in expected.items():
        if instance is not None:
            row = told[instance]
            below = [one for one in found.rows if one.above == found.rows.index(row)]
            own_forward = row.forward_ns - sum(one.forward_ns for one in below)
            assert (own_forward, row.own_ns - own_forward) == (forward, backward), instance
    forward, backward = expected[None]
    told_outside = outside(found)
    assert told_outside.pop("launch not in the trace", 0) >= 0
    assert sum(told_outside.values()) == forward + backward


class Rows:
    """Rows of threads, of which the shortest around a moment is asked for."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows
        self._thread, self._start, self._length = (
            np.array([one[key] for one in rows]) for key in ("tid", "ts", "dur")
        )

    def innermost(self, row: dict[str, Any]) -> dict[str, Any] | None:
        around = (self._thread == row["tid"]) & (self._start <= row["ts"])
        around &= row["ts"] < self._start + self._length
        found = np.flatnonzero(around)
        return self._rows[found[self._length[found].argmin()]] if found.size else None


def searched(events: list[dict[str, Any]]) -> dict[str | None, tuple[int, int]]:
    """Forward and backward time of each instance by itself; of None what is in no module."""
    modules = [one for one in events if one["name"].startswith("nn.Module: ")]
    steps = [
        one
        for one in events
        if one["name"].startswith("ProfilerStep#") and one["cat"] == "user_annotation"
    ]
    nodes = [one for one in events if (one.get("args") or {}).get("Fwd thread id", 0) > 0]
    calls, autograd = Rows(modules), Rows(nodes)
    launches = {
        one["args"]["correlation"]: one for one in events if one.get("cat") == "cuda_runtime"
    }
    main = {one["tid"] for one in modules if one["name"] == "nn.Module: ResNet_0"}
    made: dict[int, dict[str, Any]] = {}
    for one in events:
        number = (one.get("args") or {}).get("Sequence number", -1)
        is_forward = one["tid"] in main and one["args"].get("Fwd thread id") == 0
        if number >= 0 and is_forward and one["ts"] >= made.get(number, one)["ts"]:
            made[number] = one
    found: dict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for one in events:
        launch = launches.get((one.get("args") or {}).get("correlation"))
        is_device = one.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")
        if is_device and launch and any(one["ts"] <= launch["ts"] < end(one) for one in steps):
            module, is_backward = place(launch, calls, autograd, made)
            found[module][is_backward] += round(1000 * one["dur"])
    return {name: (times[0], times[1]) for name, times in found.items()}


def end(row: dict[str, Any]) -> float:
    return float(row["ts"] + row["dur"])


def place(
    launch: dict[str, Any],
    modules: Rows,
    nodes: Rows,
    made: dict[int, dict[str, Any]],
) -> tuple[str | None, bool]:
    module, node = modules.innermost(launch), nodes.innermost(launch)
    if module and (node is None or module["ts"] > node["ts"]):
        return instance(module), node is not None
    origin = made.get(node["args"]["Sequence number"]) if node else None
    return instance(modules.innermost(origin) if origin else None), node is not None


def instance(module: dict[str, Any] | None) -> str | None:
    return module["name"].removeprefix("nn.Module: ") if module else None


def test_checkpoints_of_an_mi300() -> None:
    """All four wrapped stages run twice; the stem and the head do not."""
    found = layers(MI300)
    stages = [row for row in found.rows if row.type == "CheckpointWrapper"]
    assert len(stages) == 4
    for stage in stages:
        assert (stage.calls, stage.calls_again) == (3, 0), "what it wraps is called again"
        assert 0.6 < stage.again_ns / stage.forward_ns < 1.4
    again = {row.part for row in found.rows if row.calls_again and row.depth == 4}
    assert again == {"Sequential_0", "Sequential_1", "Sequential_3", "Sequential_5"}
    assert all(not row.again_ns for row in found.rows if row.part in ("Conv2d_0", "Linear_0"))


def test_flop_of_an_mi300() -> None:
    """A ResNet-18 of 10 images of 224 pixels; three stages of four run forward twice."""
    found = layers(MI300)
    stem = named(found, "DistributedDataParallel_0 > ResNet_0 > Conv2d_0")
    assert stem.forward_flop == 3 * 10 * 2 * 64 * 3 * 49 * 112 * 112
    assert stem.backward_flop == stem.forward_flop, "nobody needs the images' gradient"
    block = next(row for row in found.rows if row.part == "Conv2d_1")
    assert block.forward_flop == 3 * 10 * 2 * 64 * 64 * 9 * 56 * 56
    assert block.backward_flop == 3 * block.forward_flop, "both gradients, and forward again"
    assert (block.roof_tflops, block.roof_gb_per_s) == (1307.4, 5300)


def test_lines_of_a_v100() -> None:
    """Stages are told apart by the lines that call them, blocks of a stage are not."""
    found = layers(V100)
    top = {row.name for row in found.rows if row.depth == 2}
    assert {"resnet:46 > container:237", "resnet:46 > container:240"} < top
    inside = sum(row.own_ns for row in found.rows)
    assert inside / found.work_ns > 0.93
    assert all(row.calls is None for row in found.rows)
    convs = [row for row in found.rows if row.part == "conv:128"]
    assert all(row.backward_flop == 2 * (row.forward_flop or 0) for row in convs)

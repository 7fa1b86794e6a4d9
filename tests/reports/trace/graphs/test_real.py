"""Steps of real traces as replays: what is told of each kernel is what the eager step told of it.

The step that stays eager, or is captured, is the first one. Of the others the file says no more
than the graph's launch, so that what their kernels are is known from the original file alone.
"""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import Analysis, analyse
from resnext_bench.reports.trace.kernels.calls import conv_calls
from resnext_bench.reports.trace.layers.work import origins
from resnext_bench.reports.trace.reading.read import read
from resnext_bench.reports.trace.report import report
from tests.reports.trace.graphs.replaying import (
    Recorded,
    Replaying,
    as_capture,
    replaying,
    without_step,
    written,
)
from tests.reports.trace.real import real_trace

A100 = "a100-resnet50-ddp2-rank0.pt.trace.json.gz"
MI300 = "mi300x-resnet50-ddp8-rank0.pt.trace.json.gz"
V100 = "v100-resnet50-6steps.pt.trace.json.gz"
PARTS = ("classes", "kernels", "convs", "products", "layers", "layout", "tensor_cores")

recorded = cache(Recorded.of)
eager = cache(analyse)


def replayed(name: str, **how: bool) -> Replaying:
    found = recorded(real_trace(name))
    return replaying(found, range(1, len(found.steps)), **how)  # type: ignore[arg-type]


def facts(found: Analysis) -> dict[tuple[int, int, str], tuple[str, str, int]]:
    """Operator, module and kernel's convolution (by its shape) of each row of the device."""
    trace, work = found.trace, found.work
    conv = dict(zip(work.itself.tolist(), conv_calls(trace, found.links, work).conv, strict=True))
    shapes = {at: trace.convs.index(one) for at, one in enumerate(trace.convs)}
    rows = np.arange(len(trace.device))
    module = found.places.names(found.places.of(origins(found, rows)))
    names = [trace.names[trace.host.name[row]] if row >= 0 else "" for row in found.links.operator]
    start = (trace.device.start + trace.origin_ns).tolist()
    keys = zip(start, trace.device.duration.tolist(), trace.device.name.tolist(), strict=True)
    return {
        (begun, lasts, trace.names[name]): (
            names[row],
            str(module[row]),
            hash(trace.convs[shapes[conv[row]]]) if conv.get(row, -1) >= 0 else 0,
        )
        for row, (begun, lasts, name) in enumerate(keys)
    }


def shares(wanted: Analysis, found: Analysis) -> tuple[int, int, int]:
    """How many rows of the device are right, wrong, and not told."""
    known, told = facts(wanted), facts(found)
    assert known.keys() == told.keys()
    right = sum(known[one] == told[one] for one in known)
    untold = sum(told[one] == ("", "", 0) != known[one] for one in known)
    return right, len(known) - right - untold, untold


@pytest.mark.parametrize(
    ("name", "nodes", "scattered", "rows"),
    [
        (MI300, False, False, 3653),
        pytest.param(MI300, True, True, 3653, marks=pytest.mark.slow),
        pytest.param(A100, True, True, 3774, marks=pytest.mark.slow),
        pytest.param(V100, False, False, 9096, marks=pytest.mark.slow),
    ],
)
def test_every_kernel_is_told_as_in_the_eager_trace(
    tmp_path: Path, name: str, nodes: bool, scattered: bool, rows: int
) -> None:
    one = replayed(name, nodes=nodes, scattered=scattered, low=True)
    found = analyse(written(one, tmp_path / "replays.json"))
    wanted = eager(real_trace(name))
    assert found.graphs
    assert found.graphs.told_ns == found.graphs.total_ns > 0
    assert shares(wanted, found) == (rows, 0, 0)
    assert parts(report(found)) == parts(report(wanted))


def parts(found: TraceReport) -> dict[str, Any]:
    return {name: msgspec.to_builtins(getattr(found, name)) for name in PARTS}


@pytest.mark.slow
def test_where_the_order_is_not_certain_nothing_is_told(tmp_path: Path) -> None:
    """Nothing wrong is told of kernels that an executor put on streams of its own."""
    one = replayed(MI300, nodes=False, scattered=True)
    found = analyse(written(one, tmp_path / "replays.json"))
    _, wrong, untold = shares(eager(real_trace(MI300)), found)
    assert (wrong, untold) == (0, 1790)
    assert [untold.why for untold in found.graphs.untold] == ["order"]  # type: ignore[union-attr]


@pytest.mark.slow
def test_an_eager_step_of_another_trace_tells_the_same(tmp_path: Path) -> None:
    """The first step is left out of the trace of replays; the whole eager trace is beside it."""
    path = real_trace(MI300)
    own = recorded(path)
    alone = without_step(replayed(MI300, nodes=True), own, 0)
    found = report(analyse(written(alone, tmp_path / "alone.json"), capture=lambda: read(path)))
    first = Replaying(header=own.header, rows=own.rows, was=[])
    rest = report(analyse(written(without_step(first, own, 0), tmp_path / "rest.json")))
    assert found.trust.steps_used == 2
    assert parts(found) == parts(rest)


@pytest.mark.slow
def test_a_capture_without_kernels_tells_the_same(tmp_path: Path) -> None:
    own = recorded(real_trace(V100))
    captured = as_capture(replayed(V100, nodes=True, scattered=True), own, 0)
    found = report(analyse(written(captured, tmp_path / "captured.json")))
    assert found.graphs
    assert [one.kind for one in found.graphs.sources] == ["capture"]
    first = Replaying(header=own.header, rows=own.rows, was=[])
    rest = report(analyse(written(without_step(first, own, 0), tmp_path / "rest.json")))
    assert parts(found) == parts(rest)


@pytest.mark.slow
def test_another_network_tells_nothing(tmp_path: Path) -> None:
    """Of another machine and network: every kernel differs, and so do captures."""
    own = recorded(real_trace(MI300))
    alone = without_step(replayed(MI300, nodes=True), own, 0)
    path = written(alone, tmp_path / "alone.json")
    found = report(analyse(path, capture=lambda: read(real_trace(A100))))
    assert found.graphs
    assert (found.graphs.told_ns, [one.why for one in found.graphs.untold]) == (0, ["names"])

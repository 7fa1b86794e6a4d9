"""What real traces are known to say; the identity holds in each of them."""

import gzip
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import Analysis, analyse, of
from resnext_bench.reports.trace.kernels.directions import DIRECTIONS
from resnext_bench.reports.trace.ranks.side_by_side import collectives, ranks
from resnext_bench.reports.trace.reading.read import read
from resnext_bench.reports.trace.reading.trace import Kind
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.nest import outermost
from tests.reports.trace.real import real_trace
from tests.reports.trace.words import kinds, sentences_of

A100 = "a100-resnet50-ddp2-rank0.pt.trace.json.gz"
MI300 = "mi300x-resnet50-ddp8-rank0.pt.trace.json.gz"
V100 = "v100-resnet50-6steps.pt.trace.json.gz"
NAMES = (
    A100,
    MI300,
    V100,
    "a100-alexnet-cuda-sync.pt.trace.json.gz",
    "a100-three-streams.pt.trace.json.gz",
    "a100-triton-one-kernel.pt.trace.json.gz",
    "no-gpu-events.pt.trace.json.gz",
    *(f"v100x8-dlrm/rank{rank}.pt.trace.json.gz" for rank in range(8)),
)


def reported(name: str) -> TraceReport:
    return report(analyse(real_trace(name)))


def oracle(start: list[int], end: list[int], low: int, high: int) -> int:
    """Length of a union within a window, by a sweep over sorted intervals."""
    total, reach = 0, low
    for one, other in sorted(zip(start, end, strict=True)):
        first, last = max(one, reach), min(other, high)
        if last > first:
            total, reach = total + last - first, last
    return total


@pytest.mark.parametrize("name", NAMES)
def test_the_identity_holds_and_busy_is_the_union(name: str) -> None:
    analysis = analyse(real_trace(name))
    found = report(analysis)
    steps = found.steps
    assert steps.step_ns
    parts = zip(
        steps.compute_ns,
        steps.exposed_communication_ns,
        steps.exposed_copy_ns,
        steps.idle_ns,
        strict=True,
    )
    assert [sum(one) for one in parts] == steps.step_ns
    assert sum(row.total_ns for row in found.idle) == sum(steps.idle_ns)
    assert set(kinds(found)) <= {"times_coarse", "steps_unmarked", "host_alone"}
    if analysis.device is None:
        return
    device, used = analysis.trace.device, analysis.steps.used
    start, end = device.start.tolist(), device.end.tolist()
    windows = analysis.steps.windows
    bounds = zip(windows.start[used].tolist(), windows.end[used].tolist(), strict=True)
    assert found.sums.busy_ns == sum(oracle(start, end, low, high) for low, high in bounds)


def test_the_layout_tax_of_an_a100() -> None:
    found = reported(A100)
    assert round(100 * found.layout.share_of_compute, 1) == 13.1
    assert found.trust.dropped == {"Out-of-range": 4181}
    assert found.trust.linked_operator == 1


def test_the_layout_tax_of_an_mi300() -> None:
    """20.7 % in batched transposes; casts of sub-tensors after split-k products are none of it."""
    found = reported(MI300)
    computing = found.layout.total_ns / found.layout.share_of_compute
    told = "batched_transpose"
    known = sum(row.total_ns for row in found.kernels if row.name.startswith(told))
    assert round(100 * known / computing, 1) == 20.7
    assert round(100 * found.layout.share_of_compute, 1) == 21.9


def test_the_lag_of_an_mi300() -> None:
    """1.8 host steps after a step began on the host its first kernel runs.

    By the host's windows the second step has 13.9 ms of kernels; it launched 22.9 ms.
    """
    analysis = analyse(real_trace(MI300))
    found, device = analysis.steps, analysis.trace.device
    begun = device.start[np.flatnonzero(found.of_device == 0)[0]] - found.host.start[0]
    assert begun / found.host.length[0] == pytest.approx(1.8, abs=0.05)
    assert report(analysis).trust.lag_steps == pytest.approx(2.4, abs=0.05)
    inside = (device.start >= found.host.start[1]) & (device.start < found.host.end[1])
    assert device.duration[inside].sum() / 1e6 == pytest.approx(13.9, abs=0.05)
    assert device.duration[found.of_device == 1].sum() / 1e6 == pytest.approx(22.9, abs=0.05)


@pytest.mark.parametrize("name", [A100, MI300, V100])
def test_steps_are_found_without_the_profilers_marks(name: str) -> None:
    """By annotations, by the optimizer, and where the trace has neither by launches that repeat."""
    trace = real_trace(name)
    read_, whole = read(trace), analyse(trace)
    names = np.array(["ProfilerStep" in one for one in read_.names])
    steps = names[read_.host.name]
    optimizer = np.array([one.startswith("Optimizer.step") for one in read_.names])
    marks = read_.host.kind == Kind.ANNOTATION
    marks |= optimizer[read_.host.name]
    expected = whole.steps.windows.length[whole.steps.used]
    for left_out, kind in ((steps, "annotation"), (steps | marks, "pattern")):
        host = read_.host.take(np.flatnonzero(~left_out))
        found = of(replace(read_, host=host)).steps
        assert found.source.kind == kind
        assert found.windows.length[1:].tolist() == expected[1:].tolist()
        assert found.windows.length[0] == pytest.approx(expected[0], rel=0.01)


def test_sequence_numbers_tell_the_forward_pass_of_a_v100() -> None:
    """All of its kernels are in one pass, but for copies of batches and what adds up the loss."""
    found = reported(V100)
    other = {row.cls: row.other_ns for row in found.classes if row.other_ns}
    assert max(other, key=lambda one: other[one]) == "copy"
    assert sum(other.values()) < 0.02 * found.sums.work_ns


def test_all_kernels_of_real_traces_have_a_class() -> None:
    """Of the A100's tensor cores nothing is unknown: mangled names are demangled."""
    cores = reported(A100).tensor_cores
    assert cores
    assert cores.unknown_ns == 0
    for name in (A100, MI300, V100):
        found = reported(name)
        assert {row.cls for row in found.classes} & {"other", "conv"} == set()
        talks = {row.name for row in found.kernels if "nccl" in row.name}
        assert talks == {row.name for row in found.kernels if row.cls == "communication"}


def test_a_v100_has_no_tensor_cores_in_fp32() -> None:
    cores = reported(V100).tensor_cores
    assert cores
    assert cores.not_used_ns == cores.eligible_ns > 0


def test_formats_and_types_of_real_convolutions() -> None:
    rows = reported(MI300).convs
    assert {(row.dtype, row.input_format, row.groups) for row in rows} == {("bf16", "NCHW", 1)}
    assert all(row.tflops for row in rows)
    assert sum(row.calls for row in rows if row.direction == "forward") >= 117


def directions(analysis: Analysis) -> dict[str, int]:
    """Kernels of each direction of convolutions."""
    of = analysis.work.direction
    return {one: int((of == number).sum()) for number, one in enumerate(DIRECTIONS)}


@pytest.mark.parametrize(
    ("name", "calls", "firsts"), [(A100, 159, 3), (MI300, 60, 3), (V100, 318, 6)]
)
def test_a_backward_call_has_at_most_one_gradient_of_each(
    name: str, calls: int, firsts: int
) -> None:
    """The first layer has that of the weight alone; nothing is undetermined."""
    analysis = analyse(real_trace(name))
    work, names = analysis.work, np.array(analysis.trace.names)
    backward = np.char.find(names[analysis.trace.host.name], "convolution_backward") > 0
    call = outermost(backward, analysis.links.parent, work.row)
    mine = (call >= 0) & (work.direction >= 0)
    found = Counter(
        tuple(sorted({DIRECTIONS[one] for one in work.direction[mine & (call == row)]}))
        for row in np.unique(call[mine])
    )
    both = ("input gradient", "weight gradient")
    assert found == {both: calls - firsts, ("weight gradient",): firsts}


def test_directions_do_not_rest_on_operators_of_one_gradient(tmp_path: Path) -> None:
    """The V100's trace has them; without them each kernel gets the same direction."""
    raw = gzip.decompress(real_trace(V100).read_bytes())
    for half in (b"input", b"weight"):
        raw = raw.replace(
            b'"aten::cudnn_convolution_backward_' + half, b'"aten::cudnn_convolution_backward'
        )
    path = tmp_path / "trace.json"
    path.write_bytes(raw.replace(b'"Input Dims"', b'"Nothing"'))
    plain, hidden = analyse(real_trace(V100)), analyse(path)
    assert (plain.work.direction == hidden.work.direction).all()
    assert (plain.work.cls == hidden.work.cls).all()
    assert directions(hidden)["undetermined"] == 0


def test_products_of_real_traces() -> None:
    """The classifier of a ResNet-18 by its sizes; those of a recommender by their number."""
    assert [(row.shape, row.layout, row.which) for row in reported(MI300).products] == [
        ("10x512x1000", "NN", "backward"),
        ("1000x512x10", "TN", "backward"),
        ("10x1000x512", "NT", "forward"),
    ]
    rank = reported("v100x8-dlrm/rank0.pt.trace.json.gz")
    assert sum(row.calls for row in rank.products) == 23
    of_class = sum(row.total_ns for row in rank.classes if row.cls == "matrix product")
    assert sum(row.total_ns for row in rank.products) >= of_class
    assert {row.dtype for row in rank.products} == {"fp32"}


def test_waiting_and_transfer_of_eight_ranks() -> None:
    folder = real_trace("v100x8-dlrm")
    analyses = [analyse(folder / f"rank{rank}.pt.trace.json.gz") for rank in range(8)]
    found = ranks(
        [report(one) for one in analyses], [collectives(one) for one in analyses], whole=True
    )
    sends = next(row for row in found.collectives if "SendRecv" in row.name)
    assert (sends.shortest_ns, sends.longest_ns) == (7000, 7_635_000)
    assert sends.transfer_ns == 36_000
    assert found.missing == found.facts == []


def test_a_missing_rank_is_told() -> None:
    folder = real_trace("v100x8-dlrm")
    paths = [folder / f"rank{rank}.pt.trace.json.gz" for rank in (0, 2)]
    analyses = [analyse(path) for path in map(Path, paths)]
    found = ranks(
        [report(one) for one in analyses], [collectives(one) for one in analyses], whole=True
    )
    assert found.missing == [1, 3, 4, 5, 6, 7]
    assert sentences_of(found) == ["traces of 6 of 8 ranks are missing: 1, 3, 4, 5, 6, 7"]

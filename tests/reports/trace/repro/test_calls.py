"""The calls of a made trace: in which order, of which time, with which hints."""

from pathlib import Path

import pytest

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.repro.calls import Found, calls_of, listed
from resnext_bench.reports.trace.repro.resolve import Resolved
from tests.reports.trace.made import Made
from tests.reports.trace.repro.running import CONV, here, n, t


def recorded(*arguments: tuple[str, object, str]) -> dict[str, object]:
    """As the profiler writes it."""
    kinds, sizes, values = zip(*arguments, strict=True)
    return {"Input type": kinds, "Input Dims": sizes, "Concrete Inputs": values}


X, BIG = t(4, 6), t(40, 60)


def made() -> Made:
    """Three calls of one shape, one of another, a convolution in two operators, a collective."""
    trace = Made(
        header={"schemaVersion": 1, "deviceProperties": [{"id": 0, "name": "NVIDIA H200"}]}
    )
    trace.step(1, 0, 2000)
    for at, us in ((10, 5), (30, 9), (50, 7)):
        trace.op("aten::add", at, 10, **recorded(X, X, n("1"))).kernel("add", at + 5, us)
    trace.op("aten::add", 100, 10, **recorded(BIG, BIG, n("1"))).kernel("add", 105, 20)
    trace.op("aten::convolution", 200, 50, **recorded(*CONV))
    trace.op("aten::cudnn_convolution", 210, 30, **recorded(*CONV[:2])).kernel("x_nhwc_y", 220, 100)
    trace.op("aten::linear", 400, 50, **recorded(X, t(5, 6)))
    trace.kernel("copy", 405, 4)
    trace.op("aten::mm", 410, 20, **recorded(X, t(6, 5))).kernel("sgemm", 420, 30)
    trace.op("record_param_comms", 500, 20).kernel("ncclKernel_AllReduce", 510, 60)
    trace.kernel("orphan", 900, 3, called=899)
    return trace


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    path = made().write(tmp_path_factory.mktemp("made"))
    return calls_of(analyse(path, details=True), here())


def test_most_time_first(found: list[Found]) -> None:
    told = [(one.row.number, one.row.operator, one.row.calls, one.row.total_ns) for one in found]
    assert told == [
        (1, "aten::convolution", 1, 100_000),
        (2, "record_param_comms", 1, 60_000),
        (3, "aten::mm", 1, 30_000),
        (4, "aten::add", 3, 21_000),
        (5, "aten::add", 1, 20_000),
        (6, "aten::linear", 1, 4_000),
    ]


def test_a_call_has_the_time_of_what_is_inside(found: list[Found]) -> None:
    assert {one.row.operator: one.row.median_ns for one in found[2:]} == {
        "aten::mm": 30_000,
        "aten::add": 20_000,
        "aten::linear": 34_000,
    }
    assert found[3].row.median_ns == 7_000
    assert found[3].told.device == "NVIDIA H200"


def test_rows_tell_shapes_types_and_kernels(found: list[Found]) -> None:
    row = found[3].row
    assert (row.shapes, row.types, row.kernel, row.overload) == (
        "4x6, 4x6",
        "float32",
        "add",
        "Tensor",
    )
    assert (found[1].row.refused, found[1].row.shapes) == ("collective", "")
    assert found[0].row.missing == []


def test_kernels_of_nhwc_tell_strides_that_are_not_recorded(found: list[Found]) -> None:
    call = found[0].call
    assert isinstance(call, Resolved)
    assert call.tensors[0].stride == (792, 1, 88, 8)


def test_a_transform_within_the_call_says_the_opposite(tmp_path: Path) -> None:
    trace = Made().step(1, 0, 1000).op("aten::convolution", 200, 50, **recorded(*CONV))
    trace.kernel("void nchwToNhwcKernel<float>", 210, 10).kernel("x_nhwc_conv_y", 225, 100)
    (one,) = calls_of(analyse(trace.write(tmp_path), details=True), here())
    assert isinstance(one.call, Resolved)
    assert one.call.tensors[0].stride == (792, 99, 11, 1)


def test_a_copy_from_the_host_begins_there(tmp_path: Path) -> None:
    trace = Made().step(1, 0, 1000).op("aten::copy_", 10, 50, **recorded(X, X, n("False")))
    key = trace.launch(15, name="cudaMemcpyAsync")
    trace.on_gpu("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)", 20, 9, key)
    (one,) = calls_of(analyse(trace.write(tmp_path), details=True), here())
    assert isinstance(one.call, Resolved)
    assert [tensor.on_host for tensor in one.call.tensors] == [False, True]


def test_on_a_cpu_calls_are_in_the_order_of_their_own_time(tmp_path: Path) -> None:
    trace = Made().step(1, 0, 1000)
    trace.op("aten::linear", 10, 100, **recorded(X, t(5, 6)))
    trace.op("aten::mm", 20, 80, **recorded(X, t(6, 5)))
    rows = [one.row for one in calls_of(analyse(trace.write(tmp_path), details=True), here())]
    assert [(one.operator, one.total_ns, one.median_ns) for one in rows] == [
        ("aten::mm", 80_000, 80_000),
        ("aten::linear", 20_000, 100_000),
    ]


def test_the_list_tells_what_is_of_no_operator(tmp_path: Path) -> None:
    analysis = analyse(made().write(tmp_path), details=True)
    told = listed(analysis, calls_of(analysis, here()))
    assert (told.device, told.without_ns, len(told.calls)) == ("NVIDIA H200", 3_000, 6)


def test_hostile_texts_change_no_number(tmp_path: Path) -> None:
    """Arguments that are no JSON of the profiler's leave a call without a script, and no error."""
    trace = Made().step(1, 0, 1000)
    for at, told in enumerate(
        (
            {"Input type": ["float"], "Input Dims": [["__import__('os')"]]},
            {"Input type": ["float"], "Input Dims": {"a": 1}},
            {"Input type": "float", "Input Dims": [[1]]},
            {"Input type": ["float", None], "Input Dims": [[1]], "Concrete Inputs": [1, []]},
            {"Input type": [["float"]], "Input Dims": [[1 << 70]]},
            {"Input type": ["float"] * 200, "Input Dims": [[1] * 100] * 200},
        )
    ):
        trace.op("aten::relu", 10 + 20 * at, 10, **told).kernel("k", 15 + 20 * at, 5)
    found = calls_of(analyse(trace.write(tmp_path), details=True), here())
    assert len(found) == 6
    assert all(one.row.refused for one in found)

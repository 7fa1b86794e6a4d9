"""Scripts of calls of real traces: ten of them are made, compiled, and run as far as a CPU goes."""

from functools import cache

import pytest

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.repro.calls import Found, calls_of
from resnext_bench.reports.trace.repro.resolve import Resolved
from resnext_bench.reports.trace.repro.script import script
from tests.reports.trace.real import real_trace
from tests.reports.trace.repro.running import here, ran

MI300X = "mi300x-resnet50-ddp8-rank0.pt.trace.json.gz"
V100 = "v100-resnet50-6steps.pt.trace.json.gz"
DLRM = "v100x8-dlrm/rank0.pt.trace.json.gz"
HOST = "no-gpu-events.pt.trace.json.gz"
SMALL = 3_000_000
"""Elements up to which a call is made here."""
RUN, OPEN, CANNOT = 0, 2, 5
TEN = [
    (MI300X, "aten::convolution", RUN),
    (MI300X, "aten::native_batch_norm_backward", CANNOT),  # types that no CPU mixes
    (MI300X, "aten::addmm", RUN),
    (MI300X, "aten::max_pool2d_with_indices_backward", RUN),
    (V100, "aten::cudnn_convolution_backward", OPEN),
    (V100, "aten::cudnn_batch_norm", OPEN),
    (V100, "aten::mm", RUN),
    (DLRM, "aten::bmm", RUN),
    (DLRM, "aten::addcdiv_", RUN),
    (HOST, "aten::sigmoid", RUN),
]


@cache
def _calls(name: str) -> list[Found]:
    return calls_of(analyse(real_trace(name), details=True), here())


def _smallest(name: str, operator: str) -> Found:
    found = [one for one in _calls(name) if one.row.operator == operator]

    def elements(one: Found) -> int:
        assert isinstance(one.call, Resolved)
        return sum(tensor.elements for tensor in one.call.tensors)

    return min(found, key=elements)


@pytest.mark.parametrize(("name", "operator", "code"), TEN)
def test_ten_of_them(monkeypatch: pytest.MonkeyPatch, name: str, operator: str, code: int) -> None:
    one = _smallest(name, operator)
    assert isinstance(one.call, Resolved)
    found = ran(monkeypatch, script(one.call, one.told))
    assert found.code == code, found.out
    assert ("right: " in found.out) == (code == RUN)


FILLED = {
    "stride": "[1, 1]",
    "padding": "[1, 1]",
    "dilation": "[1, 1]",
    "output_mask": "[True, True]",
}


def test_a_backward_convolution_of_pytorch_1_8_when_it_is_filled_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = next(
        one
        for one in _calls(V100)
        if one.row.operator == "aten::cudnn_convolution_backward"
        and one.row.shapes == "32x512x7x7, 32x512x7x7, 512x512x3x3"
    )
    assert isinstance(one.call, Resolved)
    text = script(one.call, one.told).replace("(32, 512,", "(2, 512,")
    for name, value in FILLED.items():
        text = text.replace(f'"{name}": ...', f'"{name}": {value}')
    found = ran(monkeypatch, text)
    assert (found.code, len(found.names["off"])) == (0, 2), found.out


@pytest.mark.slow
@pytest.mark.parametrize("name", [MI300X, V100, DLRM, HOST])
def test_no_script_of_any_call_is_wrong(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Of each operator the first two small ones run; all others compile."""
    seen: dict[str, int] = {}
    for one in _calls(name):
        if not isinstance(one.call, Resolved):
            continue
        text = script(one.call, one.told)
        compile(text, "repro.py", "exec")
        seen[one.row.operator] = seen.get(one.row.operator, 0) + 1
        elements = sum(tensor.elements for tensor in one.call.tensors)
        if seen[one.row.operator] < 3 and elements < SMALL:
            found = ran(monkeypatch, text)
            assert found.code in (RUN, OPEN, CANNOT), (one.row, found.out)
    assert seen


def test_numbers_mean_the_same_each_time() -> None:
    again = calls_of(analyse(real_trace(DLRM), details=True), here())
    assert [one.row for one in again] == [one.row for one in _calls(DLRM)]


def test_without_shapes_nothing_is_made_up() -> None:
    found = _calls("a100-resnet50-ddp2-rank0.pt.trace.json.gz")
    assert {one.row.refused for one in found} == {"shapes", "collective"}

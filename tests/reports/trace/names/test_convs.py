"""Convolutions out of what the profiler records, against torch itself."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.names.conv_arguments import CALLS, read
from resnext_bench.reports.trace.names.convs import Conv, Kind, label, memory_format, with_outputs
from resnext_bench.reports.trace.report import report

NONE = (b"", b"", b"")
"""Strides, types and inputs that are not recorded."""


def arguments(**changed: object) -> tuple[bytes, bytes, bytes, bytes]:
    """Of aten::convolution: 32 groups of 4 channels, batch 8, NHWC, bf16."""
    given: dict[str, object] = {
        "dims": [[8, 128, 56, 56], [128, 4, 3, 3], [], [], [], [], [], [], []],
        "strides": [[401408, 1, 7168, 128], [36, 1, 12, 4], [], [], [], [], [], [], []],
        "types": ["c10::BFloat16", "c10::BFloat16", "", "ScalarList"],
        "inputs": ["", "", "", "[2, 2]", "[1, 1]", "[1, 1]", "False", "[0, 0]", "32"],
    } | changed
    dims, strides, types, inputs = (json.dumps(one).encode() for one in given.values())
    return dims, strides, types, inputs


def conv(**changed: object) -> Conv:
    found = read("aten::convolution", *arguments(**changed))
    assert found
    return found


def test_a_grouped_convolution() -> None:
    found = conv()
    assert (found.batch, found.channels, found.filters, found.groups) == (8, 128, 128, 32)
    assert (found.size, found.out, found.stride) == ((56, 56), (28, 28), (2, 2))
    assert (found.dtype, found.input_format, found.weight_format) == ("bf16", "NHWC", "NHWC")
    assert found.flops(Kind.FORWARD) == 2 * 8 * 28 * 28 * 128 * 4 * 9
    assert found.flops(Kind.WEIGHT) == found.flops(Kind.FORWARD)
    assert found.flops(Kind.UNDETERMINED) is None
    assert found.flops(Kind.BACKWARD) is None, "nothing tells which gradients were wanted"
    assert label(found) == "128@56 → 128 3x3/2 g32x4 n8"


def test_what_is_not_recorded_is_unknown() -> None:
    found = read("aten::convolution", arguments()[0], *NONE)
    assert found
    assert (found.groups, found.out, found.stride) == (32, None, None)
    assert (found.dtype, found.input_format) == ("unknown", "unknown")
    assert found.flops(Kind.FORWARD) is None


def backward(out: int) -> Conv:
    """As PyTorch 1.8 recorded it: sizes and types alone."""
    sizes = [[8, 128, 56, 56], [8, 128, out, out], [128, 4, 3, 3], [], [], [], [], []]
    found = read("aten::cudnn_convolution_backward", json.dumps(sizes).encode(), *NONE)
    assert found
    return found


def test_the_backward_pass_tells_the_size_of_the_output() -> None:
    forward = read("aten::convolution", arguments()[0], *NONE)
    assert forward
    told, _ = with_outputs([forward, backward(28)])
    assert told.flops(Kind.FORWARD) == conv().flops(Kind.FORWARD)
    for others in ([], [backward(28), backward(56)]):
        assert with_outputs([forward, *others])[0].flops(Kind.FORWARD) is None
    other = read("aten::convolution", arguments(dims=[[8, 128, 28, 28], [128, 4, 3, 3]])[0], *NONE)
    assert other
    assert with_outputs([other, backward(28)])[0].out is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"dims": []}, "no shapes"),
        ({"dims": [[8, 128, 56, 56]]}, "no weight"),
        ({"dims": [[8, 128], [128, 4]]}, "too few dimensions"),
        ({"dims": [[8, 128, 56, 56], [128, 4, 3]]}, "dimensions differ"),
        ({"dims": [[8, 128, 56, 56], [128, 0, 3, 3]]}, "nothing in a filter"),
        ({"dims": [[8, 128, 56, -1], [128, 4, 3, 3]]}, "a negative size"),
        ({"dims": [[8, 128, 56, 2.5], [128, 4, 3, 3]]}, "half a pixel"),
        ({"dims": [[8, 100, 56, 56], [128, 3, 3, 3]]}, "groups that do not divide"),
        ({"inputs": ["", "", "", "[1]", "[1]", "[1]", "False", "[0]", "16"]}, "contradiction"),
        ({"inputs": ["", "", "", "[1]", "[1]", "[1]", "False", "[0]", "0"]}, "no groups"),
    ],
)
def test_nonsense_is_no_convolution(changed: dict[str, object], why: str) -> None:
    assert read("aten::convolution", *arguments(**changed)) is None, why


@pytest.mark.parametrize("name", ["aten::add", "aten::conv2d", ""])
def test_other_operators_are_no_call(name: str) -> None:
    assert read(name, *arguments()) is None


@given(st.sampled_from(sorted(CALLS)), *[st.binary(max_size=30)] * 4)
def test_any_bytes_are_read(name: str, a: bytes, b: bytes, c: bytes, d: bytes) -> None:
    read(name, a, b, c, d)


VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


@given(st.sampled_from(sorted(CALLS)), st.lists(VALUES, min_size=4, max_size=4))
def test_any_json_is_read(name: str, values: list[object]) -> None:
    dims, strides, types, inputs = (json.dumps(one).encode() for one in values)
    found = read(name, dims, strides, types, inputs)
    assert found is None or label(found)


small = st.integers(1, 3)


@given(small, small, small, st.integers(3, 9), small, small, st.integers(0, 2), small)
def test_sizes_and_flops_are_torchs(
    batch: int, groups: int, width: int, size: int, window: int, by: int, pad: int, gap: int
) -> None:
    if size + 2 * pad < gap * (window - 1) + 1:
        return
    channels, filters = groups * width, groups * 2
    data = torch.empty(batch, channels, size, size, device="meta")
    weight = torch.empty(filters, width, window, window, device="meta")
    inputs = ["", "", "", f"[{by}, {by}]", f"[{pad}, {pad}]", f"[{gap}, {gap}]", "False", "[0, 0]"]
    found = conv(
        dims=[list(data.shape), list(weight.shape)],
        strides=[list(data.stride()), list(weight.stride())],
        inputs=[*inputs, str(groups)],
    )
    with FlopCounterMode(display=False) as counter:
        out = nn.functional.conv2d(data, weight, None, by, pad, gap, groups)
    assert found.out == tuple(out.shape[2:])
    assert found.flops(Kind.FORWARD) == counter.get_total_flops()


@given(st.lists(st.integers(1, 3), min_size=4, max_size=4), st.permutations(range(4)))
def test_memory_formats_are_torchs(size: list[int], order: list[int]) -> None:
    tensor = torch.empty([size[one] for one in order]).permute(
        [order.index(one) for one in range(4)]
    )
    last = tensor.is_contiguous(memory_format=torch.channels_last)
    first = tensor.is_contiguous()
    expected = {(True, True): "either", (True, False): "NHWC", (False, True): "NCHW"}
    found = memory_format(tuple(tensor.shape), tuple(tensor.stride()))
    assert found == expected.get((last, first), "other")


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("channels_last", [True, False])
def test_what_torch_records_today(tmp_path: Path, groups: int, channels_last: bool) -> None:
    form = torch.channels_last if channels_last else torch.contiguous_format
    layer = nn.Conv2d(16, 32, 3, 2, 1, groups=groups, bias=False).to(memory_format=form)
    images = torch.randn(2, 16, 8, 8, requires_grad=True).to(memory_format=form)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        with torch.autocast("cpu", torch.bfloat16):
            out = layer(images)
        out.float().sum().backward()
    profiler.export_chrome_trace(str(tmp_path / "t.json"))
    rows = report(analyse(tmp_path / "t.json")).convs
    told = {(row.direction, row.shape, row.dtype, row.input_format) for row in rows}
    shape = "16@8 → 32 3x3/2" + (" g4x4" if groups == 4 else "") + " n2"
    layout = "NHWC" if channels_last else "NCHW"
    assert told == {(one, shape, "bf16", layout) for one in ("forward", "backward")}
    assert all(row.tflops and row.calls == 1 for row in rows)


def test_a_transposed_convolution() -> None:
    found = conv(
        dims=[[2, 8, 5, 5], [8, 6, 3, 3]],
        strides=[[200, 25, 5, 1], [54, 9, 3, 1]],
        inputs=["", "", "", "[2, 2]", "[1, 1]", "[1, 1]", "True", "[1, 1]", "2"],
    )
    with FlopCounterMode(display=False) as counter:
        weight = torch.empty(8, 6, 3, 3, device="meta")
        data = torch.empty(2, 8, 5, 5, device="meta")
        nn.functional.conv_transpose2d(data, weight, None, 2, 1, 1, 2)
    assert (found.filters, found.groups, found.transposed) == (12, 2, True)
    assert found.flops(Kind.FORWARD) == counter.get_total_flops()

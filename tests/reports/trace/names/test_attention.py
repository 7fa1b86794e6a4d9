"""Attention out of what the profiler records, against torch itself."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention as attend
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.names.arguments import Arguments
from resnext_bench.reports.trace.names.attention import CALLS, Attention, label, read
from resnext_bench.reports.trace.report import report

FLASH = "aten::_scaled_dot_product_flash_attention"
HEADS_FIRST = [[2, 8, 128, 64], [2, 2, 128, 64], [2, 2, 128, 64]]
HEADS_LAST = [[2, 128, 8, 64], [2, 128, 2, 64], [2, 128, 2, 64]]
FLOPS = 4 * 2 * 8 * 128 * 128 * 64


def call(name: str, dims: Any, inputs: Any = ()) -> Attention | None:
    types = ["c10::BFloat16"] * len(dims)
    return read(name, Arguments(dims=dims, strides=(), types=types, inputs=inputs))


def at(place: int, value: str) -> list[str]:
    return [""] * place + [value]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (FLASH, 4),
        ("aten::_scaled_dot_product_efficient_attention", 6),
        ("aten::_scaled_dot_product_cudnn_attention", 6),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", 4),
    ],
)
@pytest.mark.parametrize(("told", "causal"), [("True", True), ("False", False), ("", None)])
def test_forward(name: str, place: int, told: str, causal: bool | None) -> None:
    found = call(name, HEADS_FIRST, at(place, told))
    assert found
    assert (found.batch, found.heads, found.kv_heads) == (2, 8, 2)
    assert (found.queries, found.keys, found.width, found.causal) == (128, 128, 64, causal)
    assert found.flops == (FLOPS // 2 if causal else FLOPS)
    assert label(found) == "n2 h8/2 128x128 d64"


@pytest.mark.parametrize(
    ("name", "place", "dims"),
    [
        (f"{FLASH}_backward", 11, HEADS_FIRST),
        ("aten::_scaled_dot_product_efficient_attention_backward", 11, HEADS_FIRST),
        ("aten::_scaled_dot_product_cudnn_attention_backward", 14, HEADS_FIRST),
        ("aten::_flash_attention_backward", 11, HEADS_LAST),
        ("flash_attn::_flash_attn_backward", 11, HEADS_LAST),
    ],
)
def test_backward(name: str, place: int, dims: Any) -> None:
    found = call(name, [dims[0], *dims], at(place, "True"))
    assert found
    assert found.backward
    assert label(found) == "n2 h8/2 128x128 d64"
    assert found.flops == 5 * FLOPS // 4


def test_a_mask_by_its_number() -> None:
    name = "aten::_efficient_attention_forward"
    for told, flops in (("0", FLOPS), ("1", FLOPS // 2), ("2", FLOPS // 2)):
        found = call(name, HEADS_LAST, at(9, told))
        assert found
        assert found.flops == flops


def test_sequences_behind_one_another() -> None:
    """Their lengths are data, which no profiler records."""
    packed = [[900, 8, 64], [900, 2, 64], [900, 2, 64], [5], [5]]
    found = call("aten::_flash_attention_forward", packed, at(8, "True"))
    other = call("flash_attn::_flash_attn_varlen_forward", packed, at(9, "True"))
    assert found
    assert other
    assert (found.batch, found.queries, found.flops) == (4, None, None)
    assert label(found) == label(other) == "n4 h8/2 900 tokens d64"


@pytest.mark.parametrize(("window", "known"), [("-1", True), ("", True), ("256", False)])
def test_a_window_leaves_an_unknown_part(window: str, known: bool) -> None:
    inputs = [*at(8, "True"), "False", "", window, window]
    found = call("aten::_flash_attention_forward", HEADS_LAST, inputs)
    assert found
    assert (found.flops is not None) == known


def test_causal_lengths_that_differ_leave_open_what_is_masked() -> None:
    dims = [[2, 8, 1, 64], [2, 8, 128, 64], [2, 8, 128, 64]]
    causal, plain = (call(FLASH, dims, at(4, told)) for told in ("True", "False"))
    assert causal
    assert plain
    assert causal.flops is None
    assert plain.flops == 4 * 2 * 8 * 128 * 64


@pytest.mark.parametrize(
    "dims",
    [
        [],
        [HEADS_FIRST[0]],
        [[128, 8, 64]] * 3,
        [[2, 8, 128, 64], [2, 3, 128, 64], [2, 3, 128, 64]],
        [[2, 8, 128, 64], [2, 8, 128, 32], [2, 8, 128, 32]],
        [[2, 8, 0, 64]] * 3,
    ],
)
def test_nonsense_is_none(dims: Any) -> None:
    assert call(FLASH, dims) is None


values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(sorted(CALLS)), st.lists(values, min_size=4, max_size=4))
def test_any_json_is_read(name: str, told: list[object]) -> None:
    dims, strides, types, inputs = (json.dumps(one).encode() for one in told)
    found = read(name, Arguments.read((dims, strides, types, inputs)))
    assert found is None or label(found)


@pytest.mark.parametrize("causal", [True, False])
def test_what_torch_records_today(tmp_path: Path, causal: bool) -> None:
    """Torch's own counter takes no notice of the mask."""
    query, key, value = (torch.randn(2, 4, 64, 16, requires_grad=True) for _ in range(3))
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        attend(query, key, value, is_causal=causal).sum().backward()
    profiler.export_chrome_trace(str(tmp_path / "t.json"))
    rows = {row.backward: row for row in report(analyse(tmp_path / "t.json")).attention}
    with FlopCounterMode(display=False) as counter:
        attend(query, key, value, is_causal=causal)
    flops = {one: row.tflops * row.median_ns * 1e3 for one, row in rows.items() if row.tflops}
    assert flops[False] * (2 if causal else 1) == pytest.approx(counter.get_total_flops())
    assert flops[True] == pytest.approx(2.5 * flops[False])
    assert {(row.shape, row.dtype, row.causal, row.calls) for row in rows.values()} == {
        ("n2 h4 64x64 d16", "fp32", causal, 1)
    }

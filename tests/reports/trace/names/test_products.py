"""Matrix products out of what the profiler records, against torch itself."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from resnext_bench.reports.schema.trace_products import ProductRow
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.names.arguments import Arguments
from resnext_bench.reports.trace.names.products import CALLS, Product, label, read
from resnext_bench.reports.trace.report import report

BF16 = "c10::BFloat16"


def product(
    name: str, dims: Any, strides: Any = (), types: Any = (BF16, BF16, BF16)
) -> Product | None:
    return read(name, Arguments(dims=dims, strides=strides, types=types, inputs=()))


@pytest.mark.parametrize(
    ("name", "dims", "sizes"),
    [
        ("aten::mm", [[3, 5], [5, 7]], (1, 3, 7, 5)),
        ("aten::_scaled_mm", [[3, 5], [5, 7], [], []], (1, 3, 7, 5)),
        ("aten::addmm", [[7], [3, 5], [5, 7], [], []], (1, 3, 7, 5)),
        ("aten::bmm", [[2, 3, 5], [2, 5, 7]], (2, 3, 7, 5)),
        ("aten::baddbmm", [[1], [2, 3, 5], [2, 5, 7], [], []], (2, 3, 7, 5)),
        ("aten::mv", [[3, 5], [5]], (1, 3, 1, 5)),
        ("aten::addmv", [[3], [3, 5], [5]], (1, 3, 1, 5)),
        ("aten::dot", [[5], [5]], (1, 1, 1, 5)),
        ("aten::linear", [[2, 3, 5], [7, 5], [7]], (1, 6, 7, 5)),
        ("aten::linear", [[5], [7, 5], []], (1, 1, 7, 5)),
        ("aten::matmul", [[2, 1, 3, 5], [4, 5, 7]], (8, 3, 7, 5)),
        ("aten::matmul", [[2, 3, 5], [5, 7]], (1, 6, 7, 5)),
        ("aten::matmul", [[5], [2, 5, 7]], (2, 1, 7, 5)),
        ("aten::matmul", [[3, 5], [5]], (1, 3, 1, 5)),
        ("aten::_grouped_mm", [[30, 5], [4, 5, 7], [4]], (1, 30, 7, 5)),
        ("aten::_grouped_mm", [[4, 3, 5], [5, 70], [4]], (1, 3, 70, 5)),
        ("aten::_scaled_grouped_mm", [[3, 50], [50, 7], [], [], [4]], (1, 3, 7, 50)),
        ("aten::_grouped_mm", [[4, 3, 5], [4, 5, 7]], (4, 3, 7, 5)),
    ],
)
def test_sizes_of_operators(name: str, dims: Any, sizes: tuple[int, ...]) -> None:
    found = product(name, dims)
    assert found
    assert (found.batch, found.m, found.n, found.k) == sizes
    assert found.flops == 2 * found.batch * found.m * found.n * found.k
    assert found.dtype == "bf16"


@pytest.mark.parametrize(
    ("name", "dims"),
    [
        ("aten::mm", []),
        ("aten::mm", [[3, 5]]),
        ("aten::mm", [[3, 5], [4, 7]]),
        ("aten::mm", [[3, 5], [2, 5, 7]]),
        ("aten::mm", [[0, 5], [5, 7]]),
        ("aten::mm", [[3, -5], [-5, 7]]),
        ("aten::mm", [[3, 2.5], [2.5, 7]]),
        ("aten::bmm", [[2, 3, 5], [3, 5, 7]]),
        ("aten::matmul", [[2, 3, 5], [3, 5, 7]]),
        ("aten::dot", [[5], [6]]),
        ("aten::add", [[3, 5], [5, 7]]),
    ],
)
def test_nonsense_is_no_product(name: str, dims: Any) -> None:
    assert product(name, dims) is None


@pytest.mark.parametrize(
    ("strides", "layout"),
    [
        ([[5, 1], [7, 1]], "NN"),
        ([[1, 3], [7, 1]], "TN"),
        ([[5, 1], [1, 5]], "NT"),
        ([[10, 2], [7, 1]], "?N"),
        ([], "??"),
    ],
)
def test_how_factors_lie_in_memory(strides: Any, layout: str) -> None:
    found = product("aten::mm", [[3, 5], [5, 7]], strides)
    assert found
    assert found.layout == layout


def test_a_weight_by_rows_is_transposed() -> None:
    found = product("aten::linear", [[3, 5], [7, 5]], [[5, 1], [5, 1]])
    assert found
    assert found.layout == "NT"


def test_types() -> None:
    mixed = product("aten::_scaled_mm", [[3, 5], [5, 7]], (), ["c10::Float8_e4m3fn", BF16])
    packed = product("aten::_scaled_mm", [[3, 5], [5, 7]], (), ["c10::Float4_e2m1fn_x2"] * 2)
    told = product("aten::mm", [[3, 5], [5, 7]], (), ["c10::complex<float>"] * 2)
    assert mixed
    assert packed
    assert told
    assert mixed.dtype == "fp8×bf16"
    assert (packed.dtype, packed.k) == ("fp4", 10)
    assert told.flops == 8 * 3 * 5 * 7


def test_labels() -> None:
    one = product("aten::mm", [[3, 5], [5, 7]])
    several = product("aten::bmm", [[2, 3, 5], [2, 5, 7]])
    assert one
    assert several
    assert (label(one), label(several)) == ("3x7x5", "3x7x5 b2")


values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(sorted(CALLS)), st.lists(values, min_size=3, max_size=3))
def test_any_json_is_read(name: str, told: list[object]) -> None:
    dims, strides, types = (json.dumps(one).encode() for one in told)
    found = read(name, Arguments.read((dims, strides, types, b"")))
    assert found is None or label(found)


def profiled(folder: Path, work: Callable[[], Tensor]) -> list[ProductRow]:
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        out = work()
        if out.requires_grad:
            out.float().sum().backward()
    profiler.export_chrome_trace(str(folder / "t.json"))
    return report(analyse(folder / "t.json")).products


A, B, C = torch.randn(6, 5), torch.randn(5, 7), torch.randn(7)
WORK: dict[str, Callable[[], Tensor]] = {
    "mm": lambda: A @ B,
    "transposed": lambda: A.T.contiguous().T @ B,
    "addmm": lambda: torch.addmm(C, A, B),
    "bmm": lambda: torch.bmm(A.expand(3, 6, 5), B.expand(3, 5, 7)),
    "matmul": lambda: torch.matmul(torch.randn(2, 3, 6, 5), torch.randn(3, 5, 7)),
    "einsum": lambda: torch.einsum("bij,bjk->bik", torch.randn(3, 6, 5), torch.randn(3, 5, 7)),
    "linear": lambda: nn.Linear(5, 7)(torch.randn(4, 6, 5, requires_grad=True)),
    "no bias": lambda: nn.Linear(5, 7, bias=False)(A),
}


@pytest.mark.parametrize("name", WORK)
def test_what_torch_records_today(tmp_path: Path, name: str) -> None:
    """Each product once, by its innermost operator, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        out = WORK[name]()
        if out.requires_grad:
            out.sum().backward()
    rows = profiled(tmp_path, WORK[name])
    flops = sum(2 * row.batch * row.m * row.n * row.k * row.calls for row in rows)
    assert flops == counter.get_total_flops()
    assert {row.dtype for row in rows} == {"fp32"}


def test_types_and_transpositions_of_autocast(tmp_path: Path) -> None:
    layer = nn.Linear(5, 7)
    with torch.autocast("cpu", torch.bfloat16):
        rows = profiled(tmp_path, lambda: layer(A))
    forward = [row for row in rows if (row.m, row.n, row.k) == (6, 7, 5)]
    assert Counter((row.dtype, row.layout) for row in forward) == {("bf16", "NT"): 1}

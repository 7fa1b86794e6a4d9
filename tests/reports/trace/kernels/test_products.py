"""Matrix products and attention of whole traces: what belongs to a call, and what it reached."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.trace.made import Made

GEMM, SPLIT_K = "ampere_sgemm_128x64_nn", "void splitKreduce_kernel<32, 16, int, float>(x)"
NVJET = "nvjet_tst_128x256_64x4_1x2_h_bz_coopA_NNT"
COPY = "void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda(x)>(y)"
FLASH = "void pytorch_flash::flash_fwd_kernel<Flash_fwd_kernel_traits<64, 128, 64, 4>>(x)"
FLASH_BACK = "void pytorch_flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<Traits<64>>(x)"
LINEAR = {"Input Dims": [[4096, 1024], [512, 1024], [512]], "Input type": ["c10::BFloat16"] * 3}
ADDMM = {
    "Input Dims": [[512], [4096, 1024], [1024, 512], [], []],
    "Input Strides": [[1], [1024, 1], [1, 1024], [], []],
    "Input type": ["c10::BFloat16"] * 3,
}
FLOPS = 2 * 4096 * 1024 * 512


def made(device: str = "NVIDIA H100 80GB HBM3") -> Made:
    return Made(header={"deviceProperties": [{"id": 0, "name": device}]}).step(0, 0, 1000)


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def test_a_call_is_the_innermost_operator(tmp_path: Path) -> None:
    """Linear copies its input and hands it on: the copy is no product, the product is addmm's."""
    one = made().op("aten::linear", 5, 100, **LINEAR).kernel(COPY, 200, 7, called=8)
    one.op("aten::addmm", 20, 50, **ADDMM)
    one.kernel(NVJET, 210, 10, called=25).kernel(SPLIT_K, 220, 2, called=30)
    (row,) = reported(one, tmp_path).products
    assert (row.operator, row.m, row.n, row.k, row.batch) == ("aten::addmm", 4096, 512, 1024, 1)
    assert (row.dtype, row.layout, row.shape) == ("bf16", "NT", "4096x512x1024")
    assert (row.calls, row.kernel, row.kernels, row.total_ns) == (1, NVJET, 1, 12_000)
    assert row.tflops == pytest.approx(FLOPS / 12e6)
    assert row.peak_tflops == 989.4


def test_an_outer_operator_is_one_where_it_has_none_inside(tmp_path: Path) -> None:
    one = made().op("aten::linear", 5, 100, **LINEAR).kernel(NVJET, 200, 10, called=8)
    (row,) = reported(one, tmp_path).products
    assert (row.operator, row.shape) == ("aten::linear", "4096x512x1024")


def test_rows_by_shape_operator_pass_and_kernel(tmp_path: Path) -> None:
    one, at = made(), 10
    dims = {"Input Dims": [[8, 64, 32], [8, 32, 16]], "Input type": ["float", "float"]}
    for name, node in [(GEMM, "aten::x"), (GEMM, "aten::x"), ("other_gemm", "aten::x")]:
        one.op(node, at, 20).op("aten::bmm", at + 1, 10, **dims).kernel(
            name, at + 500, 4, called=at + 2
        )
        at += 30
    one.op("BmmBackward0", at, 20).op("aten::bmm", at + 1, 10, **dims)
    one.kernel(GEMM, at + 500, 6, called=at + 2)
    rows = reported(one, tmp_path).products
    told = [(row.which, row.kernel, row.calls, row.total_ns) for row in rows]
    assert sorted(told) == [
        ("", GEMM, 2, 8000),
        ("", "other_gemm", 1, 4000),
        ("backward", GEMM, 1, 6000),
    ]
    assert {row.shape for row in rows} == {"64x16x32 b8"}
    assert rows[0].tflops == pytest.approx(2 * 8 * 64 * 16 * 32 / 4e6)


def attention(folder: Path, *, is_causal: str) -> TraceReport:
    sizes = [[2, 16, 1024, 64]] * 3
    more: dict[str, Any] = {"Input Dims": sizes, "Input type": ["c10::Half"] * 3}
    more["Concrete Inputs"] = ["", "", "", "0.", is_causal, "False", ""]
    one = made().op("aten::_scaled_dot_product_flash_attention", 5, 60, **more)
    inner = {"Input Dims": [[2, 1024, 16, 64]] * 3, "Input type": ["c10::Half"] * 3}
    inner["Concrete Inputs"] = [*[""] * 5, "1024", "1024", "0.", is_causal, "False"]
    one.op("aten::_flash_attention_forward", 10, 40, **inner).kernel(FLASH, 300, 40, called=20)
    back = {"Input Dims": [[2, 16, 1024, 64]] * 4, "Input type": ["c10::Half"] * 4}
    back["Concrete Inputs"] = [*[""] * 8, "1024", "1024", "0.", is_causal, "", ""]
    one.op("aten::_scaled_dot_product_flash_attention_backward", 100, 60, **back)
    one.kernel("void pytorch_flash::flash_bwd_dot_do_o_kernel<x>(y)", 400, 5, called=110)
    one.kernel(FLASH_BACK, 410, 95, called=120)
    return reported(one, folder)


@pytest.mark.parametrize(
    ("is_causal", "causal", "part"), [("True", True, 0.5), ("False", False, 1), ("", None, 1)]
)
def test_attention(tmp_path: Path, is_causal: str, causal: bool | None, part: float) -> None:
    back, forward = attention(tmp_path, is_causal=is_causal).attention
    flops = 4 * 2 * 16 * 1024 * 1024 * 64 * part
    assert (forward.operator, forward.backward) == ("aten::_flash_attention_forward", False)
    assert (forward.shape, back.shape) == ("n2 h16 1024x1024 d64",) * 2
    assert (forward.causal, back.causal) == (causal, causal)
    assert forward.tflops == pytest.approx(flops / 40e6)
    assert back.tflops == pytest.approx(2.5 * flops / 100e6)
    assert (back.kernel, back.total_ns) == (FLASH_BACK, 100_000)


def test_without_shapes_there_is_no_table(tmp_path: Path) -> None:
    found = reported(made().op("aten::mm", 5, 100).kernel(GEMM, 200, 10, called=8), tmp_path)
    assert found.products == found.attention == []


def test_products_of_convolutions_are_not_told_twice(tmp_path: Path) -> None:
    one = made().op("aten::convolution", 5, 200)
    one.op("aten::mm", 20, 50, **{"Input Dims": [[8, 4], [4, 2]]})
    found = reported(
        one.kernel("volta_scudnn_128x64_relu_small_nn_v1", 300, 9, called=30), tmp_path
    )
    assert found.products == []


def test_on_a_cpu_operators_are_what_kernels_are(tmp_path: Path) -> None:
    one = Made().step(0, 0, 1000).op("aten::linear", 5, 100, **LINEAR)
    one.op("aten::addmm", 10, 80, **ADDMM).op("aten::copy_", 12, 8)
    (row,) = reported(one, tmp_path).products
    assert (row.operator, row.kernel, row.total_ns) == ("aten::addmm", "aten::addmm", 72_000)


@pytest.mark.parametrize(
    ("dtype", "kernel", "peak"),
    [
        ("c10::Half", NVJET, 989.4),
        ("float", "sm80_xmma_gemm_tf32f32_tf32f32_f32_nn_n_tilesize128x128", 494.7),
        ("float", "some_new_gemm_of_2031", 494.7),
        ("float", GEMM, 66.9),
        ("double", GEMM, None),
        ("c10::Float8_e4m3fn", NVJET, None),
    ],
)
def test_peaks_by_type_and_core(tmp_path: Path, dtype: str, kernel: str, peak: float) -> None:
    told = {**ADDMM, "Input type": [dtype] * 3}
    one = made().op("aten::addmm", 5, 100, **told).kernel(kernel, 200, 10, called=8)
    assert reported(one, tmp_path).products[0].peak_tflops == peak


calls = st.lists(
    st.tuples(
        st.sampled_from(["aten::linear", "aten::addmm", "aten::mm", "aten::add"]),
        st.booleans(),
        st.lists(st.sampled_from([GEMM, NVJET, COPY, SPLIT_K]), max_size=3),
    ),
    max_size=6,
)


@given(calls)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_time_is_told_twice(tmp_path: Path, given_: list[tuple[str, bool, list[str]]]) -> None:
    """Whatever is nested in what: each kernel is in one call at most, and no copy in any."""
    one, at = made().kernel(GEMM, 900, 1), 5.0
    for name, nests, kernels in given_:
        one.op(name, at, 60, **(LINEAR if name == "aten::linear" else ADDMM))
        if nests:
            one.op("aten::addmm", at + 1, 50, **ADDMM)
        for number, kernel in enumerate(kernels):
            one.kernel(kernel, 1000 + at + number * 5, 3, called=at + 2 + number)
        at += 70
    found = reported(one, tmp_path)
    of_products = {row.name: row.total_ns for row in found.kernels if row.name != COPY}
    assert sum(row.total_ns for row in found.products) <= sum(of_products.values())
    assert all(row.calls and row.kernel != COPY for row in found.products)


@pytest.mark.parametrize(
    ("start", "end", "cut", "us"),
    [(205, 1000, 1, 10), (203, 232, 2, None), (0, 1000, 0, 10), (0, 215, 1, None)],
)
def test_calls_that_a_range_cuts_have_no_rate(
    tmp_path: Path, start: int, end: int, cut: int, us: float | None
) -> None:
    """The range begins or ends within a kernel, or between two of one call."""
    one = made()
    for at, begins in ((20, 200), (40, 230)):
        one.op("aten::addmm", at, 15, **ADDMM)
        one.kernel(NVJET, begins, 10, called=at + 2).kernel(SPLIT_K, begins + 20, 2, called=at + 6)
    one.rows = [row for row in one.rows if row["name"] != SPLIT_K or row["ts"] < 230]
    path = one.write(tmp_path)
    (row,) = report(analyse(path, span=Span(start=1000 * start, end=1000 * end))).products
    assert row.cut_calls == cut
    assert row.tflops == (None if us is None else pytest.approx(FLOPS / row.median_ns / 1e3))
    if cut == 1:
        assert row.median_ns == 1000 * 10


def test_attention_that_a_range_cuts_has_no_rate(tmp_path: Path) -> None:
    one = made().op(
        "aten::_flash_attention_forward",
        20,
        15,
        **{"Input Dims": [[2, 128, 4, 64]] * 3, "Input type": ["c10::BFloat16"] * 3},
    )
    path = one.kernel(FLASH, 200, 10, called=22).write(tmp_path)
    (row,) = report(analyse(path, span=Span(end=205_000))).attention
    assert (row.tflops, row.cut_calls, row.median_ns) == (None, 1, 5000)

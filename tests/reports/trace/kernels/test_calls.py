"""Convolutions by direction: what a call's kernels say of one another, and what belongs to it."""

from pathlib import Path

import pytest

from resnext_bench.reports.schema.trace import ConvRow
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.reports.trace.time.spans import Span
from tests.reports.trace.made import Made

MATMUL = "Cijk_Ailk_Bljk_BBS_BH_MT32x32x64_MI16x16x16x1_SN_1LDSB0"
FPROP = "sm80_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_kernel_cudnn"
DGRAD = "sm80_xmma_dgrad_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_kernel_cudnn"
WGRAD = "sm80_xmma_wgrad_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_kernel_cudnn"
HELPER = "void cask__5x_cudnn::computeOffsetsKernel<false, false>(P)"
SPLIT_K = "void splitKreduce_kernel<32, 16, int, float, float>(P)"
FLOPS = 2 * 8 * 64 * 64 * 14 * 14
"""In one direction."""


def backward(
    folder: Path, *kernels: tuple[str, float], wanted: str = "True, True"
) -> list[ConvRow]:
    """Rows of one backward call, 1 x 1 with 64 channels, that launched these kernels (us)."""
    shape = [8, 64, 14, 14]
    made = Made().step(0, 0, 1000)
    made.op(
        "aten::convolution_backward",
        5,
        100,
        **{
            "Input Dims": [shape, shape, [64, 64, 1, 1], [], [], [], [], [], [], [], []],
            "Concrete Inputs": [
                *("", "", "", "[0]", "[1, 1]", "[0, 0]", "[1, 1]", "False", "[0, 0]", "1"),
                f"[{wanted}, False]",
            ],
        },
    )
    at = 200.0
    for number, (name, us) in enumerate(kernels):
        made.kernel(name, at, us, called=10 + number)
        at += us
    found = report(analyse(made.write(folder)))
    return sorted(found.convs, key=lambda row: row.direction)


@pytest.mark.parametrize("other", [MATMUL, FPROP])
def test_beside_a_weight_gradient_the_other_is_the_input_gradient(
    tmp_path: Path, other: str
) -> None:
    one, two = backward(tmp_path, (other, 40), (WGRAD, 50))
    assert (one.direction, one.kernel, one.total_ns) == ("input gradient", other, 40_000)
    assert one.tflops == pytest.approx(FLOPS / 40e6)
    assert (two.direction, two.kernel) == ("weight gradient", WGRAD)
    assert two.tflops == pytest.approx(FLOPS / 50e6)


def test_a_gradient_that_was_not_asked_for_is_none(tmp_path: Path) -> None:
    (row,) = backward(tmp_path, (MATMUL, 40), wanted="False, True")
    assert row.direction == "weight gradient"
    assert row.tflops == pytest.approx(FLOPS / 40e6)


def test_of_two_that_say_nothing_the_first_is_the_input_gradient(tmp_path: Path) -> None:
    """As PyTorch computes them."""
    one, two = backward(tmp_path, (MATMUL, 40), (MATMUL + "_", 50))
    assert (one.direction, one.total_ns) == ("input gradient", 40_000)
    assert (two.direction, two.total_ns) == ("weight gradient", 50_000)
    assert two.tflops == pytest.approx(FLOPS / 50e6)


def test_of_three_that_say_nothing_the_second_is_undetermined(tmp_path: Path) -> None:
    found = backward(tmp_path, (MATMUL, 40), (MATMUL + "_", 40), (MATMUL + "__", 40))
    assert {row.direction: row.tflops and round(row.tflops, 3) for row in found} == {
        "input gradient": round(FLOPS / 40e6, 3),
        "undetermined": None,
        "weight gradient": round(FLOPS / 40e6, 3),
    }


def test_helpers_and_reductions_belong_to_the_weight_gradient(tmp_path: Path) -> None:
    one, two = backward(tmp_path, (DGRAD, 40), (HELPER, 2), (WGRAD, 30), (SPLIT_K, 18))
    assert (one.direction, one.total_ns) == ("input gradient", 40_000)
    assert (two.direction, two.total_ns, two.kernel) == ("weight gradient", 50_000, WGRAD)
    assert two.tflops == pytest.approx(FLOPS / 50e6)


def test_a_call_that_a_range_cuts_has_no_rate(tmp_path: Path) -> None:
    """Neither of its gradients: the kernels that are outside say which the others are of."""
    backward(tmp_path, (DGRAD, 40), (WGRAD, 50))
    path = next(tmp_path.iterdir())
    rows = report(analyse(path, span=Span(start=235_000, end=1_000_000))).convs
    assert [(row.direction, row.total_ns) for row in rows] == [
        ("weight gradient", 50_000),
        ("input gradient", 5000),
    ]
    assert [(row.tflops, row.cut_calls) for row in rows] == [(None, 1), (None, 1)]

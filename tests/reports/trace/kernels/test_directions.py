"""Directions of kernels in whole traces: by operators, by launches, by what was asked for."""

from pathlib import Path
from typing import Any

import pytest

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import BACKWARD, MAIN, Made

GEMM, OTHER_GEMM = "volta_sgemm_64x64_nt", "ampere_sgemm_128x64_tn"
DGRAD, WGRAD = "sm80_xmma_dgrad_implicit_gemm_f32f32", "sm80_xmma_wgrad_implicit_gemm_f32f32"
WINOGRAD = "void cudnn::winograd_nonfused::winograd"
SHAPE = [8, 64, 14, 14]
NODE = "autograd::engine::evaluate_function: "


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def gradients(found: TraceReport) -> dict[str, int]:
    """Time of each class of convolutions, us."""
    return {row.cls: row.total_ns // 1000 for row in found.classes if row.cls.startswith("conv")}


def arguments(wanted: str | None) -> dict[str, Any]:
    """Of aten::convolution_backward, 1 x 1 with 64 channels; up to 2.0 without the mask."""
    dims = [SHAPE, SHAPE, [64, 64, 1, 1], [], [], [], [], [], [], [], []]
    inputs = ["", "", "", "[0]", "[1, 1]", "[0, 0]", "[1, 1]", "False", "[0, 0]", "1", wanted]
    return {"Input Dims": dims} | ({"Concrete Inputs": inputs} if wanted else {})


def backward(
    *kernels: str, operator: str = "aten::convolution_backward", wanted: str | None = None
) -> Made:
    """One call that launched these kernels, 10 us each, in this order."""
    made = Made().step(0, 0, 1000).op(operator, 5, 200, **arguments(wanted))
    for number, name in enumerate(kernels):
        made.kernel(name, 300 + 10 * number, 10, called=10 + 10 * number)
    return made


TRANSFORMS = [
    *(f"{WINOGRAD}Forward{one}4x4<float, float>(x)" for one in ("Data", "Filter")),
    *(GEMM, f"{WINOGRAD}ForwardOutput4x4<float, float>(x)"),
    *(f"{WINOGRAD}Wgrad{one}4x4<float, float>(x)" for one in ("Data", "Delta")),
    *(GEMM, f"{WINOGRAD}WgradOutput4x4<float, float>(x)"),
]


@pytest.mark.parametrize(
    "operator",
    [
        "aten::convolution_backward",
        "aten::cudnn_convolution_backward",
        "aten::cudnn_convolution_transpose_backward",
        "aten::miopen_convolution_backward",
        "ConvolutionBackward0",
    ],
)
def test_products_of_winograd_by_their_neighbours(tmp_path: Path, operator: str) -> None:
    found = gradients(reported(backward(*TRANSFORMS, operator=operator), tmp_path))
    assert found == {"conv input gradient": 40, "conv weight gradient": 40}


def test_order_is_that_of_launches_and_not_of_streams(tmp_path: Path) -> None:
    """The weight's product runs first, on another stream."""
    made = Made().step(0, 0, 1000).op("aten::convolution_backward", 5, 200)
    made.kernel(GEMM, 400, 10, called=10).kernel(OTHER_GEMM, 300, 20, called=20, stream=9)
    found = gradients(reported(made, tmp_path))
    assert found == {"conv input gradient": 10, "conv weight gradient": 20}


@pytest.mark.parametrize(
    ("wanted", "cls"),
    [
        ("[True, False, False]", "conv input gradient"),
        ("[False, True, True]", "conv weight gradient"),
        ("[True, True, False]", "conv backward"),
        (None, "conv backward"),
    ],
)
def test_a_product_alone(tmp_path: Path, wanted: str | None, cls: str) -> None:
    """Where both were asked for, one of them is not in the trace: it may be either."""
    assert gradients(reported(backward(GEMM, wanted=wanted), tmp_path)) == {cls: 10}


def test_what_is_undetermined_has_no_rate(tmp_path: Path) -> None:
    (row,) = reported(backward(GEMM, wanted="[True, True, False]"), tmp_path).convs
    assert (row.direction, row.tflops, row.total_ns) == ("undetermined", None, 10_000)


def test_operators_of_one_gradient_each(tmp_path: Path) -> None:
    """As PyTorch 1.8 has them: what they launch besides is of the same gradient."""
    made = Made().step(0, 0, 1000)
    made.op(
        "aten::cudnn_convolution_backward", 5, 200, **{"Input Dims": arguments(None)["Input Dims"]}
    )
    made.op("aten::cudnn_convolution_backward_weight", 10, 40).op("aten::zero_", 12, 10)
    made.op("aten::cudnn_convolution_backward_input", 60, 40)
    made.kernel("Memset (Device)", 300, 1, called=15).kernel(GEMM, 310, 10, called=30)
    made.kernel(GEMM, 330, 20, called=70)
    found = reported(made, tmp_path)
    assert gradients(found) == {"conv input gradient": 20, "conv weight gradient": 10}
    assert {row.direction: row.total_ns for row in found.convs} == {
        "input gradient": 20_000,
        "weight gradient": 11_000,
    }


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize(
    "after", [f"{NODE}torch::autograd::AccumulateGrad", f"{NODE}ReluBackward0"]
)
def test_the_first_layer_by_what_autograd_does_next(
    tmp_path: Path, trained: bool, after: str
) -> None:
    """Its only product is the weight's if a gradient is added up, and weights are trained at all.

    An image whose own gradient is wanted has it added up, too, by a network that is not trained.
    """
    made = backward(DGRAD, WGRAD if trained else DGRAD)
    made.op(f"{NODE}ConvolutionBackward0", 499, 60).op("ConvolutionBackward0", 500, 50)
    made.op("aten::convolution_backward", 501, 40).kernel(GEMM, 600, 10, called=510)
    made.op(f"{NODE}ToCopyBackward0", 570, 10).op(after, 590, 10)
    found = gradients(reported(made, tmp_path))
    is_weight = trained and after.endswith("AccumulateGrad")
    assert found.get("conv backward", 0) == (0 if is_weight else 10)
    assert found.get("conv weight gradient", 0) == 10 * trained + 10 * is_weight


@pytest.mark.parametrize(
    ("layers", "again", "expected"),
    [
        ([[DGRAD, WGRAD], [GEMM, OTHER_GEMM], [GEMM]], False, "weight"),
        ([[DGRAD, WGRAD], [GEMM]], True, "weight"),
        ([[DGRAD, WGRAD], [DGRAD], [GEMM]], False, "open"),
        ([[GEMM], [DGRAD, WGRAD]], False, "open"),
        ([[GEMM]], True, "open"),
    ],
)
def test_the_first_layer_by_its_place(
    tmp_path: Path, layers: list[list[str]], again: bool, expected: str
) -> None:
    """Where autograd's nodes are not recorded: the last call, behind those with both gradients."""
    made, at = Made().step(0, 0, 3000), 10.0
    for _ in range(1 + again):
        made.op("aten::convolution", at, 20).kernel("fprop", at + 500, 1, called=at + 5)
        for names in layers:
            at += 50
            made.op("aten::cudnn_convolution_backward", at, 40)
            for number, name in enumerate(names):
                made.kernel(name, at + 500 + 11 * number, 10, called=at + 10 + number)
        at += 50
    found = gradients(reported(made, tmp_path))
    assert ("conv backward" in found) == (expected == "open")


def test_a_second_derivative_has_calls_of_its_own(tmp_path: Path) -> None:
    made = Made().step(0, 0, 1000).op("aten::_convolution_double_backward", 5, 400)
    made.op("aten::convolution", 10, 80).kernel(OTHER_GEMM, 500, 10, called=20)
    made.op("aten::convolution_backward", 100, 80).kernel(GEMM, 520, 20, called=120)
    made.kernel(WGRAD, 550, 40, called=130)
    made.op("aten::convolution_backward", 200, 80).kernel(DGRAD, 600, 80, called=220)
    assert gradients(reported(made, tmp_path)) == {
        "conv forward": 10,
        "conv input gradient": 100,
        "conv weight gradient": 40,
    }


def test_threads_have_calls_of_their_own(tmp_path: Path) -> None:
    """Two backward passes at once do not tell each other's directions."""
    made = Made().step(0, 0, 1000)
    for thread in (MAIN, BACKWARD):
        made.op("aten::convolution_backward", 5, 200, tid=thread)
    for at, (name, thread) in enumerate([(GEMM, MAIN), (WGRAD, BACKWARD)]):
        correlation = made.launch(20 + at, tid=thread)
        made.on_gpu("kernel", name, 300 + 20 * at, 10, correlation)
    found = gradients(reported(made, tmp_path))
    assert found == {"conv backward": 10, "conv weight gradient": 10}


def test_helpers_of_a_transform_without_a_class_get_one(tmp_path: Path) -> None:
    """A cuFFT-like kernel says nothing by itself; it is in a weight gradient."""
    tiled = ["void DSE::regular_fft_pad<0, 1>(x)", "volta_cgemm_32x32_tn"]
    tiled += ["void DSE::regular_fft_clip<1, 2>(x)"]
    found = gradients(reported(backward(DGRAD, *tiled), tmp_path))
    assert found == {"conv input gradient": 10, "conv weight gradient": 30}


def test_zeros_and_sums_count_for_their_own_gradient(tmp_path: Path) -> None:
    zero, reduce = "SubTensorOpWithScalar1d", "void splitKreduce_kernel<32, 16, int, float>(x)"
    made = backward(zero, DGRAD, reduce, WGRAD, wanted="[True, True, False]")
    rows = {row.direction: row for row in reported(made, tmp_path).convs}
    assert rows["input gradient"].total_ns == 30_000
    assert rows["input gradient"].kernel == DGRAD
    assert rows["input gradient"].kernels == 1
    assert rows["weight gradient"].total_ns == 10_000


def test_forward_is_forward_whatever_its_kernels_are_called(tmp_path: Path) -> None:
    """A transposed convolution is computed by what is called dgrad."""
    made = Made().step(0, 0, 1000).op("aten::convolution", 5, 100)
    made.kernel(DGRAD, 300, 10, called=10).kernel(GEMM, 320, 10, called=20)
    assert gradients(reported(made, tmp_path)) == {"conv forward": 20}


def test_old_wrappers_on_a_cpu_are_of_what_is_inside(tmp_path: Path) -> None:
    dims = {"Input Dims": arguments(None)["Input Dims"]}
    made = Made().step(0, 0, 1000).op("aten::mkldnn_convolution_backward", 5, 100, **dims)
    made.op("aten::mkldnn_convolution_backward_input", 10, 30)
    made.op("aten::mkldnn_convolution_backward_weights", 50, 40)
    rows = {row.direction: row.total_ns for row in reported(made, tmp_path).convs}
    assert rows == {"input gradient": 30_000, "weight gradient": 70_000}

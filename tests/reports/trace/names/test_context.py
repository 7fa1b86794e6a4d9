"""What is around a kernel: its operator, a convolution, or nothing that the trace tells."""

from pathlib import Path

import pytest

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.names.classes import Class, TensorCore
from resnext_bench.reports.trace.names.context import under
from resnext_bench.reports.trace.names.kernels import kernel
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made

AT = "void at::native::"
CONV = "sm80_xmma_fprop_implicit_gemm_bf16_nhwc"
MIOPEN = "batched_transpose_16x64_pack_1x4_ediv_1x2_half"
CUDNN = "void cudnn::ops::genericTranspose_kernel<float, float>(P)"
OTHERS = "void cuda::batched_transpose<512, 128, 1, 1>(unsigned char const*)"


@pytest.mark.parametrize(
    ("name", "launcher", "expected"),
    [
        ("ampere_sgemm_128x64_nn", "aten::cudnn_convolution", Class.CONV_FORWARD),
        ("ampere_sgemm_128x64_nn", "aten::convolution_backward", Class.CONV_BACKWARD),
        ("ampere_sgemm_128x64_nn", "aten::cudnn_convolution_backward_input", Class.CONV_INPUT),
        ("volta_scudnn_128x64_x", "aten::cudnn_convolution_backward_weight", Class.CONV_WEIGHT),
        ("ampere_sgemm_128x64_nn", "aten::mm", Class.MATMUL),
        ("sm80_xmma_fprop_x_bf16", "aten::convolution_backward", Class.CONV_BACKWARD),
        ("sm80_xmma_wgrad_x_bf16", "aten::convolution_backward", Class.CONV_WEIGHT),
        ("sm80_xmma_dgrad_x_bf16", "aten::convolution", Class.CONV_FORWARD),
        ("triton_tem_fused_convolution_2", "", Class.CONV),
        # Convolutions by Fourier transforms: these, the transposes of their products, the products.
        (
            "void fft1d_r2c_32<float, float>(P)",
            "aten::cudnn_convolution_backward_input",
            Class.CONV_INPUT,
        ),
        ("void fft2d_c2r_32x32<float, false>(P)", "aten::cudnn_convolution", Class.CONV_FORWARD),
        (
            "void transpose_readWrite_alignment_kernel<float2, float2>(P)",
            "aten::cudnn_convolution_backward_weight",
            Class.CONV_WEIGHT,
        ),
        ("ampere_gcgemm_64x64_nt", "aten::cudnn_convolution", Class.CONV_FORWARD),
        ("void transpose_readWrite_alignment_kernel<float2, float2>(P)", "aten::bmm", Class.COPY),
        # Transposes
        (MIOPEN, "aten::convolution_backward", Class.LAYOUT),
        (MIOPEN, "aten::bmm", Class.COPY),
        (CUDNN, "aten::cudnn_convolution", Class.LAYOUT),
        (CUDNN, "mine::operator", Class.COPY),
        (OTHERS, "aten::miopen_convolution", Class.LAYOUT),
        (OTHERS, "mine::operator", Class.COPY),
        ("SubTensorOpWithCastTensor1d", "aten::miopen_convolution", Class.SPLIT_K),
        ("void cudnn::ops::nchwToNhwcKernel<float>(P)", "aten::max_pool2d", Class.LAYOUT),
        # What the operator knows and the name does not
        (f"{AT}unrolled_elementwise_kernel<x>", "aten::native_batch_norm", Class.NORM),
        (f"{AT}reduce_kernel<512>(x)", "aten::native_layer_norm_backward", Class.NORM),
        (f"{AT}reduce_kernel<512>(x)", "aten::linalg_vector_norm", Class.REDUCTION),
        (f"{AT}unrolled_elementwise_kernel<x>", "aten::add", Class.ELEMENTWISE),
        ("void cub::DeviceScanKernel<x>(P)", "aten::nonzero", Class.INDEXING),
        ("void cub::DeviceScanKernel<x>(P)", "aten::cumsum", Class.REDUCTION),
        ("zorg", "aten::mm", Class.MATMUL),
        ("zorg", "aten::native_layer_norm", Class.NORM),
        ("zorg", "aten::convolution", Class.CONV_FORWARD),
        ("zorg", "mine::operator", Class.OTHER),
        ("zorg", "c10d::allreduce_", Class.OTHER),  # by name alone, as in the identity
        ("zorg", "", Class.OTHER),
    ],
)
def test_what_the_operator_adds(name: str, launcher: str, expected: Class) -> None:
    assert under(kernel(name), launcher).cls is expected


def test_an_operator_says_nothing_of_tensor_cores() -> None:
    assert under(kernel("zorg"), "aten::mm").tensor_core is TensorCore.UNKNOWN


def reported(made: Made, folder: Path) -> TraceReport:
    return report(analyse(made.write(folder)))


def classes(found: TraceReport) -> dict[str, str]:
    return {row.name: row.cls for row in found.kernels}


def test_the_convolution_may_lie_above_the_operator_that_launches(tmp_path: Path) -> None:
    """Convolutions without cuDNN: aten::_slow_conv2d_forward calls aten::addmm_out."""
    made = Made().step(0, 0, 200)
    made.op("aten::convolution", 5, 60).op("aten::_slow_conv2d_forward", 6, 50)
    made.op("aten::addmm", 10, 20).op("aten::mm", 80, 20)
    made.kernel("ampere_sgemm_128x64_nn", 100, 10, called=12)
    made.kernel(OTHERS, 110, 5, called=16)
    made.kernel("ampere_sgemm_32x128_nt", 120, 10, called=82)
    found = reported(made, tmp_path)
    assert classes(found) == {
        "ampere_sgemm_128x64_nn": Class.CONV_FORWARD,
        OTHERS: Class.LAYOUT,
        "ampere_sgemm_32x128_nt": Class.MATMUL,
    }
    assert found.layout.total_ns == 5000


@pytest.mark.parametrize("convolves", [True, False])
@pytest.mark.parametrize("graph", [True, False])
def test_without_operators_the_traces_kernels_decide(
    tmp_path: Path, convolves: bool, graph: bool
) -> None:
    """A trace of kernels alone, or of captured graphs, whose launch lies in any operator."""
    made = Made().step(0, 0, 200)
    if graph:
        made.op("aten::add", 4, 10)
        launch = made.launch(5, name="cudaGraphLaunch")
    names = [MIOPEN, CUDNN, OTHERS, CONV if convolves else "ampere_sgemm_128x64_nn"]
    for at, name in enumerate(names):
        correlation = launch if graph else made.launch(10 + at)
        made.on_gpu("kernel", name, 100 + 10 * at, 8, correlation)
    found = reported(made, tmp_path)
    told = Class.LAYOUT if convolves else Class.COPY
    assert [classes(found)[name] for name in names[:3]] == [told, told, Class.COPY]
    assert found.layout.total_ns == (16_000 if convolves else 0)


def test_casts_after_split_k_are_no_layout(tmp_path: Path) -> None:
    """MIOpen: fill, transpose, convolution in parts, their sum's cast, transpose."""
    made = Made().step(0, 0, 400).op("aten::miopen_convolution", 5, 100)
    kernels = {
        "SubTensorOpWithScalar1d": 4,
        MIOPEN: 4,
        "igemm_fwd_gtcx2_nhwc_bf16_bx0_ex1_bt32x256x32_wt16x64x4_gkgs": 30,
        "SubTensorOpWithCastTensor1d": 5,
        "batched_transpose_64x16_pack_4x1_ediv_2x1_half": 4,
    }
    for at, (name, duration) in enumerate(kernels.items()):
        made.kernel(name, 150 + 50 * at, duration, called=10 + 5 * at)
    found = reported(made, tmp_path)
    assert found.layout.total_ns == 8000
    assert classes(found)["SubTensorOpWithCastTensor1d"] == Class.SPLIT_K


def test_foreach_is_the_optimizers_in_its_pass_alone(tmp_path: Path) -> None:
    """Clipping: the norm is a reduction, the product arithmetic; then the optimizer's own."""
    many = (
        "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<TensorListMetadata<1>, "
    )
    norm, times = (
        f"{many}at::native::LpNormFunctor<float> >(P)",
        f"{many}BinaryOpScalarFunctor<x> >(P)",
    )
    plus = f"{many}BinaryOpListAlphaFunctor<float>, std::plus<float> >(P)"
    made = Made().step(0, 0, 400)
    made.op("aten::_foreach_norm", 5, 10).kernel(norm, 50, 10, called=6)
    made.op("aten::_foreach_mul_", 20, 10).kernel(times, 70, 10, called=21)
    made.row("user_annotation", "Optimizer.step#SGD.step", 32, 10)
    made.op("aten::_foreach_add_", 33, 8).kernel(plus, 90, 10, called=34)
    found = classes(reported(made, tmp_path))
    assert found == {norm: Class.REDUCTION, times: Class.ELEMENTWISE, plus: Class.OPTIMIZER}


def test_a_mangled_name_is_kept_and_told_readably(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).kernel("_ZN5aiter19fmha_fwd_hd128_bf16E", 20, 10)
    made.kernel("ampere_sgemm_128x64_nn", 40, 10)
    found = {row.name: row.demangled for row in reported(made, tmp_path).kernels}
    assert found == {
        "_ZN5aiter19fmha_fwd_hd128_bf16E": "aiter::fmha_fwd_hd128_bf16",
        "ampere_sgemm_128x64_nn": None,
    }


def test_kernels_of_other_backends_are_communication(tmp_path: Path) -> None:
    """In the identity as in the tables."""
    made = Made().step(0, 0, 300).kernel("ampere_sgemm_128x64_nn", 10, 10)
    names = [
        "hcom_allReduce__503_0_1",
        "void dpsk::ep::internode::combine<false>(int4*)",
        "oneccl_allreduce",
    ]
    for at, name in enumerate(names):
        made.kernel(name, 100 + 20 * at, 10)
    found = reported(made, tmp_path)
    assert found.steps.exposed_communication_ns == [30_000]
    assert sum(row.total_ns for row in found.classes if row.cls == "communication") == 30_000


def test_on_a_cpu_only_the_process_groups_own_spans_talk(tmp_path: Path) -> None:
    """`all_reduce` in words of the program encloses anything."""
    made = Made().op("hccl:all_to_all", 0, 50).op("xccl:all_reduce", 60, 50).op("aten::mm", 120, 10)
    made.row("user_annotation", "all_reduce of gradients", 140, 50)
    made.op("aten::add", 145, 10).row("user_annotation", "gloo:all_reduce", 200, 20)
    made.op("aten::add", 230, 5)
    found = reported(made, tmp_path)
    assert found.steps.exposed_communication_ns == [120_000]
    assert found.steps.compute_ns == [25_000]


def test_attention_on_a_cpu(tmp_path: Path) -> None:
    made = Made().op("aten::scaled_dot_product_attention", 0, 100)
    made.op("aten::_scaled_dot_product_flash_attention_for_cpu", 2, 95)
    made.op("aten::_efficient_attention_forward", 110, 50).op("aten::_copy_from", 170, 30)
    found = {row.cls: row.total_ns for row in reported(made, tmp_path).classes}
    assert found == {"attention": 150_000, "copy": 30_000}

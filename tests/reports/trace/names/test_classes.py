"""Classes of kernels and operators by name; names as real traces have them, shortened."""

import pytest

from resnext_bench.reports.trace.names.classes import (
    Class,
    TensorCore,
    is_communication,
    kernel,
    operator,
    under,
)

AT = "void at::native::"
KERNELS = {
    "sm80_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize64x64x64_g4": (
        Class.CONV_FORWARD,
        TensorCore.YES,
    ),
    "sm80_xmma_wgrad_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nhwc_g1_tensor16x8x8": (
        Class.CONV_WEIGHT,
        TensorCore.YES,
    ),
    "sm80_xmma_dgrad_implicit_gemm_f32f32_f32f32_f32_nchwkcrs_nchw": (
        Class.CONV_INPUT,
        TensorCore.NO,
    ),
    "void cutlass_cudnn_infer::Kernel<cutlass_tensorop_s1688dgrad_optimized_tf32_64x128>(P)": (
        Class.CONV_INPUT,
        TensorCore.YES,
    ),
    "void cutlass::Kernel<cutlass_80_tensorop_s1688gemm_256x64_16x4_nn_align4>(P)": (
        Class.MATMUL,
        TensorCore.YES,
    ),
    "void cutlass::Kernel<cutlass_80_simt_sgemm_128x32_8x5_nn_align1>(P)": (
        Class.MATMUL,
        TensorCore.NO,
    ),
    "_ZN19cutlass_cudnn_train6KernelINS_4conv6kernel23ImplicitGemmConvolutionINS_1E": (
        Class.CONV,
        TensorCore.UNKNOWN,
    ),
    "void cudnn::detail::dgrad_engine<float, 512, 6, 5, 3, 3, 3, false>(int)": (
        Class.CONV_INPUT,
        TensorCore.NO,
    ),
    "void implicit_convolve_sgemm<float, float, 1024, 6, 7>(int)": (Class.CONV, TensorCore.NO),
    "volta_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148t_nt_v1": (Class.CONV, TensorCore.NO),
    "void fft2d_r2c_32x32<float, false, 0u, false>(float2*)": (Class.CONV, TensorCore.NO),
    "void wgrad2d_grouped_direct_kernel<float, int>(P)": (Class.CONV_WEIGHT, TensorCore.NO),
    "ampere_sgemm_128x64_nn": (Class.MATMUL, TensorCore.NO),
    "ampere_fp16_s16816gemm_fp16_128x64_ldg8_f2f_stages_64x4_tn": (Class.MATMUL, TensorCore.YES),
    "volta_h884gemm_128x64_ldg8_nn": (Class.MATMUL, TensorCore.YES),
    "nvjet_tst_128x128_64x6_2x1_v_bz_TNT": (Class.MATMUL, TensorCore.YES),
    "some_gemm_of_2031": (Class.MATMUL, TensorCore.UNKNOWN),
    "igemm_wrw_gtcx3_nhwc_bf16_bx0_ex1_bt64x64x64": (Class.CONV_WEIGHT, TensorCore.YES),
    "_ZN2ck16tensor_operation6device37kernel_batched_gemm_xdlops_bwd_weightINS_4Gri": (
        Class.CONV_WEIGHT,
        TensorCore.YES,
    ),
    "Cijk_Ailk_Bljk_BBS_BH_MT32x32x64_MI16x16x16x1_SN_1LDSB0": (Class.MATMUL, TensorCore.YES),
    "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(P)": (
        Class.LAYOUT,
        TensorCore.NO,
    ),
    "batched_transpose_16x32_half": (Class.LAYOUT, TensorCore.NO),
    "SubTensorOpWithCastTensor1d": (Class.LAYOUT, TensorCore.NO),
    "transpose_CNHW2NCHW_V2_2D_WG_off64": (Class.LAYOUT, TensorCore.NO),
    "SubTensorOpWithScalar1d": (Class.FILL, TensorCore.NO),
    "void cudnn::bn_bw_1C11_kernel_new<float, float, float2, 128, true, 1>(float)": (
        Class.NORM,
        TensorCore.NO,
    ),
    f"{AT}batch_norm_collect_statistics_kernel<at::native::Var, float>(x)": (
        Class.NORM,
        TensorCore.NO,
    ),
    f"{AT}(anonymous namespace)::max_pool_forward_nchw<float, float>(int)": (
        Class.POOLING,
        TensorCore.NO,
    ),
    f"{AT}vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float> >(int)": (
        Class.ELEMENTWISE,
        TensorCore.NO,
    ),
    f"{AT}vectorized_elementwise_kernel<4, at::native::FillFunctor<float> >(int)": (
        Class.FILL,
        TensorCore.NO,
    ),
    f"{AT}elementwise_kernel<128, 2, at::native::gpu_kernel_impl<direct_copy_kernel_cuda(x)": (
        Class.COPY,
        TensorCore.NO,
    ),
    f"{AT}(anonymous namespace)::multi_tensor_apply_kernel<at::native::(anonymous namespace)::T": (
        Class.OPTIMIZER,
        TensorCore.NO,
    ),
    f"{AT}reduce_kernel<512, 1, at::native::ReduceOp<float, at::native::MeanOps<float> > >(x)": (
        Class.REDUCTION,
        TensorCore.NO,
    ),
    f"{AT}(anonymous namespace)::CatArrayBatchedCopy_contig<float>(x)": (Class.COPY, TensorCore.NO),
    "void splitKreduce_kernel<32, 16, int, float, float>(x)": (Class.SPLIT_K, TensorCore.NO),
    "void (anonymous namespace)::softmax_warp_forward<float, float>(x)": (
        Class.LOSS,
        TensorCore.NO,
    ),
    "triton_poi_fused_add_cos_sin_0": (Class.ELEMENTWISE, TensorCore.NO),
    "triton_red_fused_native_batch_norm_1": (Class.NORM, TensorCore.NO),
    "triton_tem_fused_convolution_2": (Class.CONV, TensorCore.UNKNOWN),
    "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_64x64_nn_align8>(P)": (
        Class.MATMUL,
        TensorCore.YES,
    ),
    "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_bf16_s16816fprop_optimized_bf16_nhwc>(P)": (
        Class.CONV_FORWARD,
        TensorCore.YES,
    ),
    "void pytorch_flash::flash_fwd_kernel<Flash_fwd_kernel_traits<64> >(P)": (
        Class.ATTENTION,
        TensorCore.YES,
    ),
    "void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<Sm90TmaGmmaWarp> >(P)": (
        Class.MATMUL,
        TensorCore.YES,
    ),
    "void cutlass::device_kernel<flash::enable_sm90_or_later<flash::FlashAttnFwdSm90<M> > >(P)": (
        Class.ATTENTION,
        TensorCore.YES,
    ),
    "std::enable_if<!(false), void>::type internal::gemvx::kernel<int, float, float>(P)": (
        Class.MATMUL,
        TensorCore.NO,
    ),
    "cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_3_64x64x64": (
        Class.ATTENTION,
        TensorCore.YES,
    ),
    "void pytorch_flash::flash_bwd_dot_do_o_kernel<true, Flash_bwd_kernel_traits<64> >(P)": (
        Class.ATTENTION,
        TensorCore.NO,
    ),
    "volta_fp16_s884cudnn_fp16_256x64_ldg8_relu_f2f_exp_small_nhwc_tn_v1": (
        Class.CONV,
        TensorCore.YES,
    ),
    "void cudnn::ops::nhwcToFoldedNhwcKernel<__half, __half>(P)": (Class.LAYOUT, TensorCore.NO),
    "triton_poi_fused__scaled_dot_product_flash_attention_2": (Class.ELEMENTWISE, TensorCore.NO),
    "triton_poi_fused_max_pool2d_with_indices_3": (Class.POOLING, TensorCore.NO),
    "triton_for_fused_0": (Class.ELEMENTWISE, TensorCore.NO),
    "fmha_cutlassF_bf16_aligned_64x64_rf_sm80(P)": (Class.ATTENTION, TensorCore.YES),
    "fmha_cutlassF_f32_aligned_64x64_rf_sm80(P)": (Class.ATTENTION, TensorCore.UNKNOWN),
    "void cudnn::ops::tensorTransformGeneric<float, float>(P)": (Class.LAYOUT, TensorCore.NO),
    "void nhwcAddPaddingKernel<__half, __half, float>(P)": (Class.COPY, TensorCore.NO),
    "cudnn_generated_fort_native_bn_finalize": (Class.NORM, TensorCore.NO),
    "_ZN5cudnn3cnn23kern_precompute_indicesILb0EEE": (Class.CONV, TensorCore.NO),
    "void at::native::radixSortKVInPlace<2, -1, 32>(P)": (Class.INDEXING, TensorCore.NO),
    "void fbgemm_gpu::permute_2D_lengths_kernel<int>(int)": (Class.OTHER, TensorCore.NO),
    "a_kernel_that_nobody_knows": (Class.OTHER, TensorCore.NO),
    "": (Class.OTHER, TensorCore.NO),
}


@pytest.mark.parametrize(("name", "expected"), KERNELS.items())
def test_kernels(name: str, expected: tuple[Class, TensorCore]) -> None:
    found = kernel(name)
    assert (found.cls, found.tensor_core) == expected


@pytest.mark.parametrize(
    "word", ["reduce", "conv2d", "nccl", "gemm", "nchwToNhwc", "softmax", "max_pool", "batch_norm"]
)
def test_templates_of_elementwise_kernels_hold_any_word(word: str) -> None:
    assert kernel(f"{AT}vectorized_elementwise_kernel<4, at::native::{word}>(int)").cls is (
        Class.ELEMENTWISE
    )


@pytest.mark.parametrize(
    ("name", "grouped"),
    [
        ("sm80_xmma_fprop_implicit_gemm_bf16_nhwc_g4_tilesize", True),
        ("sm80_xmma_fprop_implicit_gemm_bf16_nhwc_g1_tilesize", False),
        ("void conv2d_grouped_direct_kernel<float>(x)", True),
        ("igemm_fwd_gtcx3_nhwc_bf16", None),
        ("batched_transpose_16x32_half", None),
    ],
)
def test_grouped(name: str, grouped: bool | None) -> None:
    assert kernel(name).grouped is grouped


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
        ("batched_transpose_16x32_half", "aten::convolution_backward", Class.LAYOUT),
        ("triton_tem_fused_convolution_2", "", Class.CONV),
        (f"{AT}unrolled_elementwise_kernel<x>", "aten::native_batch_norm", Class.NORM),
        (f"{AT}unrolled_elementwise_kernel<x>", "aten::add", Class.ELEMENTWISE),
    ],
)
def test_what_the_operator_adds(name: str, launcher: str, expected: Class) -> None:
    assert under(kernel(name), launcher).cls is expected


OPERATORS = {
    "aten::convolution_backward": Class.CONV_BACKWARD,
    "aten::mkldnn_convolution": Class.CONV_FORWARD,
    "aten::cudnn_convolution_backward_weight": Class.CONV_WEIGHT,
    "aten::conv2d": Class.CONV_FORWARD,
    "aten::native_batch_norm_backward": Class.NORM,
    "aten::max_pool2d_with_indices_backward": Class.POOLING,
    "aten::threshold_backward": Class.ELEMENTWISE,
    "aten::add_": Class.ELEMENTWISE,
    "aten::_foreach_add_": Class.OPTIMIZER,
    "aten::addmm": Class.MATMUL,
    "aten::copy_": Class.COPY,
    "torch.distributed.ddp.reducer::copy_bucket_to_grad": Class.COPY,
    "aten::zero_": Class.FILL,
    "aten::sum": Class.REDUCTION,
    "aten::_log_softmax": Class.LOSS,
    "aten::empty_strided": Class.FRAMEWORK,
    "aten::view": Class.FRAMEWORK,
    "ConvolutionBackward0": Class.FRAMEWORK,
    "autograd::engine::evaluate_function: ConvolutionBackward0": Class.FRAMEWORK,
    "torch::autograd::AccumulateGrad": Class.FRAMEWORK,
    "gloo:all_reduce": Class.COMMUNICATION,
    "c10d::allreduce_": Class.COMMUNICATION,
    "mine::operator": Class.OTHER,
}


@pytest.mark.parametrize(("name", "expected"), OPERATORS.items())
def test_operators(name: str, expected: Class) -> None:
    assert operator(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nccl:all_reduce", True),
        ("_c10d_functional::all_reduce", True),
        ("record_param_comms", True),
        ("deep_ep::intranode::dispatch", True),
        (f"{AT}reduce_kernel<512>(x)", False),
        ("aten::sum", False),
        ("void splitKreduce_kernel<float>(x)", False),
    ],
)
def test_communication(name: str, expected: bool) -> None:
    assert is_communication(name) is expected

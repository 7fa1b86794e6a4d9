"""Classes of kernels by their names."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.trace.names.classes import ELIGIBLE, Class, TensorCore
from resnext_bench.reports.trace.names.communication import is_communication
from resnext_bench.reports.trace.names.kernels import kernel
from tests.reports.trace.names.known import KNOWN

AT = "void at::native::"


@pytest.mark.parametrize(("name", "cls", "core"), KNOWN)
def test_known_names(name: str, cls: Class, core: TensorCore) -> None:
    found = kernel(name)
    assert (found.cls, found.tensor_core) == (cls, core)


def test_known_names_are_many_of_all_classes() -> None:
    names = [name for name, _, _ in KNOWN]
    assert max(Counter(names).values()) == 1
    assert len(names) > 300
    assert {cls for _, cls, _ in KNOWN} == set(Class) - {Class.FRAMEWORK}


@pytest.mark.parametrize(
    "word",
    ["reduce", "conv2d", "nccl", "gemm", "nchwToNhwc", "softmax", "max_pool", "batch_norm", "attn"],
)
def test_templates_of_elementwise_kernels_hold_any_word(word: str) -> None:
    assert kernel(f"{AT}vectorized_elementwise_kernel<4, at::native::{word}>(int)").cls is (
        Class.ELEMENTWISE
    )


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        # One word within another, or in a namespace, or in the name of something else.
        ("fbgemm_gpu::permute_2D_data_kernel<false>(int)", Class.INDEXING),
        ("deep_gemm::transpose_fp32<512>(float*)", Class.COPY),
        ("sm90_tf32_hc_prenorm_gemm_impl", Class.MATMUL),
        ("fbgemm_gpu::permute_pooled_embs_kernel<float>(int)", Class.INDEXING),
        ("write_req_to_token_pool_triton", Class.COPY),
        (f"{AT}(anonymous namespace)::grid_sampler_2d_kernel<float>(int)", Class.ELEMENTWISE),
        (f"{AT}_embedding_bag_per_sample_weights_backward_kernel<float>(int)", Class.INDEXING),
        (f"{AT}(anonymous namespace)::tensor_split_kernel<float>(int)", Class.OTHER),
        ("message_fwd", Class.OTHER),
        ("triton_poi_fused_all_gather_add_1", Class.ELEMENTWISE),
        ("triton_red_fused_reduce_scatter_tensor_sum_1", Class.REDUCTION),
        ("triton_poi_fused_convolution_relu_0", Class.ELEMENTWISE),
        ("lambda_kernel", Class.OTHER),
        ("compute_properties_kernel", Class.OTHER),
        ("broadcast_kernel", Class.OTHER),
        # What a name says first is not always what is done.
        ("fused_mx_quant_moe_sort_kernel", Class.INDEXING),
        ("void vllm::topk_softmax_kernel<float>(int)", Class.INDEXING),
        ("mfma_moe1_silu_mul_afp8_wfp4_fp8_t32x128x256", Class.MATMUL),
        ("volta_scudnn_128x64_relu_small_nn_v1", Class.CONV),
        ("void flash::flash_fwd_splitkv_combine_kernel<T>(P)", Class.ATTENTION),
        ("split_embedding_backward_codegen_adagrad_unweighted_kernel", Class.INDEXING),
        ("layer_norm_gated_fwd_kernel", Class.NORM),
    ],
)
def test_words_within_words(name: str, cls: Class) -> None:
    assert kernel(name).cls is cls


def test_a_gradients_norm_is_no_optimizer() -> None:
    many = f"{AT}(anonymous namespace)::multi_tensor_apply_kernel<TensorListMetadata<1>, "
    functors = {
        "at::native::LpNormFunctor<float>, float*>(P)": Class.REDUCTION,
        "UnscaleL2NormFunctor<float>, float*>(P)": Class.REDUCTION,
        "at::native::FusedSgdMathFunctor<float, 3>, double>(P)": Class.OPTIMIZER,
        "BinaryOpListAlphaFunctor<float, 2, 2, 0>, std::plus<float>, float>(P)": Class.ELEMENTWISE,
        "ScaleFunctor<float, float>, float>(P)": Class.ELEMENTWISE,
        "at::native::Copy<float, float, 2>, at::native::Identity<float> >(P)": Class.COPY,
        "at::native::ZeroFunctor<float, 1>>(P)": Class.FILL,
        "at::native::(anonymous names": Class.OPTIMIZER,  # cut: what it is mostly
    }
    assert {one: kernel(many + one).cls for one in functors} == functors


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


PIECES = ["void ", "at::native::", "_kernel", "<float>", "(int)", "gemm", "conv", "nccl", "norm"]
PIECES += [
    "triton_poi_fused_",
    "_ZN",
    "12",
    "flash_fwd",
    "batched_transpose_",
    "aclnn",
    "[clone .kd]",
]
PIECES += ["std::enable_if<", ", void>::type ", "3", "::", "<", "(", ")"]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_any_name_has_a_class(name: str) -> None:
    """No name raises; what is communication in the identity is communication in the tables."""
    found = kernel(name)
    assert (found.cls is Class.COMMUNICATION) == is_communication(name)
    if found.cls is Class.OTHER:
        assert found.tensor_core is TensorCore.UNKNOWN
    if found.tensor_core is TensorCore.YES:
        assert found.cls in ELIGIBLE


@given(st.from_regex(r"[bdhjkuvwyz]{3,12}_[bdhjkuvwyz]{3,12}", fullmatch=True))
def test_what_matches_nothing_is_unknown_and_never_no(name: str) -> None:
    found = kernel(name)
    assert (found.cls, found.tensor_core) == (Class.OTHER, TensorCore.UNKNOWN)

"""Which gradient each kernel of a backward call computes, by all kernels of the call."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.trace.kernels.gradients import Launched, Wanted, directions
from resnext_bench.reports.trace.names.conv_roles import Role, Told, role, told
from resnext_bench.reports.trace.names.convs import Kind

INPUT, WEIGHT, OPEN = Kind.INPUT, Kind.WEIGHT, Kind.UNDETERMINED
BOTH = (True, True)
GEMM, OTHER_GEMM = "volta_sgemm_64x64_nt", "ampere_sgemm_128x64_tn"
DGRAD, WGRAD = "sm80_xmma_dgrad_implicit_gemm", "sm80_xmma_wgrad_implicit_gemm"
WINOGRAD = "void cudnn::winograd_nonfused::winograd"


def launched(names: list[str]) -> list[Launched]:
    """As in a call: what has no other role is a product, unless it is said to be none."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    products = [
        Role.NONE if "elementwise" in name else role(name) or Role.PRODUCT for name in names
    ]
    pairs = zip(names, products, strict=True)
    return [Launched(name=numbers[name], role=one, told=told(name)) for name, one in pairs]


def decided(*names: str, wanted: Wanted | None = BOTH) -> list[Kind | None]:
    return directions(launched(list(names)), wanted)


@pytest.mark.parametrize("wanted", [BOTH, None])
@pytest.mark.parametrize("size", ["4x4", "9x9_5x5"])
def test_products_between_transforms_are_of_their_gradient(
    size: str, wanted: Wanted | None
) -> None:
    """With filters of 5 x 5 the weight gradient transforms its input by a kernel called forward."""
    forward = [f"{WINOGRAD}Forward{one}{size}" for one in ("Data", "Filter", "Output")]
    data = f"{WINOGRAD}{'Wgrad' if size == '4x4' else 'Forward'}Data{size}"
    weight = [data, f"{WINOGRAD}WgradDelta{size}", GEMM, f"{WINOGRAD}WgradOutput{size}"]
    found = decided(forward[0], forward[1], GEMM, forward[2], *weight, wanted=wanted)
    assert found == [INPUT] * 4 + [WEIGHT] * 4
    assert decided(*weight, wanted=None) == [WEIGHT] * 4


OFFSETS = ("cask_cudnn::computeWgradSplitKOffsetsKernel", "cask_cudnn::computeWgradBOffsetsKernel")


@pytest.mark.parametrize(
    "product", ["volta_scudnn_128x64_stridedB_splitK_xregs_large_nn_v1", "some_new_kernel"]
)
def test_tables_of_offsets_are_of_the_product_behind_them(product: str) -> None:
    """A first layer, whose input wants no gradient, in a trace that does not say so."""
    assert decided(*OFFSETS, "Memset (Device)", product, wanted=None) == [WEIGHT] * 4
    found = decided("computeOffsetsKernel", GEMM, *OFFSETS, product, wanted=None)
    assert found == [INPUT, INPUT, WEIGHT, WEIGHT, WEIGHT]


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("turing_scudnn_128x64_stridedB_splitK_small_nn_v1", WEIGHT),
        ("volta_scudnn_128x64_stridedB_interior_nn_v1", INPUT),
        ("void cudnn::cnn::wgrad_alg0_engine<float, 128, 5, 5, 3, 3, 3, false, 512>(int)", WEIGHT),
        ("void cudnn::detail::dgrad_engine<float, 512, 6, 5, 3, 3, 3, false>(int)", INPUT),
        ("volta_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148t_nt_v1", INPUT),
        ("igemm_wrw_gtcx3_nhwc_bf16_bx0_ex1_bt64x64x64", WEIGHT),
        ("igemm_bwd_gtcx3_nhwc_bf16_bx0_ex1_bt128x64x32", INPUT),
        ("naive_conv_ab_nonpacked_wrw_nchw_half_double_half", WEIGHT),
        ("naive_conv_ab_nonpacked_bwd_nchw_half_double_half", INPUT),
        ("naive_conv_packed_fwd_nchw_float_double_float", INPUT),
        ("gridwise_convolution_backward_weights_implicit_gemm_v4r4_xdlops_nchw_kcyx_nkhw", WEIGHT),
        ("gridwise_convolution_backward_data_implicit_gemm_v4r1_xdlops_nchw_kcyx_nkhw", INPUT),
        ("miopenGcnAsmConv3x3WrW", WEIGHT),
        ("MIOpenCvBwdWrW_16x16map", WEIGHT),
        (
            "_ZN2ck16tensor_operation6device37kernel_batched_gemm_xdlops_bwd_weightINS_47Gridwise",
            WEIGHT,
        ),
        ("void ck::kernel_grouped_conv_bwd_data_multiple_d_xdl_cshuffle<x>(y)", INPUT),
        ("void cudnn::cnn::wgrad2d_grouped_direct_kernel<false>(x)", WEIGHT),
        ("miopenSp3AsmConv_v30_3_1_gfx9_fp32_f3x2_stride1", OPEN),
        ("void implicit_convolve_sgemm<float, float, 128, 6, 7, 3, 3, 5, 1>(int)", OPEN),
        (GEMM, OPEN),
    ],
)
def test_alone_a_kernel_is_what_its_name_says(name: str, direction: Kind) -> None:
    assert decided(name, wanted=None) == [direction]


@pytest.mark.parametrize(("wanted", "direction"), [((True, False), INPUT), ((False, True), WEIGHT)])
def test_what_was_asked_for_decides(wanted: Wanted, direction: Kind) -> None:
    assert decided("Memset", GEMM, GEMM, wanted=wanted) == [direction] * 3


def test_the_gradient_of_the_input_comes_first() -> None:
    assert decided(GEMM, OTHER_GEMM) == [INPUT, WEIGHT]
    assert decided(GEMM, GEMM) == [INPUT, WEIGHT]
    assert decided(GEMM, OTHER_GEMM, wanted=None) == [INPUT, WEIGHT]
    assert decided(GEMM, GEMM, wanted=None) == [OPEN, OPEN]
    assert decided(DGRAD, GEMM) == [INPUT, WEIGHT]
    assert decided(GEMM, WGRAD) == [INPUT, WEIGHT]


def test_what_nothing_decides_is_left_open() -> None:
    assert decided(GEMM) == [OPEN]
    assert decided(GEMM, OTHER_GEMM, "third_gemm") == [INPUT, OPEN, WEIGHT]
    assert decided("Memset", "computeOffsetsKernel", wanted=None) == [OPEN, OPEN]


def test_a_sum_is_of_what_it_adds_up() -> None:
    """cuDNN's products of 1 x 1 convolutions, and MIOpen's split-k of the input's gradient."""
    reduce = "void cudnn::cnn::reduce_wgrad_nchw_helper<float, float>(x)"
    assert decided(GEMM, OTHER_GEMM, reduce, wanted=None) == [INPUT, WEIGHT, WEIGHT]
    zero, cast = "SubTensorOpWithScalar1d", "SubTensorOpWithCastTensor1d"
    found = decided(zero, "igemm_bwd_gtcx3_gkgs", cast, "elementwise", zero, WGRAD)
    assert found == [INPUT, INPUT, INPUT, None, WEIGHT, WEIGHT]


FFT = ("void fft2d_r2c_32x32<float>(x)", "volta_cgemm_32x64_tn", "void fft2d_c2r_32x32<float>(x)")


def test_products_between_fourier_transforms() -> None:
    """Several products may lie between; only that of the weight turns a filter round."""
    one = [FFT[0], FFT[0], "compute_gemm_pointers(x)", FFT[1], FFT[1], FFT[2]]
    turned = [*one, "void flip_filter<float, float>(x)"]
    assert decided(*one, *turned) == [INPUT] * 6 + [WEIGHT] * 7
    assert decided(*turned, wanted=None) == [WEIGHT] * 7
    assert decided(*one, WGRAD, wanted=None) == [INPUT] * 6 + [WEIGHT]
    tiled = ["void DSE::regular_fft_pad<0, 1>(x)", "void DSE::vector_fft<0, 1>(x)", FFT[1]]
    tiled += ["void DSE::vector_fft<1, 2>(x)", "void DSE::regular_fft_clip<1, 2>(x)"]
    assert decided(DGRAD, *tiled) == [INPUT] + [WEIGHT] * 5


def test_columns_of_images() -> None:
    """Back into an image: of the input; out of it: of the weight. Image by image, or in turns."""
    unfold, fold = (
        "void at::native::im2col_kernel<float>(x)",
        "void at::native::col2im_kernel<x>(x)",
    )
    images = [GEMM, fold] * 3 + [unfold, OTHER_GEMM] * 3
    assert decided(*images) == [INPUT] * 6 + [WEIGHT] * 6
    assert decided(*images, wanted=None) == [INPUT] * 6 + [WEIGHT] * 6
    turns = [GEMM, fold, unfold, GEMM] * 2
    assert decided(*turns) == [INPUT, INPUT, WEIGHT, WEIGHT] * 2
    assert decided(*[GEMM, fold] * 2, *[OTHER_GEMM] * 2) == [INPUT] * 4 + [WEIGHT] * 2, "1 x 1"


def test_miopens_transforms() -> None:
    """Multipass Winograd is of the weight alone, "bidirectional" of the other two."""

    def passes(kind: str) -> list[str]:
        names = [
            f"miopenGcnAsm{kind}WinogradXform{one}_3_3_3_3" for one in ("Data", "Filter", "Out")
        ]
        return [names[0], names[1], "Cijk_Ailk_Bljk_SB_MT64x64", names[2]]

    assert decided(*passes(""), wanted=None) == [WEIGHT] * 4
    assert decided(*passes("MPBidirect"), *passes("")) == [INPUT] * 4 + [WEIGHT] * 4


def test_many_candidates_of_a_benchmark() -> None:
    """What lies between the last known input and the first known weight stays open."""
    found = decided(DGRAD, GEMM, "dgrad2d_alg1_1", OTHER_GEMM, "wgrad_alg1", GEMM)
    assert found == [INPUT, INPUT, INPUT, OPEN, WEIGHT, WEIGHT]


NAMES = [GEMM, OTHER_GEMM, DGRAD, WGRAD, *FFT, *OFFSETS, "elementwise", "Memset", "fprop", "col2im"]
NAMES += [f"{WINOGRAD}{one}" for one in ("ForwardData4x4", "WgradDelta4x4", "WgradOutput4x4")]
masks = st.none() | st.tuples(st.booleans(), st.booleans())


@given(st.lists(st.sampled_from(NAMES), max_size=9), masks)
def test_all_are_said_in_any_call(names: list[str], wanted: Wanted | None) -> None:
    call, found = launched(names), decided(*names, wanted=wanted)
    for kernel, direction in zip(call, found, strict=True):
        assert (direction is None) == (kernel.role is Role.NONE)
        assert direction in (None, INPUT, WEIGHT, OPEN)
    if wanted in ((True, False), (False, True)):
        assert set(found) <= {None, INPUT if wanted[0] else WEIGHT}


@given(st.lists(st.sampled_from([GEMM, OTHER_GEMM, DGRAD, WGRAD]), max_size=7), masks)
def test_known_ones_keep_what_they_are_and_the_order(
    names: list[str], wanted: Wanted | None
) -> None:
    found = decided(*names, wanted=wanted)
    told_ = [told(name) for name in names]
    if wanted is None or all(wanted):
        for one, direction in zip(told_, found, strict=True):
            assert direction is not (WEIGHT if one is Told.INPUT else None)
            assert not (one is Told.INPUT and direction is not INPUT)
            assert not (one is Told.WEIGHT and direction is not WEIGHT)
    in_order = [one for one in told_ if one is not Told.NOTHING]
    if in_order == sorted(in_order):
        known = [one for one in found if one is not OPEN]
        assert not any(pair == (WEIGHT, INPUT) for pair in pairwise(known))


@given(st.lists(st.sampled_from(NAMES), max_size=7), masks)
def test_what_is_in_no_gradient_changes_nothing(names: list[str], wanted: Wanted | None) -> None:
    mixed = [one for name in names for one in (name, "elementwise")]
    assert decided(*mixed, wanted=wanted)[::2] == decided(*names, wanted=wanted)

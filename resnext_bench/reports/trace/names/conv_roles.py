"""What a kernel is to the call of a convolution that launched it: a part of which gradient?

A gradient is one product, or several kernels around it: what comes before (transforms of Winograd
and FFT, columns of an image, tables of offsets, zeros), the product, and what comes after (the
transform back, the sum of a split k). Names are those of cuDNN 7 to 9, PyTorch and MIOpen.
"""

import re
from enum import IntEnum
from typing import Final


class Role(IntEnum):
    """Where in a gradient's kernels one stands."""

    NONE = 0
    """In no gradient: layout transforms, the sum of a bias, copies."""
    BEFORE = 1
    """In front of the product."""
    OPENS = 2
    """Likewise, and all products up to the one that closes are of the same gradient."""
    WITHIN = 3
    """Before or after the product, between one that opens and one that closes."""
    PRODUCT = 4
    CLOSES = 5
    """Behind the products since one that opens; what follows is another one."""
    TURNS = 6
    """Turns a filter round: behind what closes, or in front of what opens."""
    AFTER = 7
    """Behind the product: it belongs to the last one."""


class Told(IntEnum):
    """What a name tells of the gradient."""

    NOTHING = 0
    INPUT = 1
    WEIGHT = 2
    LIKELY_INPUT = 3
    """Always so where operators told it; but the name does not say it."""
    LIKELY_WEIGHT = 4


_ROLES: Final = (
    (
        re.compile(
            r"winograd(Forward|Wgrad)(Data|Filter|Delta)|WinogradXform(Data|Filter)|fft\dd_r2c|"
            r"regular_fft_pad"
        ),
        Role.OPENS,
    ),
    (re.compile(r"vector_fft|compute_gemm_pointers|transpose_readWrite_alignment"), Role.WITHIN),
    (
        re.compile(r"winograd(Forward|Wgrad)Output|WinogradXformOut|fft\dd_c2r|regular_fft_clip"),
        Role.CLOSES,
    ),
    (re.compile(r"flip_filter"), Role.TURNS),
    (
        re.compile(
            r"compute\w*OffsetsKernel|precompute_indices|(?i:im2(d2)?col|vol2col|im3d2col)|"
            r"generateWinogradTiles|scalePackedTensor|SubSample|SubTensorOpWithScalar|fillBuffer|"
            r"^Memset"
        ),
        Role.BEFORE,
    ),
    (
        re.compile(
            r"(?i:split_?k_?reduce|reduce_?split_?k|reduce_wgrad|col2im|col2vol)|"
            r"SubTensorOpWithCast|UpSample"
        ),
        Role.AFTER,
    ),
)
"""The first that fits decides; what fits none is a product where it is of a convolution's class."""

_TOLD: Final = (
    # MIOpen transforms for weight gradients alone, and others ("MPBidirect") for both other ones.
    (re.compile(r"GcnAsmWinogradXform"), Told.WEIGHT),
    (
        re.compile(
            r"(?i:wgrad|_wrw(?![a-z])|BwdWrW|bwd_?weight|backward_?(weight|filter)|grad_weight)|"
            r"Conv\w*WrW"
        ),
        Told.WEIGHT,
    ),
    (
        re.compile(
            r"(?i:dgrad|bwd_?data|backward_?(data|input)|igemm_bwd|naive_conv_\w*bwd_|"
            r"col2im|col2vol)|conv_depthwise\dd_backward_kernel|Conv5x10u2v2b1"
        ),
        Told.INPUT,
    ),
    # Of labelled traces: a filter is turned round forward and for the weight, not for the input.
    (
        re.compile(r"stridedB_splitK|flip_filter|(?i:im2(d2)?col|vol2col|im3d2col)"),
        Told.LIKELY_WEIGHT,
    ),
    (
        re.compile(
            r"stridedB|winogradForward(Filter|Output)|MPBidirectWinogradXform|scudnn_winograd|"
            r"generateWinogradTiles|fprop|igemm_fwd|conv_fwd|naive_conv_\w*fwd_"
        ),
        Told.LIKELY_INPUT,
    ),
)
"""The first that fits decides. `winogradForwardData9x9_5x5` is of weight gradients, too."""

_ALGORITHMS: Final = (
    ("Winograd", re.compile(r"(?i)winograd|miopenSp3AsmConv")),
    ("FFT", re.compile(r"fft\dd_|regular_fft|vector_fft")),
)


def role(name: str) -> Role:
    """Return where a kernel stands; NONE also for the product itself, which its class tells."""
    return next((one for pattern, one in _ROLES if pattern.search(name)), Role.NONE)


def told(name: str) -> Told:
    """Return what a kernel's name says of the gradient that a backward call computes by it."""
    return next((one for pattern, one in _TOLD if pattern.search(name)), Told.NOTHING)


def algorithm(name: str) -> str:
    """Return the name of an algorithm that needs fewer FLOP than the direct one; else nothing."""
    return next((one for one, pattern in _ALGORITHMS if pattern.search(name)), "")

"""Classes of kernels by their names, and of operators for traces of a CPU.

Names are all that a trace has. The tables below are read from top to bottom, the first row that
fits decides, and what fits none is called other. Names come from cuDNN 7 to 9, cuBLAS, CUTLASS,
PyTorch 1.8 to 2.15 with inductor, MIOpen, rocBLAS and Composable Kernel, as real traces show them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class Class(StrEnum):
    """What a kernel does."""

    CONV_FORWARD = "conv forward"
    CONV_INPUT = "conv input gradient"
    CONV_WEIGHT = "conv weight gradient"
    CONV_BACKWARD = "conv backward"
    """One gradient or both: the name does not say which."""
    CONV = "conv"
    """No direction is known."""
    MATMUL = "matrix product"
    ATTENTION = "attention"
    NORM = "normalisation"
    POOLING = "pooling"
    LOSS = "softmax and loss"
    ELEMENTWISE = "elementwise"
    REDUCTION = "reduction"
    SPLIT_K = "split-k reduction"
    LAYOUT = "layout transform"
    OPTIMIZER = "optimizer"
    INDEXING = "indexing and sorting"
    RANDOM = "random numbers"
    COPY = "copy"
    FILL = "fill"
    COMMUNICATION = "communication"
    FRAMEWORK = "framework"
    """On a CPU: autograd's wrappers, allocation, views."""
    OTHER = "other"


class TensorCore(StrEnum):
    """Whether a kernel computes on tensor cores (matrix cores of AMD)."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """What a kernel's name says."""

    cls: Class
    tensor_core: TensorCore
    grouped: bool | None
    """Whether it is made for grouped convolutions; None where the name does not say."""


_Row = tuple[re.Pattern[str], Class]


def _rows(*rows: tuple[str, Class]) -> tuple[_Row, ...]:
    return tuple((re.compile(pattern), cls) for pattern, cls in rows)


_COMMUNICATION: Final = re.compile(
    (
        r"nccl|rccl|msccl|multimem_|cross_device_reduce|(one|two)_shot_all_?reduce|all_?reduce_kernel|"
        r"nvshmem|deep_ep::|symm_mem|^(gloo|mpi|ucc):|c10d(_functional)?::|record_param_comms"
    ),
    re.IGNORECASE,
)

# PyTorch's own kernels: what they do stands in the functor, whose text may hold any word.
_ELEMENTWISE_HEAD: Final = re.compile(r"elementwise_kernel\w*$")
_FUNCTORS: Final = _rows(
    (
        r"direct_copy_kernel|copy_device_to_device|bfloat16_copy_kernel|float\d+_copy_kernel",
        Class.COPY,
    ),
    (r"FillFunctor", Class.FILL),
    (r"mse_kernel|smooth_l1|huber", Class.LOSS),
    (r"index_kernel|index_put|gather|scatter", Class.INDEXING),
    (r"", Class.ELEMENTWISE),
)

_KERNELS: Final = _rows(
    # Layout: cuDNN, MIOpen. They move whole tensors and compute nothing.
    (
        (
            r"nchwToNhwc|nhwcToNchw|nchw2nhwc|nhwc2nchw|genericTranspose|batched_transpose|"
            r"SubTensorOpWithCast|convertTensor|tensorTransform|[nN]hwcTo(Folded)?Nhwc|transpose_\w*(NCHW|CNHW|NHWC)"
        ),
        Class.LAYOUT,
    ),
    # Several blocks made parts of one product; these add the parts up.
    (r"(?i)split_?k_?reduce|reduce_?split_?k|reduce_wgrad|splitkreduce", Class.SPLIT_K),
    (
        r"bn_(fw|bw|finalize)|(?i:batch_?norm|layer_?norm|group_?norm|rms_?norm)|RowwiseMoments|GammaBeta",
        Class.NORM,
    ),
    (
        (
            r"^(?!triton_(poi|red|per|for)_).*(?i:flash_?attn|flash_(fwd|bwd)|fmha|_attention|sdpa_|"
            r"attn_fwd|bwd_kernel_d[kq])"
        ),
        Class.ATTENTION,
    ),
    # Convolutions: cuDNN with XMMA and CUTLASS, its legacy engines, MIOpen, Composable Kernel.
    (r"fprop|igemm_fwd|conv_fwd|conv_depthwise2d_forward|_conv2d_forward", Class.CONV_FORWARD),
    (r"dgrad|igemm_bwd|bwd_data|conv_depthwise2d_backward_kernel", Class.CONV_INPUT),
    (r"(?i)wgrad|igemm_wrw|bwd_weight|conv_depthwise2d_grad_weight", Class.CONV_WEIGHT),
    (
        (
            r"ImplicitGemmConvolution|implicit_convolve|explicit_convolve|convolve_|conv2d_|"
            r"[shi]\d*cudnn|winograd|fft2d|flip_filter|im2col|col2im|compute\w*OffsetsKernel|"
            r"kern_precompute_indices|"
            r"miopenSp3Asm|naive_conv|MIOpenConv|grouped_conv|triton_tem_\w*conv"
        ),
        Class.CONV,
    ),
    (r"multi_tensor_apply_kernel|(?i:fused_?(adam|sgd|lamb))", Class.OPTIMIZER),
    (r"(?i)pool", Class.POOLING),
    (
        r"(?i)embedding|indexing_|index_|IndexKernel|_indices_|gather|scatter|(?<!ten)sort|cub::|topk|scan_",
        Class.INDEXING,
    ),
    (r"(?i)(?<!fb)gemm|gemv|nvjet|Cijk_|matmul|dot_kernel|triton_tem_\w*mm", Class.MATMUL),
    (r"(?i)softmax|nll_?loss|ClassNLL|cross_?entropy|mse_loss", Class.LOSS),
    (r"(?i)distribution_|dropout|philox|curand", Class.RANDOM),
    (r"CatArrayBatchedCopy|copyBuffer|^Memcpy|copy_kernel|AddPadding", Class.COPY),
    (r"SubTensorOpWithScalar|fillBuffer|^Memset", Class.FILL),
    (r"reduce|Reduce|triton_(red|per)_", Class.REDUCTION),
    (
        r"triton_(poi|for)_|[pP]ointwise|OpTensor|scalePackedTensor|epilogue::|[eE]lementwise",
        Class.ELEMENTWISE,
    ),
)

# Tensor cores, for convolutions, matrix products and attention alone; first fitting row decides.
_CORES: Final = (
    (re.compile(r"tensorop|wmma|[shi](884|1688|16816|161616|8816|16832)|nvjet"), TensorCore.YES),
    (re.compile(r"xdlops|_xdl_|gtcx|_MI\d+x\d+|mfma", re.IGNORECASE), TensorCore.YES),
    (re.compile(r"flash_bwd_(dot_do_o|convert)"), TensorCore.NO),
    (re.compile(r"flash_(fwd|bwd)|FlashAttn(Fwd|Bwd)Sm\d|fmha\w*f16|wgmma|Gmma"), TensorCore.YES),
    (re.compile(r"grouped_direct|depthwise"), TensorCore.NO),
    (re.compile(r"xmma_\w*(tf32|f16|e4m3|e5m2|s8|i8)"), TensorCore.YES),
    (
        re.compile(r"xmma_\w*f32f32|simt|[sdc]gemm|[sd]cudnn|gemv|gemmSN|gemmk1|dot_kernel"),
        TensorCore.NO,
    ),
    (
        re.compile(r"implicit_convolve|explicit_convolve|dgrad_engine|wgrad_alg|winograd|fft2d"),
        TensorCore.NO,
    ),
    (
        re.compile(r"flip_filter|im2col|col2im|OffsetsKernel|precompute_indices|naive_conv|Cijk_"),
        TensorCore.NO,
    ),
)
_GROUPS: Final = re.compile(r"_g(\d+)(?:_|$)|(grouped_direct|depthwise|grouped_conv)")

_CONVS: Final = frozenset(
    {
        Class.CONV,
        Class.CONV_FORWARD,
        Class.CONV_INPUT,
        Class.CONV_WEIGHT,
        Class.CONV_BACKWARD,
    }
)
ELIGIBLE: Final = _CONVS | {Class.MATMUL, Class.ATTENTION}
"""Classes that tensor cores could compute."""


def kernel(name: str) -> Kernel:
    """What a device kernel's name says, whoever launched it."""
    cls = _class(name)
    eligible = cls in ELIGIBLE
    return Kernel(
        cls=cls,
        tensor_core=_core(name) if eligible else TensorCore.NO,
        grouped=_grouped(name) if cls in _CONVS else None,
    )


def _class(name: str) -> Class:
    head = _head(name)
    if _COMMUNICATION.search(head):
        return Class.COMMUNICATION
    if _ELEMENTWISE_HEAD.search(head):
        return _first(_FUNCTORS, name)
    # CUTLASS has its kernel in the template of a class; others are told by what is before it.
    told = name if _IN_TEMPLATE.search(head) else head
    return _first(_KERNELS, told)


_IN_TEMPLATE: Final = re.compile(r"(Kernel\d*|device_kernel|kentry)$|^_Z")
"""Heads that say nothing: what runs is an argument of the template, or the name is mangled."""
_ENABLE_IF: Final = re.compile(r"std::enable_if<[^<>]*>::type\s*")


def _head(name: str) -> str:
    """What stands before templates and arguments, `(anonymous namespace)` left out."""
    plain = _ENABLE_IF.sub("", name.replace("(anonymous namespace)::", ""))
    return re.split(r"[<(]", plain, maxsplit=1)[0]


def _first(rows: Sequence[_Row], name: str) -> Class:
    return next((cls for pattern, cls in rows if pattern.search(name)), Class.OTHER)


def _core(name: str) -> TensorCore:
    return next((core for pattern, core in _CORES if pattern.search(name)), TensorCore.UNKNOWN)


def _grouped(name: str) -> bool | None:
    match = _GROUPS.search(name)
    if match is None:
        return None
    return bool(match[2]) or int(match[1]) > 1


def is_communication(name: str) -> bool:
    """Whether a kernel, an operator or an annotation moves data between ranks."""
    return bool(_COMMUNICATION.search(_head(name)))


_CONV_OPERATOR: Final = re.compile(r"(?i)\bconv(olution|\d?d|_|\b)|_conv(olution|_|\d)")


def under(found: Kernel, operator: str) -> Kernel:
    """What the operator that launched a kernel adds to its name.

    A matrix product below a convolution is a part of it, and forward is what the operator says it
    is: cuDNN computes input gradients by kernels called fprop, and transposed convolutions the
    other way round.
    """
    if found.cls in ELIGIBLE and _CONV_OPERATOR.search(operator):
        return replace(found, cls=_direction(found.cls, operator))
    if found.cls in (Class.ELEMENTWISE, Class.REDUCTION) and "_norm" in operator:
        return replace(found, cls=Class.NORM)
    return found


def _direction(cls: Class, operator: str) -> Class:
    if "backward_input" in operator:
        return Class.CONV_INPUT
    if "backward_weight" in operator:
        return Class.CONV_WEIGHT
    if "backward" in operator.lower():
        return cls if cls in (Class.CONV_INPUT, Class.CONV_WEIGHT) else Class.CONV_BACKWARD
    return Class.CONV_FORWARD


_OPERATORS: Final = _rows(
    (
        r"^autograd::engine::|Backward\d*$|AccumulateGrad|^torch::autograd::|^Optimizer",
        Class.FRAMEWORK,
    ),
    (
        (
            r"::(empty\w*|resize_|set_|detach_?|view\w*|as_strided\w*|expand\w*|permute|t|transpose|"
            r"slice|select|reshape\w*|_reshape_alias|narrow|unsqueeze|squeeze|alias|unbind|split\w*|"
            r"flatten|item|_local_scalar_dense|lift_fresh|result_type|is_nonzero|chunk|unflatten\w*|"
            r"flatten_dense_tensors|_nested\w*|numpy_T|to_dense)$|^detach_?$"
        ),
        Class.FRAMEWORK,
    ),
    (r"convolution_backward_input|conv\w*_backward_input", Class.CONV_INPUT),
    (r"conv\w*_backward_weight", Class.CONV_WEIGHT),
    (r"conv\w*backward", Class.CONV_BACKWARD),
    (r"::_?\w*conv(olution|\d|_)", Class.CONV_FORWARD),
    (r"batch_norm|layer_norm|group_norm|instance_norm|rms_norm", Class.NORM),
    (r"pool", Class.POOLING),
    (r"softmax|nll_loss|cross_entropy|mse_loss", Class.LOSS),
    (r"::_(fused|foreach)_", Class.OPTIMIZER),
    (r"::(\w*mm|matmul|linear|addmv|mv|dot|einsum)$|linear_pointwise", Class.MATMUL),
    (r"copy_?$|::(_to_copy|to|clone|contiguous|cat|_cat|stack)$|copy_bucket", Class.COPY),
    (r"::(zero_|zeros\w*|fill_|ones\w*|full\w*|new_(zeros|ones|full))$", Class.FILL),
    (r"uniform|normal_|dropout|bernoulli|rand", Class.RANDOM),
    (r"index|gather|scatter|sort|topk|embedding|nonzero|unique", Class.INDEXING),
    (
        (
            r"::(sum|mean|max|min|amax|amin|argmax|argmin|norm|linalg_vector_norm|var|std|cumsum|all|"
            r"any|prod)$"
        ),
        Class.REDUCTION,
    ),
    (
        (
            r"::_?(add\w*|sub_?|mul\w*|div_?|relu\w*|threshold\w*|clamp\w*|hardtanh\w*|sigmoid\w*|"
            r"tanh\w*|gelu\w*|silu\w*|exp_?|log_?|neg_?|sqrt_?|rsqrt_?|pow_?|addcmul_?|addcdiv_?|lerp_?|"
            r"where|eq|ne|lt|gt|le|ge|abs_?|square|reciprocal|maximum|minimum|mul_out|isfinite)$"
        ),
        Class.ELEMENTWISE,
    ),
)
"""Of a CPU's traces; each moment counts for its innermost operator: wrappers have little time."""


def operator(name: str) -> Class:
    """What an operator of a CPU's trace does."""
    return Class.COMMUNICATION if is_communication(name) else _first(_OPERATORS, name)

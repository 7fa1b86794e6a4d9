"""Classes of the framework's operators by their names: on a CPU they are the work itself.

Each moment counts for its innermost operator, so that those which only call others have little.
"""

from typing import Final

from resnext_bench.reports.trace.names.classes import Class, first, rows
from resnext_bench.reports.trace.names.communication import is_communication
from resnext_bench.reports.trace.names.inductor import fused
from resnext_bench.reports.trace.names.markers import is_marker

_FRAMEWORK: Final = rows(
    (
        (
            r"^autograd::engine::|Backward\d*$|AccumulateGrad|^torch::autograd::|^torch::jit::|"
            r"^_?NoopSaveInputs"
        ),
        Class.FRAMEWORK,
    ),
    (
        (
            r"::(?:empty\w*|new_empty\w*|resize\w*|set_|detach_?|view\w*|_unsafe_view|as_strided\w*|"
            r"expand\w*|permute|t_?|transpose_?|swapaxes|movedim|slice|select|diagonal|"
            r"_?reshape\w*|narrow|unsqueeze_?|squeeze_?|alias|unbind|"
            r"split(?!\w*copy)(?!_embedding)\w*|tensor_split|_fused_sdp_choice|"
            r"flatten|item|_local_scalar_dense|lift_fresh|result_type|is_nonzero|chunk|unflatten\w*|"
            r"flatten_dense_tensors|_nested\w*|numpy_T|conj|resolve_(?:conj|neg)|"
            r"broadcast_tensors|_has_compatible_shallow_copy_type|record_stream|is_pinned|"
            r"scalar_tensor|promote_types|can_cast|\w*prepack|_assert\w*|sym_\w+|size|stride|"
            r"requires_grad_|_version|is_same_size|output_nr)$|^detach_?$"
        ),
        Class.FRAMEWORK,
    ),
)
_OPERATORS: Final = _FRAMEWORK + rows(
    (r"scaled_dot_product|_attention|attention_|attn|fused_sdp|sdpa", Class.ATTENTION),
    (r"reorder_(?:conv|linear)|::(?:to_mkldnn|mkldnn_to_dense|to_dense)$", Class.COPY),
    (r"conv\w*_backward_input|conv\w*backward_data", Class.CONV_INPUT),
    (r"conv\w*_backward_weight", Class.CONV_WEIGHT),
    (r"conv\w*backward", Class.CONV_BACKWARD),
    (r"::_?\w*conv(?:olution|\d|_)", Class.CONV_FORWARD),
    (r"(?:batch|layer|group|instance|rms)_?norm", Class.NORM),
    (r"(?<!mem)pool(?!ed)", Class.POOLING),
    (r"softmax|nll_loss|cross_entropy|_loss|logsumexp|kl_div", Class.LOSS),
    (r"::_fused_(?:adam\w*|sgd|adagrad|lamb)|_(?:adam|sgd|lamb|adagrad)_step", Class.OPTIMIZER),
    (r"::_foreach_(?:norm|max)", Class.REDUCTION),
    (r"::_foreach_copy", Class.COPY),
    (r"::_foreach_zero", Class.FILL),
    (r"::_foreach_|::_amp_", Class.ELEMENTWISE),
    (
        (
            r"::(?:\w*mm|\w*mm_|matmul|linear|addmv_?|mv|dot|vdot|inner|outer|ger|einsum|bilinear|"
            r"tensordot)$|::(?!upsample)\w*linear\w*$|linear_pointwise|scaled_mm|weight_int\dpack_mm|(?<!fb)gemm|"
            r"fused_moe|fused_experts|moe_forward"
        ),
        Class.MATMUL,
    ),
    (
        (
            r"copy_?$|::(?:_to_copy|to|clone|contiguous|cat|_cat|concat|stack|_copy_from\w*|"
            r"_?pin_memory|pad|constant_pad_nd|roll|flip|repeat)$|copy_bucket|pad\dd|"
            r"(?:slice|select|unfold|diagonal)_backward$|_copy_(?:in|out)|chunk_cat|_and_cache|all_to_one_device"
        ),
        Class.COPY,
    ),
    (r"::(?:zero_|zeros\w*|fill_|ones\w*|full\w*|new_(?:zeros|ones|full))$", Class.FILL),
    (r"uniform|normal_|dropout|bernoulli|(?<![a-z])rand|multinomial|exponential_", Class.RANDOM),
    (r"cumsum|cumprod|logcumsumexp", Class.REDUCTION),
    (
        (
            r"index|indices|offsets|gather|scatter|sort|topk|embedding|nonzero|unique|masked_select|searchsorted|"
            r"bucketize|take|permute_|moe_align|histc|bincount|repeat_interleave"
        ),
        Class.INDEXING,
    ),
    (
        (
            r"::(?:sum|mean|max|min|amax|amin|aminmax|argmax|argmin|norm|linalg_\w*norm|var\w*|std\w*|"
            r"all|any|prod|count_nonzero|logical_all)$"
        ),
        Class.REDUCTION,
    ),
    (
        (
            r"::_?(?:r?sub_?|add\w*|mul\w*|divi?d?e?_?|relu\w*|threshold\w*|clamp\w*|hardtanh\w*|"
            r"hardswish\w*|hardsigmoid\w*|sigmoid\w*|tanh\w*|gelu\w*|silu\w*|mish\w*|elu\w*|"
            r"leaky_relu\w*|softplus\w*|glu\w*|exp_?|expm1|log_?|log1p|neg_?|sqrt_?|rsqrt_?|pow_?|"
            r"erf|sin|cos|lerp_?|where|eq|ne|lt|gt|le|ge|abs_?|sgn|sign|square|reciprocal_?|"
            r"maximum|minimum|isfinite|isnan|isinf|nan_to_num|remainder|fmod|floor\w*|ceil|round|"
            r"bitwise_\w+|logical_\w+|masked_fill_?|tril_?|triu_?|arange|linspace|upsample\w*|"
            r"grid_sampler\w*|quantize\w*|dequantize\w*|fake_quantize\w*)$|silu_and_mul|rotary|_quant"
        ),
        Class.ELEMENTWISE,
    ),
)

_ENOUGH: Final = 1000
"""Characters of a name that are looked at; an operator has some dozens."""


def operator(name: str) -> Class:
    """Return what an operator does."""
    if is_marker(name):
        return Class.FRAMEWORK
    if is_communication(name):
        return Class.COMMUNICATION
    return fused(name) or first(_OPERATORS, name[:_ENOUGH])

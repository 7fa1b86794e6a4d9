"""Classes of kernels by their names.

Names come from cuDNN 7 to 9, cuBLAS, CUTLASS, PyTorch 1.8 to 2.15, Triton, MIOpen, rocBLAS,
hipBLASLt, Composable Kernel, AITER, FlashAttention, FlashInfer, FlashMLA, xFormers, SageAttention,
DeepGEMM, vLLM, SGLang, TensorRT-LLM, Transformer Engine, Apex, FBGEMM, bitsandbytes, Mamba and
Ascend's CANN, as real traces show them. Patterns are in lower case, as names are compared.
"""

import re
from functools import lru_cache
from typing import Final

from resnext_bench.reports.trace.names.classes import CONVS, Class, Kernel, first, rows
from resnext_bench.reports.trace.names.communication import talks
from resnext_bench.reports.trace.names.inductor import fused
from resnext_bench.reports.trace.names.plain import head, plain
from resnext_bench.reports.trace.names.tensor_cores import core

_SURE_LAYOUT: Final = rows(
    # They move whole tensors and compute nothing.
    (
        (
            r"nchwtonhwc|nhwctonchw|nchw2nhwc|nhwc2nchw|converttensor|tensortransform|"
            r"nhwcto(?:folded)?nhwc|transpose_\w*(?:nchw|cnhw|nhwc)|^(?:trans_)?transdata"
        ),
        Class.LAYOUT,
    ),
)
_LAYOUT: Final = (
    *_SURE_LAYOUT,
    # Of cuDNN and MIOpen: tensors seen as matrices. Products of matrices need transposes, too.
    *rows((r"^batched_transpose_\d|generictranspose", Class.LAYOUT)),
)
_ATTENTION_CACHE: Final = (
    r"(?:reshape|concat|quant)\w*_and_cache|concat_mla|(?:add|remove)_?padding|copy_blocks|swap_blocks|req_to_token_pool|"
    r"^(?!.*(?:prefill|decode|attention|attn)).*(?:append|write|store|copy|update|set|insert|"
    r"gather|convert|transfer)\w*?(?:kv|cache)|kv_?cache_(?:write|copy|store|append|update)"
)
_NORM: Final = (
    r"bn_(?:fw|bw|finalize|inf)|^bn(?:training|infer)|(?:^|[_:])ln_(?:fwd|bwd)|rowwisemoments|"
    r"gammabeta|welford|compute(?:1d)?(?:backward)?fusedparams|computeinternalgradients|"
    r"cucomputegradinput|(?<!re)(?<!lp)(?<!vector_)(?<!vector)(?<!grad_)norm(?!al(?!iz))(?!\w*gemm)"
)
_FLASH: Final = (
    r"flash_?attn|flash_?attention|flash_(?:fwd|bwd)|fmha|attention|attn|sdpa|(?<![a-z])mha_|"
    r"kernel_mha|(?<![a-z])mmha|xqa|mqa_logits|(?<![a-z])mla(?![a-z])|flash_?mla|batchmla|"
    r"(?:batch|single)(?:prefill|decode)with|paged_(?:prefill|decode)|(?<![a-z])pa_(?:a\d|bf16|fp16|"
    r"fwd|decode|ps)|merge_?states|_kernel_stage[12]|bwd_kernel_d[kq]|qk_int\d*_sv|"
    r"(?<![a-z])sage_(?:fwd|bwd)|dot_do_o|convert_dq|prepare_varlen_num_blocks"
)
_LINEAR_ATTENTION: Final = (
    r"delta_?rule|fused_recurrent|solve_tril|scaled_dot_kkt|recompute_w_u|chunk_(?:fwd|bwd)_kernel|"
    r"(?<![a-z])(?:gdn|kda|gla|wkv\d*)_|retention|deltarule"
)
_KERNELS: Final = _LAYOUT + rows(
    (_ATTENTION_CACHE, Class.COPY),
    (_NORM, Class.NORM),
    (f"{_FLASH}|{_LINEAR_ATTENTION}", Class.ATTENTION),
    # Several blocks made parts of one product; these add the parts up, or cast their sum.
    (
        (
            r"split_?k_?reduce|reduce_?split_?k|reduce_wgrad|postgsu|execute_split_k_kernel|"
            r"subtensoropwithcast|cijk_(?!a)"
        ),
        Class.SPLIT_K,
    ),
    # Convolutions: cuDNN with XMMA and CUTLASS, its legacy engines, MIOpen, Composable Kernel.
    (
        (
            r"fprop|igemm_fwd|conv_fwd|naive_conv\w*_fwd|conv_depthwise2d_forward|_conv2d_forward|"
            r"causal_conv1d\w*_(?:fwd|update)|^(?:depthwise)?conv[23]d(?:v\d)?$"
        ),
        Class.CONV_FORWARD,
    ),
    (
        (
            r"dgrad|igemm_bwd|bwd_data|naive_conv\w*_bwd|conv_depthwise2d_backward_kernel|"
            r"conv\w*backward_(?:data|input)|conv[23]d\w*backpropinput"
        ),
        Class.CONV_INPUT,
    ),
    (
        (
            r"wgrad|igemm_wrw|bwd_weight|naive_conv\w*_wrw|c(?:on)?v\w*wrw|conv_depthwise2d_grad_weight|"
            r"conv\w*backward_(?:weight|filter)|conv[23]d\w*backpropfilter"
        ),
        Class.CONV_WEIGHT,
    ),
    (r"causal_conv1d\w*_bwd", Class.CONV_BACKWARD),
    (
        (
            r"implicit_?gemm|implicit_convolve|explicit_convolve|convolve_|[shi]\d*cudnn|winograd|"
            r"(?<![a-z])conv(?=\dd|_)|convolution|fft\dd_[rc]2[rc]|flip_filter|im2(?:d2)?col|col2im|"
            r"compute\w*offsetskernel|precompute_indices|miopensp3asm|asmconv|miopenc(?:on)?v|gen_conv|igemm_v\dr\d|"
            r"grouped_conv|depthwise"
        ),
        Class.CONV,
    ),
    (r"(?<!token_)(?<!mem)(?<!thread)(?<!cache)pool(?!ed)", Class.POOLING),
    (r"repack", Class.COPY),
    # Of products by groups of rows: which rows, not the product.
    (
        (
            r"(?:get|prepare|compute|build)_?\w*(?:expert|problem|group)\w*(?:start|data|arg|size|"
            r"offset|map|count)|src2dst|seg_indptr|moe_?align|moe_?sort|expertprefixsum|expandinputrows|routing"
        ),
        Class.INDEXING,
    ),
    (
        (
            r"(?<!fb)gemm|gemv|nvjet|cijk_a|mat_?mul|dot_kernel|(?<![a-z])(?:add|badd|int\d*|b)?mm"
            r"(?![a-z])|marlin|machete|fused_moe|(?<![a-z])fmoe|mfma_moe|flatmm|wvsplitk|llmm\d|"
            r"(?<![a-z])linear_kernel|(?<![a-z])(?:trsm|trmm|syrk)"
        ),
        Class.MATMUL,
    ),
    (
        (
            r"multinomial|samplingfrom|distribution_|dropout|philox|curand|(?<![a-z])rng|bernoulli|"
            r"(?<!grid_)(?<!per_)(?<![a-z])sampl|speculativesampl"
        ),
        Class.RANDOM,
    ),
    (r"rotary|rope(?![a-z]{3})", Class.ELEMENTWISE),
    (r"device(?:segmented)?reduce(?!bykey)|devicescan(?!bykey)", Class.REDUCTION),
    (
        (
            r"embedding|index|_indices_|gather|scatter|(?<!ten)sort|(?<![a-z])cub::|thrust|rocprim|"
            r"hipcub|top_?k|topp|nonzero|unique|searchsorted|bucketize|histogram|bincount|lookup|"
            r"(?<!pad)permut|compute_grad_weight|krn_partial|slot_mapping|block_table|finalizemoe|"
            r"finalizekernel|expert|masked_(?:select|scatter)|repeat_interleave|segment_(?:ids|offset)"
        ),
        Class.INDEXING,
    ),
    (
        (
            r"(?<![a-z])(?:fused_?)?(?:adamw?|sgd|lamb(?!da)|lion|adagrad|novograd|muon|adafactor)"
            r"(?=$|[_\d]|kernel|cuda|update|step)|koptimizer|kprecondition|"
            r"^apply(?:adam|momentum|rmsprop)"
        ),
        Class.OPTIMIZER,
    ),
    (
        r"soft_?max|nll_?loss|classnll|cross_?entropy|_loss(?![a-z])|logsumexp|kl_div",
        Class.LOSS,
    ),
    (r"upsample|grid_sampler|triu|tril", Class.ELEMENTWISE),
    (
        (
            r"reduc|cumsum|cumprod|scan|arg(?:max|min)|lpnorm|(?<![a-z])cleanup|moe_sum|sum_kernel|"
            r"(?<![a-z])mean|count_nonzero|_chunk_state|state_passing|selective_state|"
            r"linalg_\w*norm"
        ),
        Class.REDUCTION,
    ),
    (r"quant|(?<!broad)(?<!multi)(?<!no_)cast|cvt_", Class.ELEMENTWISE),
    (
        (
            r"catarray|chunk_cat|copybuffer|memcpy|copy_(?:kernel|in|out)|addpadding|concat|"
            r"split_with_sizes_copy|(?<![a-z])pad(?=_|\d|ding)|_pad\dd|transpos|tensormove|roll_cuda|flip_kernel|"
            r"^(?:slice|split|pack|pad)[a-z]*\d?$|stridedslice"
        ),
        Class.COPY,
    ),
    (
        (
            r"subtensoropwithscalar|fillbuffer|memset|(?<![a-z])fill|setzero|"
            r"zero_(?:kernel|fill|buffer|out)|clean_logits|initheap|^(?:zeros|ones)like"
        ),
        Class.FILL,
    ),
    (
        (
            r"pointwise|op_?(?:\dd|generic_)?tensor|scalepackedtensor|epilogue::|elementwise|act_and_mul|"
            r"silu|gelu|glu(?![a-z])|relu|sigmoid|tanh|softplus|swish|swiglu|activation|"
            r"(?<![a-z])d?(?:gated_)?act_kernel|gated_kernel|unary_kernel|neuronfwd|neuronbwd|"
            r"add_?bias|bias_?add|residual|scal_kernel|axpy|clamp|convert|element_?mul|"
            r"(?<![a-z])(?:add|mul|sub|div|pow|scale|mask|amp)_\w*kernel|"
            r"^(?:adds?|subs?|muls?|divs?|realdiv|pows?|sqrt|rsqrt|exp|log|neg|abs|maximum|minimum|"
            r"select|equal|greater|less|square|reciprocal|maskedfill|maskedscale)(?:v\d|grad)?$"
        ),
        Class.ELEMENTWISE,
    ),
)

_ELEMENTWISE_HEAD: Final = re.compile(r"elementwise_?kernel\w*$")
_FUNCTORS: Final = rows(
    (r"copy_kernel|direct_copy|copy_device_to_device|(?:copy|cast)scalarfunc", Class.COPY),
    (r"fillfunctor|fill_kernel", Class.FILL),
    (r"mse_kernel|mse_backward|smooth_l1|huber|binary_cross_entropy|kl_div", Class.LOSS),
    (r"index_kernel|index_put|index_(?:copy|fill|add)|gather|scatter", Class.INDEXING),
    (r"", Class.ELEMENTWISE),
)
"""PyTorch's own kernels: what they do stands in the functor, whose text may hold any word."""

_MANY_TENSORS: Final = "multi_tensor_apply"
_OF_MANY: Final = rows(
    (r"fusedoptimizer|adam|sgd|lamb|novograd|adagrad|rmsprop|lion|momentum", Class.OPTIMIZER),
    (r"norm|maxfunctor|minfunctor|sumfunctor", Class.REDUCTION),
    (r"copy", Class.COPY),
    (r"zerofunctor|fillfunctor", Class.FILL),
    (r"functor|std::|lambda|foreach|non_finite", Class.ELEMENTWISE),
    (r"", Class.OPTIMIZER),  # cut before its functor: what most of them are
)
"""`_foreach_...` in the optimizer's pass is the optimizer's all the same: see `device_work`."""

_SAYS_NOTHING: Final = re.compile(
    r"(?:^|::)(?:kernel\d?|device_kernel|kentry|kernel_entry|global_?kernel|_kernel_agent|"
    r"trampoline_kernel|run_kernel|launch_kernel|kernelbatched\w*)$"
)
"""What runs is an argument of the template."""
_CONV_TEMPLATE: Final = rows(
    (r"conv\dd?\w*fprop|implicit_gemm::fprop", Class.CONV_FORWARD),
    (r"conv\dd?\w*dgrad|implicit_gemm::dgrad", Class.CONV_INPUT),
    (r"conv\dd?\w*wgrad|implicit_gemm::wgrad", Class.CONV_WEIGHT),
    (r"implicit_?gemm|::conv::", Class.CONV),
)
_WORD: Final = re.compile(r"[a-z_][\w:]{3,}")
_MOST_WORDS: Final = 8
_ENOUGH: Final = 8000
"""Characters of a name that are looked at; templates make names of many thousand more."""
_LIBRARIES: Final = re.compile(r"(?:deep_gemm|fbgemm(?:_gpu)?|flash_attn)::")
"""Namespaces whose name is that of a class, of which they hold others besides."""

_OF_CUBLAS: Final = re.compile(r"transpose_readwrite|cublastranspose")
"""Of complex matrices: convolutions by Fourier transforms multiply them."""
_GROUPS: Final = re.compile(r"_g(\d+)(?:_|$)|(grouped_direct|depthwise|grouped_conv)")


@lru_cache(maxsize=1 << 14)
def kernel(name: str) -> Kernel:
    """Return what a device kernel's name says, whoever launched it."""
    told = plain(name)
    own, whole = head(told).lower(), told[:_ENOUGH].lower()
    cls = _class(told, own, whole)
    below = Class.CONV if _OF_CUBLAS.search(own) else Class.LAYOUT
    return Kernel(
        cls=cls,
        tensor_core=core(whole, cls),
        grouped=_grouped(whole) if cls in CONVS else None,
        below_convolution=below if cls is Class.COPY and "transpos" in own else None,
        without_convolution=Class.COPY
        if cls is Class.LAYOUT and first(_SURE_LAYOUT, own) is Class.OTHER
        else None,
    )


def _class(name: str, told: str, whole: str) -> Class:
    """By the name, its head and all of it; the latter two in lower case."""
    if talks(told):
        return Class.COMMUNICATION
    if made := fused(name):
        return made
    told = _LIBRARIES.sub("", told)
    if _ELEMENTWISE_HEAD.search(told):
        return first(_FUNCTORS, whole)
    if _MANY_TENSORS in told:
        return first(_OF_MANY, whole)
    if _SAYS_NOTHING.search(told) or told.startswith("_z"):
        return _of_template(told, whole)
    return first(_KERNELS, told)


def _of_template(told: str, whole: str) -> Class:
    """By the first words of the arguments that say anything: what they are made of comes after."""
    conv = first(_CONV_TEMPLATE, whole)
    if conv is not Class.OTHER:
        return conv
    words = [told, *_WORD.findall(whole[whole.find("<") + 1 :])[:_MOST_WORDS]]
    found = (first(_KERNELS, word) for word in words)
    return next((one for one in found if one is not Class.OTHER), Class.OTHER)


def _grouped(name: str) -> bool | None:
    match = _GROUPS.search(name)
    if match is None:
        return None
    return bool(match[2]) or int(match[1]) > 1

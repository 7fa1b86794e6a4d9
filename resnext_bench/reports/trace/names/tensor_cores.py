"""Whether a kernel computes on tensor cores (matrix cores of AMD), by its name.

Only convolutions, products and attention could. A name that says nothing is unknown, also that of a
kernel of no class at all; what kernels of other classes do, tensor cores cannot.
"""

import re
from typing import Final

from resnext_bench.reports.trace.names.classes import ELIGIBLE, Class, TensorCore

_TYPES: Final = r"(?:bf16|f16|fp16|bfloat16|fp8|fp4|e4m3|e5m2|e2m1|mxfp\d|mxe\d|int8)"
_CORES: Final = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        # What goes before or after attention: sums, scales, casts.
        (
            (
                r"dot_do_o|convert_dq|bwd_convert|bwd_?pre|bwd_?post|ograddoto|convertqgrad|"
                r"combine|merge_?(?:attn_)?states|prepare_varlen|mla_reduce|splitkv_reduce"
            ),
            TensorCore.NO,
        ),
        (
            (
                r"tensorop|wmma|wgmma|gmma|umma|tcgen05|[dhi]mma|_tensor\d+x\d+x\d+|nvjet|"
                r"[shid](?:884|1688|16816|161616|8816|16832)"
            ),
            TensorCore.YES,
        ),
        (r"xdlops|_xdl_|gtcx|_mi\d+x\d+|mfma|mxgemm", TensorCore.YES),
        # Attention that is made for them alone.
        (
            (
                r"flash_(?:fwd|bwd)|flashattn(?:fwd|bwd)|flashattention(?:forward|backward)sm|"
                r"compute_attn_ws|fmhasm\d|sm\d+fmha|(?<![a-z])attn_(?:fwd|bwd)|bwd_kernel_d[kq]|"
                r"sage_(?:fwd|bwd)|qk_int\d*_sv|(?:batch|single)prefillwith|batchmla|kernel_mha|xqa|"
                r"fmha_(?:fwd|bwd)_hd|fmha(?:fwd|bwd)\w*kernel|mla_dec|mla_a\d+w\d+|mqa_logits|"
                rf"sdpa_\w*mma|fmha\w*{_TYPES}|flash_attention_\w*{_TYPES}"
            ),
            TensorCore.YES,
        ),
        (r"(?:batch|single)decodewith", TensorCore.NO),
        (r"grouped_direct|depthwise|2d_c1_k1|causal_conv1d", TensorCore.NO),
        (r"xmma_\w*(?:tf32|f16|e4m3|e5m2|s8|i8)", TensorCore.YES),
        (
            (
                r"xmma_\w*f32f32|simt|(?:maxwell|pascal|volta|turing|ampere)_h(?:gemm|cudnn)|"
                r"(?<![a-z])g?[sdcz]gemm|[sd]cudnn|gemv|gemmsn|gemmk1|dot_kernel|dlops|_gemm_dl"
            ),
            TensorCore.NO,
        ),
        (
            (
                r"implicit_convolve|explicit_convolve|dgrad_engine|wgrad_alg|winograd|"
                r"miopensp3asm|miopengcnasm|fft\dd_|transpose_readwrite"
            ),
            TensorCore.NO,
        ),
        (
            (
                r"flip_filter|im2(?:d2)?col|col2im|offsetskernel|precompute_indices|naive_conv|"
                r"cijk_\w*_tt\d+_\d+"
            ),
            TensorCore.NO,
        ),
        # Products by types that only they multiply, and those of libraries made for them.
        (
            (
                rf"(?:^|_)(?:bmm|h?gemm)_{_TYPES}|{_TYPES}_?gemm|f4gemm|fmoe_{_TYPES}|"
                rf"matmul_ogs\w*{_TYPES}|marlin|machete|deep_gemm::sm\d|fused_moe_kernel|"
                r"blockscaled?_gemm|gemm\w*sm(?:90|100|103|120)|sm_?(?:90|100|120)\w*warp_?special|"
                r"ck_tile::\w*(?:gemm|flatmm)\w*kernel|kernel_moe_gemm"
            ),
            TensorCore.YES,
        ),
    )
)
_PERHAPS: Final = re.compile(r"_chunk_(?:scan|state)|bmm_chunk|(?<![a-z])ssd_")
"""Scans of state-space models in chunks: they multiply matrices inside."""


def core(name: str, cls: Class) -> TensorCore:
    """Return what a kernel's name, in lower case, says of a kernel of this class."""
    if cls is Class.OTHER or _PERHAPS.search(name):
        return TensorCore.UNKNOWN
    if cls not in ELIGIBLE:
        return TensorCore.NO
    return next((said for one, said in _CORES if one.search(name)), TensorCore.UNKNOWN)

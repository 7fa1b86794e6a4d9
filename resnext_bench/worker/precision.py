"""Applies the numeric settings of a rank before the first operation."""

from typing import Any

import torch

from resnext_bench.reports.schema.config import RunConfig

AMP_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def apply(config: RunConfig) -> None:
    """Set threads, seed, TF32 and cuDNN as configured.

    TF32 goes through `fp32_precision` alone: mixing it with the older `allow_tf32` makes PyTorch
    raise when either is read.
    """
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    precision = "tf32" if config.tf32 else "ieee"
    backends: Any = torch.backends  # its stubs do not know fp32_precision
    backends.fp32_precision = precision
    for backend in (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn):
        backend.fp32_precision = precision
    for backend in (backends.mkldnn.matmul, backends.mkldnn.conv, backends.mkldnn.rnn):
        backend.fp32_precision = "ieee"
    backends.cudnn.benchmark = config.cudnn_benchmark
    backends.cudnn.benchmark_limit = config.cudnn_benchmark_limit
    backends.cudnn.deterministic = config.cudnn_deterministic

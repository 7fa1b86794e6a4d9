"""Applies the numeric settings of a rank before the first operation."""

from typing import Any

import torch

from resnext_bench.reports.schema.config import RunConfig

AMP_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def apply(config: RunConfig) -> None:
    """Set threads, seed, TF32 and cuDNN as configured."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    allow_tf32(config.tf32)
    cudnn = torch.backends.cudnn
    cudnn.benchmark = config.cudnn_benchmark
    cudnn.benchmark_limit = config.cudnn_benchmark_limit
    cudnn.deterministic = config.cudnn_deterministic


def allow_tf32(allowed: bool) -> None:
    """Let a GPU's fp32 products and convolutions use TF32, or make them IEEE fp32.

    PyTorch has two sets of switches for it, and raises an error where one that is read contradicts
    the other: users' modules, and parts of PyTorch, read either. The older ones come first, as they
    change some of the newer ones, which then say the same for every backend. A CPU's fp32 is always
    IEEE.
    """
    backends: Any = torch.backends  # its stubs do not know fp32_precision
    backends.cuda.matmul.allow_tf32 = allowed
    backends.cudnn.allow_tf32 = allowed
    cuda, cudnn, cpu = backends.cuda, backends.cudnn, backends.mkldnn
    precision = "tf32" if allowed else "ieee"
    # From the widest to the narrowest, as a wider one may change those within.
    for backend in (backends, cudnn, cuda.matmul, cudnn.conv, cudnn.rnn):
        backend.fp32_precision = precision
    for backend in (cpu.matmul, cpu.conv, cpu.rnn):
        backend.fp32_precision = "ieee"

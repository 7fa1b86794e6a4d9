"""Checks whether a kernel that is timed is right: against float64, into memory full of NaN."""

from typing import Final

import torch

from resnext_bench.resnext.traffic import Dtype
from resnext_bench.worker.precision import allow_tf32

TYPES: Final[dict[Dtype, torch.dtype]] = {
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "tf32": torch.float32,
    "fp32": torch.float32,
}
ROUNDING: Final[dict[Dtype, float]] = {
    "bf16": 2.0**-9,
    "fp16": 2.0**-12,
    "tf32": 2.0**-11,
    "fp32": 2.0**-24,
}
"""Largest relative error of rounding once: half a unit in the last of 8, 11, 11 and 24 bits.

TF32 is allowed twice that, as tensor cores may truncate instead of rounding.
"""
WITHIN: Final = 4.0
"""Number of roundings by which the norm of a sum may be off where its terms and result are
rounded."""
LONG_SUM: Final = 512.0
"""Number of roundings in fp32, where sums are rounded too, at each of up to 800,000 terms."""


def limit(dtype: Dtype) -> float:
    """Return the largest ||found - exact|| / ||exact|| of a correct product or convolution."""
    return (LONG_SUM if dtype == "fp32" else WITHIN) * ROUNDING[dtype]


def off(found: torch.Tensor, exact: torch.Tensor) -> float:
    """Return ||found - exact|| / ||exact|| of two tensors of one shape; NaN where any value is."""
    exact = exact.double()
    return float((found.double() - exact).norm() / exact.norm())


def is_right(error: float, dtype: Dtype) -> bool:
    """Return whether an error is within the limit; False for NaN."""
    return error <= limit(dtype)


def set_precision(dtype: Dtype) -> None:
    """Use TF32 for products and convolutions if the type is tf32, otherwise IEEE fp32."""
    allow_tf32(dtype == "tf32")


def keep_memory() -> None:
    """Let the allocator keep free memory after cuDNN has searched.

    Otherwise PyTorch returns all of it to the driver, which takes time in every search, and free
    memory would no longer hold what `poison` wrote there.
    """
    if torch.cuda.is_available():
        torch._C._cudnn_set_conv_benchmark_empty_cache(False)


def poison(device: torch.device, bytes_: int) -> None:
    """Fill memory with NaN and free it: what is allocated next lies there, as far as it fits.

    This exposes a kernel that leaves a part of its result unwritten, or reads unwritten memory.
    """
    filled = torch.full((bytes_ // 4,), float("nan"), device=device)
    del filled

"""The wheels of cuDNN, and of the cuBLAS that it loads, for each version of CUDA."""

from dataclasses import dataclass
from typing import Final

from resnext_bench.reports.schema.releases import CUDA


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheels:
    """The packages for one version of CUDA."""

    cuda: int
    cudnn: str
    cublas: str
    library: str
    """Where cuBLAS's library is, below `site-packages/nvidia`."""


WHEELS: Final = {
    one.cuda: one
    for one in (
        Wheels(
            cuda=13,
            cudnn="nvidia-cudnn-cu13",
            cublas="nvidia-cublas",
            library="cu13/lib/libcublasLt.so.13",
        ),
        Wheels(
            cuda=12,
            cudnn="nvidia-cudnn-cu12",
            cublas="nvidia-cublas-cu12",
            library="cublas/lib/libcublasLt.so.12",
        ),
    )
}
"""By version of CUDA, the usual one first; those for CUDA 13 begin with cuDNN 9.12."""
__all__ = ["CUDA", "WHEELS", "Wheels"]

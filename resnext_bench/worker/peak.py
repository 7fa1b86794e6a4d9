"""Measures how fast this rank's device multiplies matrices, for MFU without a data sheet."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch

from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.symptoms import memory_kind, words_of_chain
from resnext_bench.worker.precision import AMP_DTYPES

EDGE_CPU, EDGE_GPU = 1024, 8192
"""Size of the matrices: large enough that memory does not matter, small enough to be quick."""
LEAST, SECONDS = 5, 0.3
"""Fewest products, and seconds for more; the best of them counts."""
PARTS: Final = 3
"""Number of parts of that time, each with a best product of its own; the spread is how far they
differ."""
WARM_UP: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """How fast matrices were multiplied."""

    tflops: float
    spread_percent: float
    """Half the range of the parts' best products, relative to the best of all."""


def matmul_rate(config: RunConfig, device: torch.device) -> Rate | None:
    """Return the best rate of a product of square matrices in the run's type, TFLOP/s.

    TF32 and threads are as the run has set them. None where memory is too full for three of them.
    """
    try:
        return _measured(config, device)
    except RuntimeError as error:  # torch's allocator refuses, or cuBLAS finds no workspace
        if memory_kind(words_of_chain(error)) is None:
            raise
        return None


def _measured(config: RunConfig, device: torch.device) -> Rate:
    edge = EDGE_GPU if device.type == "cuda" else EDGE_CPU
    dtype = AMP_DTYPES.get(config.amp_dtype, torch.float32)
    # Noise, as a GPU that multiplies constants draws less power and clocks higher than in training.
    generator = torch.Generator(device)  # training draws its own numbers
    a, b = (
        torch.randn(edge, edge, dtype=dtype, device=device, generator=generator) for _ in range(2)
    )
    c = torch.empty_like(a)
    start, times = time.perf_counter(), list[float]()
    with torch.no_grad():
        for _ in range(WARM_UP):
            torch.mm(a, b, out=c)
        while len(times) < LEAST or time.perf_counter() - start < SECONDS:
            times.append(_seconds(a, b, c))
    return Rate(tflops=2 * edge**3 / min(times) / 1e12, spread_percent=spread_percent(times))


def spread_percent(times: Sequence[float]) -> float:
    """Return how much the rate would differ if measured a moment earlier or later."""
    bounds = [len(times) * part // PARTS for part in range(PARTS + 1)]
    bests = [min(times[first:last]) for first, last in pairwise(bounds)]
    return 100 * (1 - min(bests) / max(bests)) / 2


def _seconds(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> float:
    """Return the time of one product, with nothing before it in the queue."""
    _settle(c.device)
    start = time.perf_counter()
    torch.mm(a, b, out=c)
    _settle(c.device)
    return time.perf_counter() - start


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

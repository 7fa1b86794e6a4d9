"""Finds the largest batch that fits by trial training, as no formula knows an allocator.

Two small batches show what an image takes. From there on, sizes are tried for which memory should
just be enough, until the largest that fitted and the smallest that did not are close.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resnext_bench.config.memory import NoMemory, NoSharedMemory
from resnext_bench.config.options import flag
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.host.memory import free_memory_gib
from resnext_bench.machine.inventory import Gpu, Machine
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.record import Record
from resnext_bench.session.data import Tell
from resnext_bench.session.runs.trial import (
    TooLarge,
    is_of_the_batch,
    models_at_once,
    peak_gib,
    spare_gib,
)
from resnext_bench.session.turns.room import gpu_free_gib

AUTO: Final = "auto"
FIRST, SECOND = 8, 32
MOST: Final = 2**16
FILLED: Final = 0.95
"""Share of the free memory to try first, and to use at most on a CPU, where all processes share
memory and running out of it kills one of them.
"""
CLOSE: Final = 16
"""The answer is within one part in so many of the largest that fits."""
STEP_DOWN: Final = 8
"""One part in so many is taken off a batch for which a run had no memory after all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The largest batch, and all batches that were tried."""

    batch: int
    peak_gib: float
    """Peak memory of a rank with it."""
    limit_gib: float
    tried: tuple[int, ...]

    def told(self) -> str:
        """Return the result as a note."""
        tried = ", ".join(map(str, self.tried))
        return (
            f"--batch-size auto: {self.batch} images are the largest batch that fits; they take "
            f"{self.peak_gib:.1f} of {self.limit_gib:.1f} GiB per rank (tried {tried})"
        )


Probe = Callable[[int], float | None]
"""Returns the peak memory of a rank with this many images, GiB; None if they do not fit."""


def largest_batch(probe: Probe, limit_gib: float) -> Found:
    """Find the largest batch by trial; raise CannotHere if not even one image fits."""
    peaks: dict[int, float | None] = {}

    def fits(batch: int) -> bool:
        if batch not in peaks:
            peaks[batch] = probe(batch)
        peak = peaks[batch]
        return peak is not None and peak <= limit_gib

    good = next((batch for batch in (FIRST, 4, 2, 1) if fits(batch)), 0)
    if not good:
        raise CannotHere(
            f"--batch-size auto: not even one image fits into {limit_gib:.1f} GiB; lower "
            "--image-size, or choose a smaller --model"
        )
    bad = 2 * good if good < FIRST else None
    while good < MOST and (bad is None or bad - good > max(1, good // CLOSE)):
        batch = _next(good, bad, {at: peak for at, peak in peaks.items() if peak}, limit_gib)
        good, bad = (batch, bad) if fits(batch) else (good, batch)
    return Found(
        batch=good, peak_gib=peaks[good] or 0.0, limit_gib=limit_gib, tried=tuple(sorted(peaks))
    )


def _next(good: int, bad: int | None, peaks: dict[int, float], limit_gib: float) -> int:
    """Return the size for which memory should just be enough, judging by the two largest."""
    if bad is not None:
        return _even((good + bad) // 2, good, bad)
    if len(peaks) < 2:
        return SECOND
    (first, low), (second, high) = sorted(peaks.items())[-2:]
    an_image = (high - low) / (second - first)
    room = FILLED * limit_gib - high
    more = int(room / an_image) if an_image > 0 else MOST
    # A step of nothing would end nowhere, and one of too much is another guess.
    return _even(min(MOST, 8 * good, max(second + more, good + max(8, good // CLOSE))), good, MOST)


def _even(batch: int, above: int, below: int) -> int:
    """Return a multiple of 8, which suits tensor cores, where there is one between the bounds."""
    rounded = batch // 8 * 8
    return rounded if above < rounded <= below else max(batch, above + 1)


def with_largest_batch(request: Request, machine: Machine, tell: Tell) -> tuple[Request, str]:
    """Replace "auto" in a request; return it with a note of how the batch was found."""
    if "global_batch_size" in request:
        raise UsageError(
            f"--batch-size auto and --global-batch-size {request['global_batch_size']} exclude "
            "each other; give only one of them"
        )

    def probe(batch: int) -> float | None:
        tell(f"trying a batch of {batch}", 0, 0)
        try:
            return peak_gib(request | {"batch_size": batch}, machine)
        except (NoSharedMemory, NoMemory):
            if batch == 1:
                raise
            return None
        except TooLarge as too_large:
            # Where cuDNN has no plan for one image either, it was not for lack of memory.
            if batch == 1 and not too_large.is_memory:
                raise too_large.failed from None
            return None

    found = largest_batch(probe, _limit_gib(request, machine))
    spare = ""
    if _on_gpu(request, machine):
        spare = f"; {spare_gib(request, machine):.2f} GiB were kept free"
    return request | {"batch_size": found.batch}, found.told() + spare


def after_lack(request: Request, record: Record) -> tuple[Request, str] | None:
    """Return the request with fewer images, and a note, if memory ran out in the run after all.

    None where something else ended the run, or where there is no smaller batch.
    """
    batch = record.resolved.batch_size
    failure = record.failure
    if failure is None or batch == 1 or not is_of_the_batch(failure):
        return None
    fewer = batch - max(1, batch // STEP_DOWN)
    fewer = fewer // 8 * 8 if batch >= 8 * STEP_DOWN else fewer
    note = (
        f"--batch-size auto: {batch} images fitted in trial training, but not in run {record.id} "
        f"({failure.what}); {fewer} were taken instead"
    )
    return request | {"batch_size": fewer}, note


def _limit_gib(request: Request, machine: Machine) -> float:
    """Return the memory that one rank may use, GiB."""
    if _on_gpu(request, machine):
        return _gpu_limit_gib(request, machine) - spare_gib(request, machine)
    nodes, each = (int(request.get(name, 1)) for name in ("nodes", "nproc_per_node"))
    return FILLED * free_memory_gib() / (nodes * each * models_at_once(request))


def _on_gpu(request: Request, machine: Machine) -> bool:
    return request.get("device", "cuda") == "cuda" and bool(machine.gpus)


def _gpu_limit_gib(request: Request, machine: Machine) -> float:
    """Return the free memory of the run's GPUs; where no driver reports it, the host's at most."""
    gpus = _gpus(request, machine)
    free = gpu_free_gib([gpu.index for gpu in gpus])
    known = (gpu.memory_gib for gpu in gpus if gpu.memory_gib is not None)
    return free if math.isfinite(free) else min([free_memory_gib(), *known])


def _gpus(request: Request, machine: Machine) -> tuple[Gpu, ...]:
    """Return the GPUs that ranks are given in turn; others may be full of other tenants' work."""
    if "nproc_per_node" not in request:
        return machine.gpus
    return machine.gpus[: int(request.get("nodes", 1)) * int(request["nproc_per_node"])]


def is_auto(request: Request) -> bool:
    """Return whether the largest batch is to be found."""
    return request.get("batch_size") == AUTO


def require_number(request: Request, why: str) -> None:
    """Refuse "auto" where no trial training is possible."""
    if is_auto(request):
        raise UsageError(f"{flag('batch_size')} {AUTO}: {why}")

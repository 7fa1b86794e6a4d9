"""Finds the largest batch that fits by trial training, as no formula knows an allocator.

Two small batches show what an image takes. From there on, sizes are tried for which memory should
just be enough, until the largest that fitted and the smallest that did not are close.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resnext_bench.config.memory import NoMemory, NoSharedMemory
from resnext_bench.config.options import flag
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.launch.failure import is_lack_of_memory
from resnext_bench.launch.ports import choose_port
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.host.memory import free_memory_gib
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.store.files import temporary_folder
from resnext_bench.session.data import Tell
from resnext_bench.session.recording import Recording
from resnext_bench.session.runs.run import measure_session
from resnext_bench.session.setup import set_up
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
    tries: list[int] = []

    def probe(batch: int) -> float | None:
        tries.append(batch)
        tell(f"trying a batch of {batch}", 0, 0)
        try:
            return _peak_gib(request | {"batch_size": batch}, machine)
        except (NoSharedMemory, NoMemory):
            if batch == 1:
                raise
            return None

    found = largest_batch(probe, _limit_gib(request, machine))
    return request | {"batch_size": found.batch}, found.told()


def _limit_gib(request: Request, machine: Machine) -> float:
    """Return the memory that one rank may use, GiB."""
    if request.get("device", "cuda") == "cuda" and machine.gpus:
        return gpu_free_gib([gpu.index for gpu in machine.gpus])
    nodes, each = (int(request.get(name, 1)) for name in ("nodes", "nproc_per_node"))
    return FILLED * free_memory_gib() / (nodes * each)


_SHORT: Final[Request] = {
    "warm_up": 2,
    "steps": 2,
    "sessions": 1,
    "profile_steps": 0,
    "attribution_rounds": 0,
}
_LATER: Final = ("profile", "attribute")


def _peak_gib(request: Request, machine: Machine) -> float | None:
    short = {name: value for name, value in request.items() if name not in _LATER} | _SHORT
    with temporary_folder() as root:
        run = Recording(setup=set_up(short, machine, root=root, command=(), tell=lambda *_: None))
        try:
            measure_session(run, 1, choose_port(0), lambda _: None)
        except SessionFailed as failed:
            if is_lack_of_memory(failed.failure):
                return None
            raise
        facts = run.results[0].facts
    # What the allocator has taken from a GPU counts, not what tensors fill of it.
    return max(fact.reserved_gib or fact.peak_gib for fact in facts)


def require_number(request: Request, why: str) -> None:
    """Refuse "auto" where no trial training is possible."""
    if request.get("batch_size") == AUTO:
        raise UsageError(f"{flag('batch_size')} {AUTO}: {why}")

"""Trains for a few steps with a number of images, to see whether memory holds them in a real run.

What a real run meets later is met here at once: the batches are the largest pictures of the set,
for which DALI's pool grows. On a GPU there are as many steps as a rank may keep batches, and each
rank keeps some of the memory aside, which is then left for what only shows in longer runs, such as
fragments.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.job import MOST_HELD
from resnext_bench.launch.failure import is_lack_of_memory
from resnext_bench.launch.ports import choose_port
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.host.memory import free_memory_gib
from resnext_bench.machine.inventory import Machine
from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.pipelines.images.file_verdicts import load, stamp
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.record import Failure
from resnext_bench.reports.schema.samples import RankFacts
from resnext_bench.reports.store.files import temporary_folder
from resnext_bench.session.data import Data
from resnext_bench.session.recording import Recording
from resnext_bench.session.runs.run import measure_session
from resnext_bench.session.setup import Setup, set_up

SPARE: Final = 1 / 64
"""Share of a GPU's memory that a rank keeps aside."""
LEAST_SPARE_GIB: Final = 0.25
_SHORT: Final[Request] = {
    "warm_up": 2,
    "steps": 2,
    "sessions": 1,
    "profile_steps": 0,
    "attribution_rounds": 0,
}
_LATER: Final = ("profile", "profile_memory", "attribute")


class TooLarge(Exception):
    """The batch does not fit; the failure says whether memory ran out, or cuDNN had no plan."""

    def __init__(self, failed: SessionFailed) -> None:
        super().__init__(failed.failure.what)
        self.failed = failed

    @property
    def is_memory(self) -> bool:
        """Whether memory ran out for certain."""
        return is_lack_of_memory(self.failed.failure)


def peak_gib(request: Request, machine: Machine) -> float:
    """Return the peak memory of a rank, GiB; raise TooLarge if it does not have as much.

    That cuDNN finds no plan may have either reason, and a smaller batch shows which.
    """
    short = {name: value for name, value in request.items() if name not in _LATER} | _SHORT
    with temporary_folder() as root:
        setup = set_up(short, machine, root=root, command=(), tell=lambda *_: None)
        if setup.config.device == "cuda":
            longer = msgspec.structs.replace(setup.config, steps=MOST_HELD)
            setup = replace(setup, resolved=replace(setup.resolved, config=longer))
        spare = spare_gib(request, machine) if setup.config.device == "cuda" else 0.0
        run = Recording(setup=replace(setup, data=_largest(setup), spare_gib=spare))
        try:
            measure_session(run, 1, choose_port(0), lambda _: None)
        except SessionFailed as failed:
            if is_of_the_batch(failed.failure):
                raise TooLarge(failed) from failed
            raise
        return max(_taken_gib(fact, spare) for fact in run.results[0].facts)


def is_of_the_batch(failure: Failure) -> bool:
    """Return whether fewer images may avoid a failure.

    A GPU that takes no second process refuses it however few they are.
    """
    if failure.kind == "gpu_busy":
        return False
    return is_lack_of_memory(failure) or failure.kind == "no_engine"


def spare_gib(request: Request, machine: Machine) -> float:
    """Return the memory that each rank keeps aside on a GPU, GiB: also that of other models.

    A GPU whose driver reports no memory of its own, such as GB10, has the host's.
    """
    known = [gpu.memory_gib for gpu in machine.gpus if gpu.memory_gib is not None]
    least = min(known, default=free_memory_gib() if machine.gpus else 0.0)
    return max(LEAST_SPARE_GIB, SPARE * least) + least * (1 - 1 / models_at_once(request))


def models_at_once(request: Request) -> int:
    """Return how many models a run trains in turn: with --attribute another one beside its own."""
    return 2 if request.get("attribute") or request.get("attribution_rounds") else 1


def _taken_gib(facts: RankFacts, spare: float) -> float:
    """Return what a rank took: of a GPU all that the allocator has, not what tensors fill of it."""
    return facts.reserved_gib - spare if facts.reserved_gib else facts.peak_gib


def _largest(setup: Setup) -> Data | None:
    """Return the data with the largest pictures alone, which fill one batch of all ranks."""
    data = setup.data
    if data is None:
        return None
    sizes = _sizes(data)
    order = sorted(range(len(sizes)), key=lambda index: -sizes[index])
    kept = sorted(order[: setup.config.global_batch_size])
    images, ranges = data.images, data.images.ranges
    only = msgspec.structs.replace(
        images,
        files=[images.files[index] for index in kept],
        labels=[images.labels[index] for index in kept],
        ranges=ranges.only(kept) if ranges else None,
    )
    return replace(data, images=only)


def _sizes(data: Data) -> list[int]:
    """Return the pixels of each picture where all were looked at before, otherwise its bytes."""
    root, images = Path(data.facts.root), data.images
    known = load(cache_dir(), root)
    verdicts = [known[file][1] for file in images.files if file in known]
    pixels = [verdict.width * verdict.height for verdict in verdicts]
    if len(pixels) == len(images.files) and all(pixels):
        return pixels
    if images.ranges:
        return list(images.ranges.length)
    return [stamp(root / file)[0] for file in images.files]

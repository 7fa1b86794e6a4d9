"""One rank of a resident side: `python -m resnext_bench.worker.resident SESSION_FOLDER`.

Built once, it trains in blocks whenever its side holds the token and sleeps in between. Batches
that a loader prepared in the pause would hide how slow it is, so a block begins by discarding them,
unless its token says otherwise. Its first step sees caches and clocks that the other side left
behind and is not counted. A block in which each step takes two batches, or takes them from a second
loader, is kept apart: the next block begins where it began. So are profiled steps.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import msgspec
import torch
from torch import nn

from resnext_bench import tokens
from resnext_bench.job import Job
from resnext_bench.machine.host.cores import descendants, running_s
from resnext_bench.pipelines.batches import Batch, Batches
from resnext_bench.rankfile import Phase
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import COLUMNS, RankFacts, Samples
from resnext_bench.worker import group
from resnext_bench.worker.clock import HostClock, clock_for, columns
from resnext_bench.worker.data import close_batches, most_ready
from resnext_bench.worker.entry import Rank, enter
from resnext_bench.worker.evidence import Evidence
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.peak_memory import reset_peak
from resnext_bench.worker.profile import Pass, profiled_pass
from resnext_bench.worker.session import Progress, hand_over, samples_of, set_up, warm_up
from resnext_bench.worker.training import Training, build_model


@dataclass(kw_only=True, slots=True)
class _Side:
    """What a rank keeps from block to block."""

    rank: Rank
    training: Training
    clock: HostClock
    evidence: Evidence
    done: int = 0
    """Steps of any kind so far."""
    columns: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    losses: list[float] = field(default_factory=list)
    profiled: Pass = field(default_factory=Pass)


def run_rank(
    rank: Rank,
    clock: HostClock | None = None,
    build: Callable[[RunConfig, torch.device], nn.Module] = build_model,
) -> None:
    """Build the side, then follow the token to the end.

    `clock` replaces the device's own, and `build` what makes the model: for tests and the lab.
    """
    progress = Progress(rank.file)
    training = set_up(rank, progress, build)
    side = _Side(
        rank=rank,
        training=training,
        clock=clock or clock_for(training.device, rank.file, _longest_window(rank.job)),
        evidence=Evidence(rank, training),
    )
    _follow_token(side, progress)
    rank.file.phase = Phase.GATHERING
    samples, facts = _gathered(side, progress)
    hand_over(rank, samples, facts, training.device)
    for batches in (training.batches, training.other):
        if batches:
            close_batches(batches)
    group.leave()
    rank.file.phase = Phase.DONE


def _longest_window(job: Job) -> int:
    """Return the longest window: events are read before the next begins, so one block is enough."""
    return max(job.config.warm_up, job.block_room)


def _follow_token(side: _Side, progress: Progress) -> None:
    tell = group.Telling(side.rank.job.timeout_s)
    taker = tokens.Taker(tokens.Pipes(side.rank.folder.path)) if side.rank.rank == 0 else None
    word = tokens.READY
    while True:
        settle(SETTLE_LOADER_S if most_ready(side.rank.job.config) else SETTLE_S)
        group.barrier()  # every rank is where rank 0 is about to say that it is
        if taker:
            taker.back(word)
        token = tell(taker.take() if taker else tokens.END)
        if token == tokens.END:
            return
        if token == tokens.WARM_UP:
            with progress(Phase.WARM_UP):
                word = _warm_up(side)
            side.rank.file.phase = Phase.TIMED
        elif token & tokens.PROFILE:
            with progress(Phase.PROFILED):
                word = _profiled(side, token % tokens.FULL)
        else:
            word = _block(side, token)


SETTLE_STEP_S, SETTLE_S, SETTLE_LOADER_S = 0.01, 1.0, 10.0
"""Longest wait for a loader that fills its queue; what is busy after that will not stop."""


def settle(most_s: float) -> None:
    """Wait until this process is idle: loaders fill their queues before the token is passed on.

    This includes loaders in processes of their own.
    """
    deadline = time.monotonic() + most_s
    pids = descendants([os.getpid()])
    while time.monotonic() < deadline:
        before = running_s(pids)
        time.sleep(SETTLE_STEP_S)
        if running_s(pids) - before < 0.1 * SETTLE_STEP_S:
            return


def _warm_up(side: _Side) -> int:
    """Return the shortest step of the later half, in ns: blocks must last long enough.

    With a loader it is the mean step, as batches come in bursts: many processes finish together.
    """
    config = side.rank.job.config
    steps = config.warm_up
    _throw_away(side.rank.job, side.training)
    side.clock.start_window()
    warm_up(side.training, side.clock, side.evidence, config)
    side.clock.stop_window()
    side.done = steps
    reset_peak(side.training.device)
    lengths = columns(side.clock.device_marks(range(steps)), side.clock.host_marks(range(steps)))
    later = lengths["step_ns"][steps // 2 :]
    return sum(later) // len(later) if config.reads_images else min(later)


def _block(side: _Side, token: int) -> int:
    """Train for one step and the timed ones of the token; return the length of these, in ns."""
    steps, training = token % tokens.FULL, side.training
    if token & tokens.OTHER and training.other:
        training = replace(training, batches=training.other)
    group.barrier()
    side.clock.start_window()
    # Only now, as a GPU's window begins by waiting for it, in which a loader makes batches.
    if not token & tokens.FULL:
        _throw_away(side.rank.job, training)
    if token & tokens.DOUBLE:
        training = replace(training, batches=_every_second(training.batches))
    if training is not side.training:
        return sum(_played(side, training, steps)["step_ns"][1:])
    with side.evidence.counted():
        found = _played(side, training, steps)
    side.done += 1 + steps
    for name, values in found.items():
        side.columns[name] += values[1:]
    side.losses += side.evidence.witness.losses(range(side.done - steps, side.done))
    return sum(found["step_ns"][1:])


def _profiled(side: _Side, steps: int) -> int:
    """Profile steps that follow one another as timed ones do; return how long they took, in ns.

    0 where this rank's trace could not be written.
    """
    _throw_away(side.rank.job, side.training)
    side.profiled = profiled_pass(side.rank, side.training, steps)
    found = side.profiled.profiled
    return round(1e6 * found.step_ms * steps) if found else 0


def _played(side: _Side, training: Training, steps: int) -> dict[str, list[int]]:
    """Return columns of one step and the timed ones, numbered after those that were kept.

    The first one starts with the window, and so includes what was discarded.
    """
    clock, numbers = side.clock, range(side.done, side.done + 1 + steps)
    run_steps(training, clock, side.evidence.witness, side.done, len(numbers))
    clock.stop_window()
    return columns(clock.device_marks(numbers), clock.host_marks(numbers))


def _every_second(batches: Batches) -> Iterator[Batch]:
    """Yield every second batch, as training that is twice as fast would take two in this time."""
    while True:
        next(batches)
        yield next(batches)


def _throw_away(job: Job, training: Training) -> None:
    """Discard all batches that a loader has ready."""
    threads = job.config.loader_threads
    if training.other and training.batches is training.other:
        threads = job.other_threads
    config = msgspec.structs.replace(job.config, loader_threads=threads)
    for _ in range(most_ready(config)):
        next(training.batches)


def _gathered(side: _Side, progress: Progress) -> tuple[Samples, RankFacts]:
    rank, training = side.rank, side.training
    window_ns = sum(side.columns["step_ns"])
    samples = samples_of(rank, training, side.columns, window_ns, side.losses)
    timed = range(rank.job.config.warm_up, side.done)
    facts = side.evidence.facts(side.losses, timed, progress.seconds)
    return samples, side.profiled.among(facts)


if __name__ == "__main__":
    enter("resnext_bench.worker.resident:run_rank")

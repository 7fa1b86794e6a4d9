"""Runs one rank, from joining the group to handing over its samples."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import msgspec
import numpy as np
import torch
from torch import nn

from resnext_bench.job import Job
from resnext_bench.pipelines.batches import Batches
from resnext_bench.rankfile import Mark, Phase, RankFile
from resnext_bench.reports.schema.config import USUAL_BUCKET_MIB, RunConfig
from resnext_bench.reports.schema.samples import RankFacts, Samples, SessionResult
from resnext_bench.reports.schema.topology import Place
from resnext_bench.reports.store.files import write_atomically
from resnext_bench.worker import group, precision
from resnext_bench.worker.clock import HostClock, clock_for, columns
from resnext_bench.worker.data import close_batches, open_batches
from resnext_bench.worker.entry import Rank
from resnext_bench.worker.evidence import Evidence
from resnext_bench.worker.joining import join_others
from resnext_bench.worker.loader_alone import assemble_nothing
from resnext_bench.worker.logits import first_step_checked
from resnext_bench.worker.loop import run_steps
from resnext_bench.worker.memory import keep_aside
from resnext_bench.worker.peak_memory import reset_peak
from resnext_bench.worker.profile import profiled_pass
from resnext_bench.worker.training import Training, assemble, build_model
from resnext_bench.worker.versions import device_name, versions


def run_rank(rank: Rank) -> None:
    """Set up, warm up, measure, hand over. Rank 0 writes what all ranks measured."""
    progress = Progress(rank.file)
    training = set_up(rank, progress)
    aside = keep_aside(rank.job.spare_gib, training.device)
    samples, facts = _measure(rank, training, progress)
    if rank.job.config.profile_steps and rank.job.session == rank.job.config.sessions:
        with progress(Phase.PROFILED):
            facts = profiled_pass(rank, training, rank.job.config.profile_steps).among(facts)
    rank.file.phase = Phase.GATHERING
    hand_over(rank, samples, facts, training.device)
    del aside  # which was there until the last collective
    close_batches(training.batches)
    group.leave()
    rank.file.phase = Phase.DONE


def set_up(
    rank: Rank,
    progress: "Progress",
    build: Callable[[RunConfig, torch.device], nn.Module] = build_model,
) -> Training:
    """Open the data, join the group, and build the model with `build`.

    Data comes first, as a loader may fork, before this process has connections, threads and a
    model.
    """
    job = rank.job
    precision.apply(job.config)
    device = _device(job, rank.place)
    with progress(Phase.DATA):
        batches = open_batches(job, rank.folder, device, rank.rank)
        other = _second(rank, device)
    with progress(Phase.CONNECTING):
        _join(rank, device)
        group.take_buffers(device, job.config.bucket_mib or USUAL_BUCKET_MIB)
    with progress(Phase.MODEL):
        if job.part == "load":
            return assemble_nothing(job.config, batches, device)
        module = build(job.config, device)
        return replace(assemble(job.config, module, batches, device), other=other)


def _second(rank: Rank, device: torch.device) -> Batches | None:
    """Open the second loader, where there is one."""
    job = rank.job
    if not job.other_threads:
        return None
    config = msgspec.structs.replace(job.config, loader_threads=job.other_threads)
    changed = msgspec.structs.replace(job, config=config)
    return open_batches(changed, rank.folder, device, rank.rank)


def _join(rank: Rank, device: torch.device) -> None:
    if rank.job.meeting:
        join_others(rank, device)
    else:
        group.join(rank.job.topology.backend, device, rank.job.timeout_s)


STEPS_BEFORE_WINDOW = 3
"""Warm-up steps that are left for right before the window."""


class Progress:
    """Writes the present phase into the rank file, and keeps how long it took."""

    def __init__(self, file: RankFile) -> None:
        self._file = file
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: Phase) -> Iterator[None]:
        """Run the body in `phase`."""
        self._file.phase = phase
        start = time.perf_counter()
        yield
        self.seconds[phase.name.lower()] = round(time.perf_counter() - start, 3)


def _device(job: Job, place: Place) -> torch.device:
    if place.device == "cpu":
        return torch.device("cpu")
    if place.alone:
        torch.cuda.set_device(0)
        return torch.device("cuda", 0)
    # The agent sees its node's GPUs alone, so CUDA numbers them from 0 in the order of the plan.
    mine = [other.device for other in job.topology.places if other.node == place.node]
    device = torch.device("cuda", list(dict.fromkeys(mine)).index(place.device))
    torch.cuda.set_device(device)
    return device


def _measure(rank: Rank, training: Training, progress: Progress) -> tuple[Samples, RankFacts]:
    config = rank.job.config
    clock = clock_for(training.device, rank.file)
    evidence = Evidence(rank, training)
    with progress(Phase.WARM_UP):
        warm_up(training, clock, evidence, config)
    reset_peak(training.device)
    rank.file.phase = Phase.TIMED
    with evidence.counted():
        group.barrier()
        clock.start_window()
        run_steps(training, clock, evidence.witness, config.warm_up, config.steps)
        clock.stop_window()
    timed = range(config.warm_up, config.warm_up + config.steps)
    durations = columns(clock.device_marks(timed), clock.host_marks(timed))
    losses = evidence.witness.losses(timed)
    samples = samples_of(rank, training, durations, clock.window_ns, losses)
    return samples, evidence.facts(losses, timed, progress.seconds)


def warm_up(training: Training, clock: HostClock, evidence: Evidence, config: RunConfig) -> None:
    """Run the steps before the first timed one.

    Checksums take a while, in which queues fill and GPUs slow down, so real steps follow them.
    """
    steps = config.warm_up
    early = steps - min(STEPS_BEFORE_WINDOW, steps - 1)
    first = evidence.first_step()
    run_steps(first_step_checked(training, config, evidence.note), clock, first, 0, 1)
    evidence.count_flop(first)
    run_steps(training, clock, evidence.witness, 1, early - 1)
    evidence.before_window()
    run_steps(training, clock, evidence.witness, early, steps - early)


def samples_of(
    rank: Rank,
    training: Training,
    durations: dict[str, list[int]],
    window_ns: int,
    losses: list[float],
) -> Samples:
    """Return the rank's share of the session's result."""
    first = rank.job.config.warm_up
    return Samples(
        rank=rank.rank,
        node=rank.place.node,
        local_rank=rank.place.local_rank,
        host=platform.node(),
        pid=os.getpid(),
        device=str(training.device),
        window_ns=window_ns,
        loss=losses,
        warm_up_ns=np.diff(rank.file.marks[:first, Mark.OPTIMIZER]).tolist(),
        **durations,
    )


def hand_over(rank: Rank, samples: Samples, facts: RankFacts, device: torch.device) -> None:
    """Hand over through the process group, as the nodes may not share a file system."""
    mine = (msgspec.msgpack.encode(samples), msgspec.msgpack.encode(facts))
    everybody = group.gather(mine, rank.rank)
    if everybody is None:
        return
    result = SessionResult(
        samples=tuple(msgspec.msgpack.decode(one, type=Samples) for one, _ in everybody),
        facts=tuple(msgspec.msgpack.decode(one, type=RankFacts) for _, one in everybody),
        versions=versions(),
        device_name=device_name(device),
    )
    rank.folder.free_room()
    write_atomically(rank.folder.result, msgspec.msgpack.encode(result))

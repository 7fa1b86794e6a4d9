"""One rank from joining the group to handing over its samples."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import numpy as np
import torch

from bench.job import Job
from bench.machine.cpu import CpuReading, peak_memory_gib, read_cpu, reset_peak_memory
from bench.rankfile import Mark, Phase, RankFile
from bench.worker import group, precision
from bench.worker.clock import HostClock, clock_for, columns
from bench.worker.data import open_batches
from bench.worker.entry import Rank
from bench.worker.loop import run_steps
from bench.worker.training import Training, assemble, build_model
from bench.worker.versions import device_name, versions
from bench.worker.witness import FormatProbe, Witness, checksums, fewest_distinct
from reports.files import write_atomically
from reports.schema.config import RunConfig
from reports.schema.samples import RankFacts, Samples, SessionResult
from reports.schema.topology import Place


def run_rank(rank: Rank) -> None:
    """Set up, warm up, measure, hand over. Rank 0 writes what all ranks measured."""
    progress = Progress(rank.file)
    training = set_up(rank, progress)
    samples, facts = _measure(rank, training, progress)
    rank.file.phase = Phase.GATHERING
    _hand_over(rank, samples, facts, training.device)
    group.leave()
    rank.file.phase = Phase.DONE


def set_up(rank: Rank, progress: "Progress") -> Training:
    """Join the group, build the model, open the data."""
    job = rank.job
    precision.apply(job.config)
    device = _device(job, rank.place)
    with progress(Phase.CONNECTING):
        group.join(job.topology.backend, device, job.timeout_s)
    with progress(Phase.MODEL):
        module = build_model(job.config, device)
    with progress(Phase.DATA):
        batches = open_batches(job, rank.folder, device, rank.rank)
        return assemble(job.config, module, batches, device)


STEPS_BEFORE_WINDOW = 3
"""Warm-up steps kept for the moments before the window."""


class Progress:
    """Says in the rank file what is going on, and keeps how long it took."""

    def __init__(self, file: RankFile) -> None:
        self._file = file
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: Phase) -> Iterator[None]:
        """Spend the body in `phase`."""
        self._file.phase = phase
        start = time.perf_counter()
        yield
        self.seconds[phase.name.lower()] = round(time.perf_counter() - start, 3)


def _device(job: Job, place: Place) -> torch.device:
    if place.device == "cpu":
        return torch.device("cpu")
    # The agent sees its node's GPUs alone, so CUDA numbers them from 0 in the order of the plan.
    mine = [other.device for other in job.topology.places if other.node == place.node]
    device = torch.device("cuda", list(dict.fromkeys(mine)).index(place.device))
    torch.cuda.set_device(device)
    return device


def _measure(rank: Rank, training: Training, progress: Progress) -> tuple[Samples, RankFacts]:
    file, config = rank.file, rank.job.config
    clock = clock_for(training.device, file)
    witness = Witness(config.warm_up + config.steps, training.device)
    probe = FormatProbe(training.module)
    # Checksums take a while, in which queues fill and GPUs slow down: real steps come after them.
    early = config.warm_up - min(STEPS_BEFORE_WINDOW, config.warm_up - 1)
    with progress(Phase.WARM_UP):
        run_steps(training, clock, witness, 0, early)
        probe.stop()
        before = checksums(training.module)
        run_steps(training, clock, witness, early, config.warm_up - early)
    first, last = _window(rank, training, clock, witness)
    samples = _samples(rank, training, clock, witness)
    after = checksums(training.module)
    facts = RankFacts(
        rank=rank.rank,
        peak_gib=_peak_gib(training.device),
        reserved_gib=_reserved_gib(training.device),
        affinity=tuple(sorted(os.sched_getaffinity(0))),
        torch_threads=torch.get_num_threads(),
        cpu_busy_s=last.process_s - first.process_s,
        core_busy_s=last.busy_s - first.busy_s,
        core_steal_s=last.steal_s - first.steal_s,
        parameters=sum(parameter.numel() for parameter in training.module.parameters()),
        parameters_unchanged=before.unchanged_in(after),
        parameter_digest=after.digest,
        losses_finite=bool(np.isfinite(samples.loss).all()),
        batches_distinct=witness.distinct_batches(config.warm_up),
        batches_expected=_expected(config),
        weight_format=probe.weight_format,
        gradient_format=probe.gradient_format,
        first_loss=samples.loss[0],
        last_loss=samples.loss[-1],
        start_up_s=progress.seconds,
    )
    return samples, facts


def _window(
    rank: Rank, training: Training, clock: HostClock, witness: Witness
) -> tuple[CpuReading, CpuReading]:
    """The timed window, between two readings of the cores' counters."""
    config, cores = rank.job.config, rank.place.cores
    _reset_peak(training.device)
    rank.file.phase = Phase.TIMED
    before = read_cpu(cores)
    group.barrier()
    clock.start_window()
    run_steps(training, clock, witness, config.warm_up, config.steps)
    clock.stop_window()
    return before, read_cpu(cores)


def _samples(rank: Rank, training: Training, clock: HostClock, witness: Witness) -> Samples:
    first = rank.job.config.warm_up
    return Samples(
        rank=rank.rank,
        node=rank.place.node,
        local_rank=rank.place.local_rank,
        host=platform.node(),
        pid=os.getpid(),
        device=str(training.device),
        window_ns=clock.window_ns,
        loss=witness.losses(first),
        warm_up_ns=np.diff(rank.file.marks[:first, Mark.OPTIMIZER]).tolist(),
        **columns(clock.device_marks(first), clock.host_marks(first)),
    )


def _expected(config: RunConfig) -> int:
    """Synthetic batches repeat by design."""
    return 0 if config.pipeline == "synthetic" else fewest_distinct(config.steps)


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        reset_peak_memory()


def _peak_gib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return peak_memory_gib()


def _reserved_gib(device: torch.device) -> float:
    return torch.cuda.max_memory_reserved(device) / 2**30 if device.type == "cuda" else 0.0


def _hand_over(rank: Rank, samples: Samples, facts: RankFacts, device: torch.device) -> None:
    """Through the process group, as the nodes may not share a file system."""
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
    write_atomically(rank.folder.result, msgspec.msgpack.encode(result))

"""Gathers evidence around a rank's timed steps: proof of training, use of the cores, memory."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from resnext_bench.config.models import foreign
from resnext_bench.machine.host.cores import read_cpu
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import RankFacts
from resnext_bench.worker.entry import Rank
from resnext_bench.worker.flop import image_flop
from resnext_bench.worker.graphs import GraphWatch
from resnext_bench.worker.joining import gpu_uuid
from resnext_bench.worker.peak import Rate, matmul_rate
from resnext_bench.worker.peak_memory import allocator_retries, peak_memory
from resnext_bench.worker.training import Training
from resnext_bench.worker.witness import (
    Checksums,
    FirstImages,
    FormatProbe,
    Moves,
    UseProbe,
    Witness,
    checksums,
    fewest_distinct,
    moves_by,
)


class Evidence:
    """What one rank gathers from its first warm-up step to its last timed one."""

    def __init__(self, rank: Rank, training: Training) -> None:
        self._rank, self._training = rank, training
        self.witness = Witness(len(rank.file.marks), training.device)
        self._probe = FormatProbe(training.module)
        # All parameters of ours are used: there, one without a gradient is a fault.
        is_ours = foreign(rank.job.config.model) is None
        self._use = None if is_ours else UseProbe(training.module, _moves(rank, training))
        self._graphs = GraphWatch(rank.job.config, training.device)
        self._notes: list[str] = []
        self._image_flop: int | None = None
        if not is_ours and (types := _other_types(training)):
            self.note(f"parameters are {types}, whatever the options say about precision")
        self._before = Checksums(by_name={})
        self._counted_s = self._process_s = self._busy_s = self._steal_s = 0.0
        self._waited_s: float | None = 0.0
        self._retries = 0

    def before_window(self) -> None:
        """Take the hooks off and keep the parameters' checksums; some warm-up is still to come."""
        self._probe.stop()
        if self._use:
            self._use.stop()
        self._before = self._checksums()

    def first_step(self) -> FirstImages:
        """Return the witness of the first step; of a foreign model's, it keeps the images.

        This is done on the first rank only, as all have the same model; others wait in their next
        step.
        """
        job, rank = self._rank.job, self._rank.rank
        counts = foreign(job.config.model) is not None and job.part != "load" and rank == 0
        return FirstImages(self.witness, keep=counts)

    def count_flop(self, seen: FirstImages) -> None:
        """Count the arithmetic of a step from its images, outside the loop."""
        if seen.images is not None:
            self._image_flop = image_flop(self._training, seen.images)

    def note(self, text: str) -> None:
        """Add a note for the reader of the figures."""
        self._notes.append(text)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Add the body's use of the cores; others' share is what the rank did not use.

        The allocator's retries in it are added as well.
        """
        cores, device = self._rank.place.cores, self._training.device
        retries = allocator_retries(device)
        first, start = read_cpu(cores), time.perf_counter()
        yield
        last = read_cpu(cores)
        self._counted_s += time.perf_counter() - start
        self._retries += allocator_retries(device) - retries
        self._process_s += last.process_s - first.process_s
        self._busy_s += last.busy_s - first.busy_s
        self._steal_s += last.steal_s - first.steal_s
        if self._waited_s is None or first.waited_s is None or last.waited_s is None:
            self._waited_s = None
        else:  # a thread that ended in between takes its time with it
            self._waited_s += max(0.0, last.waited_s - first.waited_s)

    def facts(self, losses: list[float], timed: range, start_up_s: dict[str, float]) -> RankFacts:
        """Return everything about the `timed` steps except their times; `losses` are theirs."""
        training, rank = self._training, self._rank
        after = self._checksums()
        unchanged = self._before.unchanged_in(after)
        unused, idle = (self._use.unused, self._use.idle) if self._use else (set(), set())
        peak = peak_memory(training.device)
        rate = self._matmul_rate()  # after that: its matrices are not part of the peak
        return RankFacts(
            rank=rank.rank,
            peak_gib=peak.tensors_gib,
            reserved_gib=peak.reserved_gib,
            device_gib=peak.device_gib,
            allocator_retries=self._retries,
            affinity=tuple(sorted(os.sched_getaffinity(0))),
            torch_threads=torch.get_num_threads(),
            counted_s=self._counted_s,
            cpu_busy_s=self._process_s,
            core_busy_s=self._busy_s,
            core_steal_s=self._steal_s,
            core_waited_s=self._waited_s,
            parameters=sum(parameter.numel() for parameter in training.module.parameters()),
            parameters_unchanged=unchanged,
            parameters_unused=tuple(name for name in unchanged if name in unused),
            parameters_idle=tuple(name for name in unchanged if name in idle),
            parameters_decayed=tuple(sorted(idle - set(unchanged))),
            parameters_frozen=_frozen(training),
            parameters_trained=len(after.by_name),
            notes=tuple(self._notes),
            parameter_digest=after.digest,
            losses_finite=bool(np.isfinite(losses).all()),
            batches_distinct=self.witness.distinct_batches(timed),
            batches_expected=_expected(rank.job.config, len(timed)),
            weight_format=self._probe.weight_format,
            gradient_format=self._probe.gradient_format,
            first_loss=losses[0],
            last_loss=losses[-1],
            gpu=gpu_uuid(training.device, rank.place),
            core_nodes=self._rank.place.core_nodes,
            gpu_node=self._rank.place.gpu_node,
            board=self._rank.place.board,
            start_up_s=start_up_s,
            image_flop=self._image_flop,
            matmul_tflops=rate.tflops if rate else None,
            matmul_spread_percent=rate.spread_percent if rate else None,
            files_left_out=tuple(getattr(training.batches, "left_out", ())),
            graphs=self._graphs.seen(),
        )

    def _checksums(self) -> Checksums:
        """Return checksums of what is trained; with a loader alone there is nothing to check."""
        if self._rank.job.part == "load":
            return Checksums(by_name={})
        return checksums(self._training.module)

    def _matmul_rate(self) -> Rate | None:
        """Measure the rate of a large matrix product in the run's type."""
        config, part = self._rank.job.config, self._rank.job.part
        return None if part == "load" else matmul_rate(config, self._training.device)


def _other_types(training: Training) -> str:
    """List types of parameters that are not fp32, by their names in PyTorch."""
    found = {parameter.dtype for parameter in training.module.parameters()} - {torch.float32}
    return ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in found))


def _moves(rank: Rank, training: Training) -> Moves:
    config = rank.job.config
    scaler = getattr(training.engine, "scaler", None)
    scale = scaler.get_scale if scaler and scaler.is_enabled() else lambda: 1.0
    return moves_by(config.optimizer, config.learning_rate, config.momentum, scale)


def _frozen(training: Training) -> tuple[str, ...]:
    """List parameters that the model's author has frozen."""
    named = training.module.named_parameters()
    return tuple(name for name, parameter in named if not parameter.requires_grad)


def _expected(config: RunConfig, steps: int) -> int:
    """Return how many distinct batches to expect; synthetic ones repeat by design."""
    return fewest_distinct(steps) if config.reads_images else 0

"""Profiles whole steps by parts: `python -m resnext_bench.convs.measuring.steps`.

It reads configurations from standard input, trains some steps of each under PyTorch's profiler, and
writes how long convolutions, norms and pools, conversions of maps, and the rest take in a step.
Each operator counts with the time that it spends itself, for the part by which it was called.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec
import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity

from resnext_bench.convs.layouts.jobs import StepsJob
from resnext_bench.machine.host.process import bind_to_cores, die_with_parent
from resnext_bench.pipelines.synthetic import synthetic_batches
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.layouts import InStep
from resnext_bench.worker import precision
from resnext_bench.worker.data import wanted
from resnext_bench.worker.layouts import Converted
from resnext_bench.worker.profile import make_room
from resnext_bench.worker.training import Training, assemble, build_model

WARM_UP: Final = 2
_OTHERS: Final = ("batchnorm", "groupnorm", "maxpool", "avgpool", "mean")


def main() -> None:
    """Do the job that standard input tells."""
    die_with_parent()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=StepsJob)
    bind_to_cores(job.cores)
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    for config in job.configs:
        out.write(msgspec.json.encode(in_step(config, job.steps)) + b"\n")


def in_step(config: RunConfig, steps: int) -> InStep:
    """Return the parts of a step, ms, as the mean of some."""
    precision.apply(config)
    device = torch.device("cpu")
    training = assemble(
        config,
        build_model(config, device),
        synthetic_batches(wanted(config, device, 0)),
        device,
    )
    _train(training, WARM_UP)
    parameters = sum(one.nbytes for one in training.module.parameters())
    make_room(parameters, steps)
    with torch.profiler.profile(activities=[ProfilerActivity.CPU]) as profiler:
        start = time.perf_counter()
        _train(training, steps)
        total_ms = 1e3 * (time.perf_counter() - start) / steps
    found = {part: us / 1e3 / steps for part, us in _parts(profiler.events()).items()}
    known = {part: found.get(part, 0.0) for part in ("convolutions", "others", "conversions")}
    return InStep(**known, rest=total_ms - sum(known.values()))


def _train(training: Training, steps: int) -> None:
    for _ in range(steps):
        images, labels = next(training.batches)
        with training.autocast():
            loss = training.criterion(training.engine.model(images), labels)
        training.engine.backward(loss)
        training.engine.update()


def _parts(events: Iterable[FunctionEvent]) -> Counter[str]:
    """Return the time of each part, µs."""
    found: Counter[str] = Counter()
    for event in events:
        found[_part(event)] += event.self_cpu_time_total
    return found


def _part(event: FunctionEvent | None) -> str:
    """Return the part that an operator belongs to: its own, or that of the one that called it."""
    while event is not None:
        name = event.name.replace("_", "").lower()
        if Converted.__name__.lower() in name:
            return "conversions"
        if "conv" in name:
            return "convolutions"
        if any(one in name for one in _OTHERS):
            return "others"
        event = event.cpu_parent
    return "rest"


if __name__ == "__main__":
    main()

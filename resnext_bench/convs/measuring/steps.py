"""Profiles whole steps by parts: `python -m resnext_bench.convs.measuring.steps`.

It reads configurations from standard input, trains single steps of each in turn under PyTorch's
profiler, and writes how long convolutions, norms and pools, conversions of maps, and the rest take
in a step. Each operator counts with the time that it spends itself, for the part by which it was
called.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
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
_PARTS: Final = ("convolutions", "others", "conversions")
_OTHERS: Final = ("batchnorm", "groupnorm", "maxpool", "avgpool", "mean")


def main() -> None:
    """Do the job that standard input tells."""
    die_with_parent()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=StepsJob)
    bind_to_cores(job.cores)
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    for found in in_steps(job.configs, job.steps):
        out.write(msgspec.json.encode(found) + b"\n")


def in_steps(configs: Sequence[RunConfig], steps: int) -> list[InStep]:
    """Return the parts of a step of each, ms: medians of steps that are taken in turn."""
    trainings = [_built(config) for config in configs]
    found: list[list[InStep]] = [[] for _ in trainings]
    for number in range(steps):
        order = list(enumerate(trainings))
        for place, training in order if number % 2 == 0 else reversed(order):
            found[place].append(_profiled(training))
    return [
        InStep(**{name: median(getattr(one, name) for one in some) for name in (*_PARTS, "rest")})
        for some in found
    ]


def _built(config: RunConfig) -> Training:
    precision.apply(config)
    device = torch.device("cpu")
    batches = synthetic_batches(wanted(config, device, 0))
    training = assemble(config, build_model(config, device), batches, device)
    for _ in range(WARM_UP):
        _train(training)
    make_room(sum(one.nbytes for one in training.module.parameters()), 1)
    return training


def _profiled(training: Training) -> InStep:
    with torch.profiler.profile(activities=[ProfilerActivity.CPU]) as profiler:
        start = time.perf_counter()
        _train(training)
        total_ms = 1e3 * (time.perf_counter() - start)
    found = _parts(profiler.events())
    known = {part: found[part] / 1e3 for part in _PARTS}
    return InStep(**known, rest=total_ms - sum(known.values()))


def _train(training: Training) -> None:
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

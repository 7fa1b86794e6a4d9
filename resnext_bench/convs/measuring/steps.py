"""Profiles whole steps by parts: `python -m resnext_bench.convs.measuring.steps`.

It reads configurations from standard input, trains single steps of each in turn under PyTorch's
profiler, and writes how long convolutions, norms and pools, conversions of maps, and the rest take
in a step. Each operator counts with the time that it spends itself, for the part by which it was
called; on a GPU with that of its kernels.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import msgspec
import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity

from resnext_bench.convs.layouts.jobs import StepsJob
from resnext_bench.convs.measuring.choices import settle
from resnext_bench.machine.host.process import bind_to_cores, die_with_parent
from resnext_bench.pipelines.synthetic import synthetic_batches
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.layouts import InStep, Operator
from resnext_bench.worker import precision
from resnext_bench.worker.data import wanted
from resnext_bench.worker.layouts import Converted
from resnext_bench.worker.profile import make_room
from resnext_bench.worker.training import Training, assemble, build_model

WARM_UP: Final = 2
MOST_OPERATORS: Final = 40
"""Operators that are kept of a step, the longest first."""
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
    device = device_of(configs[0])
    trainings = [_built(config, device) for config in configs]
    found: list[list[Profile]] = [[] for _ in trainings]
    for number in range(steps):
        order = list(enumerate(trainings))
        for place, training in order if number % 2 == 0 else reversed(order):
            found[place].append(_profiled(training, device))
    return [summed(some) for some in found]


def device_of(config: RunConfig) -> torch.device:
    """Return what computes: the CPU, or the first GPU."""
    return torch.device("cuda", 0) if config.device == "cuda" else torch.device("cpu")


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """One step."""

    total_ms: float
    operators: Mapping[tuple[str, str], float]
    """µs of each operator, by its part and its name."""


def summed(profiles: Sequence[Profile]) -> InStep:
    """Return the parts of a step and its longest operators, ms: medians over steps."""
    parts: dict[str, list[float]] = {part: [] for part in (*_PARTS, "rest")}
    for one in profiles:
        known = {part: _ms(one, part) for part in _PARTS}
        for part, ms in known.items():
            parts[part].append(ms)
        parts["rest"].append(one.total_ms - sum(known.values()))
    keys = {key for one in profiles for key in one.operators}
    times = {key: median(one.operators.get(key, 0.0) for one in profiles) / 1e3 for key in keys}
    longest = sorted(times.items(), key=lambda one: -one[1])[:MOST_OPERATORS]
    return InStep(
        **{part: median(some) for part, some in parts.items()},
        operators=tuple(
            Operator(part=part, name=name, ms=round(ms, 4))  # type: ignore[arg-type]
            for (part, name), ms in longest
        ),
    )


def _ms(one: Profile, part: str) -> float:
    return sum(us for (its, _), us in one.operators.items() if its == part) / 1e3


def _built(config: RunConfig, device: torch.device) -> Training:
    precision.apply(config)
    batches = synthetic_batches(wanted(config, device, 0))
    training = assemble(config, build_model(config, device), batches, device)
    for _ in range(WARM_UP):
        _train(training)
    if device.type == "cpu":
        make_room(sum(one.nbytes for one in training.module.parameters()), 1)
    return training


def _profiled(training: Training, device: torch.device) -> Profile:
    """Profile a step, from a moment at which the device has nothing to do to the next such."""
    is_on_gpu = device.type == "cuda"
    more = [ProfilerActivity.CUDA] if is_on_gpu else []
    with torch.profiler.profile(activities=[ProfilerActivity.CPU, *more]) as profiler:
        settle(device)
        start = time.perf_counter()
        _train(training)
        settle(device)
        total_ms = 1e3 * (time.perf_counter() - start)
    return Profile(
        total_ms=total_ms, operators=operators_of(profiler.events(), is_on_gpu=is_on_gpu)
    )


def _train(training: Training) -> None:
    images, labels = next(training.batches)
    with training.autocast():
        loss = training.criterion(training.engine.model(images), labels)
    training.engine.backward(loss)
    training.engine.update()


def operators_of(
    events: Iterable[FunctionEvent], *, is_on_gpu: bool
) -> Mapping[tuple[str, str], float]:
    """Return the time that each operator spends itself, µs, by its part and name.

    On a GPU that is the time of the kernels that it launched.
    """
    found: Counter[tuple[str, str]] = Counter()
    for event in events:
        if event.device_type.name != "CPU":
            continue  # kernels count for the operators that launched them
        us = event.self_device_time_total if is_on_gpu else event.self_cpu_time_total
        if us > 0:
            found[_part(event), _name(event)] += us
    return found


def _name(event: FunctionEvent) -> str:
    """Return an operator's name: aten::add_ as add."""
    return str(event.name).rpartition("::")[2].strip("_")


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

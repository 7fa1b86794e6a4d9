"""One case of `memory`, in a process that holds nothing else; prints it as JSON.

    python -m resnext_bench.lab.campaigns.memory_case CASE

The memory of a real step is every allocation and release of torch's CPU allocator, as profiled.
"""

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from resnext_bench.lab.campaigns.memory import IMAGE_SIZE
from resnext_bench.machine.host.memory import peak_memory_gib
from resnext_bench.reports.schema.choices import Optimizer
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.memory import Setting, training_memory
from resnext_bench.resnext.modules.build import build
from resnext_bench.resnext.names import Architecture, parse
from resnext_bench.worker.optimizers import build_optimizer

_MIB = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """Bytes of live tensors in a training step that is not the first."""

    at_rest: int
    """Bytes between steps: parameters, running statistics, optimizer, and the batch."""
    peak: int


def live_bytes(
    spec: Architecture, image_size: int, setting: Setting, *, channels_last: bool = True
) -> Live:
    """Train for two steps on one thread; the second one is profiled."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    torch.manual_seed(0)
    model = build(spec).to(memory_format=layout)
    optimizer = build_optimizer(
        cast("Optimizer", setting.optimizer),
        model.parameters(),
        rate=1e-3,
        momentum=0.9 if setting.momentum else 0,
        weight_decay=1e-4 if setting.weight_decay else 0,
    )
    images = torch.randn(setting.batch, 3, image_size, image_size).to(memory_format=layout)
    labels = torch.randint(spec.classes, (setting.batch,))

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=setting.mixed):
            loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()
    gc.collect()
    states = [state for one in optimizer.state.values() for state in one.values()]
    kept = [*model.parameters(), *model.buffers(), images, labels]
    at_rest = sum(one.nbytes for one in kept)
    at_rest += sum(one.nbytes for one in states if isinstance(one, torch.Tensor) and one.dim())
    return Live(at_rest=at_rest, peak=at_rest + _most(_changes(step)))


def _changes(step: Callable[[], None]) -> list[int]:
    """Return the bytes that were taken (positive) and given back, in order."""
    with torch.profiler.profile(profile_memory=True) as profiler:
        step()
    assert profiler.profiler is not None
    results = profiler.profiler.kineto_results
    assert results is not None
    found = [(one.start_ns(), one.nbytes()) for one in results.events() if one.name() == "[memory]"]
    assert found, "the profiler has seen no allocation"
    return [size for _, size in sorted(found, key=lambda one: one[0])]


def _most(changes: list[int]) -> int:
    total = most = 0
    for change in changes:
        total += change
        most = max(most, total)
    assert abs(total) < 2**20, "what a step takes it gives back"
    return most


def measure(*, name: str, batch: int, mixed: bool, channels_last: bool) -> dict[str, float]:
    """Return what was predicted, what the allocator says, and what the kernel says, in MiB."""
    torch.set_num_threads(1)
    setting = Setting(batch=batch, mixed=mixed)
    live = live_bytes(parse(name), IMAGE_SIZE, setting, channels_last=channels_last)
    predicted = training_memory(draw(parse(name), IMAGE_SIZE), setting)
    return {
        "predicted_mib": round(predicted.peak / _MIB, 2),
        "measured_mib": round(live.peak / _MIB, 2),
        "at_rest_mib": round(live.at_rest / _MIB, 2),
        "resident_mib": round(1024 * peak_memory_gib(), 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))

"""Images/s of training: by type and layout, by model, beside other libraries, by compiler.

Each task is a contest of cells that take turns. They are in order of value: for the first model
and the larger batch everything, then the rest.
"""

import gc
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from typing import Final

import torch

from tests.gpu.kit.cells import TYPED, Cell, Compiler, Ready, Source, exact_step, prepare
from tests.gpu.kit.first_steps import Step, distances, is_right, words
from tests.gpu.kit.tasks import Box, Findings, Planned
from tests.gpu.kit.turns import take_turns

BEST: Final = "bf16 NHWC"
SOURCES: Final[tuple[Source, ...]] = ("ours", "torchvision", "timm")
ROOMS_S: Final = {
    "types": (35, 9),
    "models": (30, 4),
    "peers": (20, 4),
    "compilers": (50, 25),
    "autotune": (110, 10),
}
"""What contests are taken to need, in full and in miniature."""

Exact = dict[tuple[str, int], Step]
"""The first step in fp32 by model and batch."""


def tasks(box: Box) -> list[Planned]:
    """Every contest, in order of value."""
    exact: Exact = {}

    def planned(key: str, cells: dict[str, Cell]) -> Planned:
        room_s = box.room_s(*ROOMS_S[key.partition("/")[0]])
        run = lambda findings: _contest(cells, box, findings, exact)  # noqa: E731
        return Planned(key=key, run=run, room_s=room_s)

    return [planned(key, cells) for key, cells in dict(contests(box)).items()]


def contests(box: Box) -> Iterator[tuple[str, dict[str, Cell]]]:
    """Keys and cells by the names of their sides."""
    first, *others = box.sizes.models
    compiled = box.sizes.compiled
    large, *_ = box.sizes.batches
    yield from (_types(first, large), _models(box, large, BEST))
    yield _peers(first, large, BEST)
    yield from _compilers(compiled[0], large, BEST)
    for batch in box.sizes.batches:
        yield from (_types(model, batch) for model in (first, *others))
        yield _models(box, batch, BEST)
        yield from (_peers(model, batch, BEST) for model in (first, *others))
        for model in compiled:
            yield from _compilers(model, batch, BEST)
    for batch in box.sizes.batches:
        for typed in (one for one in TYPED if one != BEST):
            yield _models(box, batch, typed)
            yield from (_peers(model, batch, typed) for model in (first, *others))
            for model in compiled:
                yield from _compilers(model, batch, typed)


def _types(model: str, batch: int) -> tuple[str, dict[str, Cell]]:
    return f"types/{model}/{batch}", {
        typed: Cell(model=model, batch=batch, typed=typed) for typed in TYPED
    }


def _models(box: Box, batch: int, typed: str) -> tuple[str, dict[str, Cell]]:
    return f"models/{batch}/{typed}", {
        model: Cell(model=model, batch=batch, typed=typed) for model in box.sizes.models
    }


def _peers(model: str, batch: int, typed: str) -> tuple[str, dict[str, Cell]]:
    cell = Cell(model=model, batch=batch, typed=typed)
    return f"peers/{model}/{batch}/{typed}", {
        source: replace(cell, source=source) for source in SOURCES
    }


def _compilers(model: str, batch: int, typed: str) -> Iterator[tuple[str, dict[str, Cell]]]:
    """Two contests, as tuning takes minutes and the rest should not wait for it."""
    cell = Cell(model=model, batch=batch, typed=typed)
    kinds: dict[str, Compiler] = {"compilers": "compile", "autotune": "max-autotune"}
    for kind, compiler in kinds.items():
        yield (
            f"{kind}/{model}/{batch}/{typed}",
            {
                "eager": cell,
                compiler: replace(cell, compiler=compiler),
            },
        )


def _contest(cells: dict[str, Cell], box: Box, findings: Findings, exact: Exact) -> None:
    device = torch.device(box.kind)
    torch._dynamo.reset()
    # A network that silently falls back to eager would be timed as compiled.
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    findings.found |= {"image_size": box.sizes.image_size, "cells": {}, "left_out": {}}
    ready = dict(_readied(cells, box, findings, exact))
    sides = [replace(one.side, name=name) for name, one in ready.items()]
    ready.clear()
    if sides:
        take_turns(sides, "images", box, findings, device)
    sides.clear()
    _swept(device)


def _readied(
    cells: dict[str, Cell], box: Box, findings: Findings, exact: Exact
) -> Iterator[tuple[str, Ready]]:
    """Those that can be prepared, each checked against fp32; why the others cannot is kept."""
    device = torch.device(box.kind)
    for name, cell in cells.items():
        if cell.source == "timm" and find_spec("timm") is None:
            findings.found["left_out"][name] = "timm is not installed"
            continue
        try:
            off, one = _checked(cell, box, exact, device)
        except torch.OutOfMemoryError:
            findings.found["left_out"][name] = "out of memory"
            _swept(device)
            continue
        findings.found["cells"][name] = _told(cell, one, off)
        findings.keep()
        if not is_right(cell.dtype, off):
            findings.wrong.append(words(name, off))
        yield name, one


def _checked(
    cell: Cell, box: Box, exact: Exact, device: torch.device
) -> tuple[dict[str, float], Ready]:
    size = box.sizes.image_size
    key = (cell.model, cell.batch)
    if key not in exact:
        exact[key] = exact_step(cell, device, size)
    one = prepare(cell, device, size, box.sizes.block_s)
    return distances(one.step, exact[key]), one


def _told(cell: Cell, one: Ready, off: dict[str, float]) -> dict[str, object]:
    return {
        "model": cell.model,
        "batch": cell.batch,
        "type": cell.typed,
        "compiler": cell.compiler,
        "source": cell.source,
        "first_s": round(one.first_s, 3),
        "off": off,
    }


def _swept(device: torch.device) -> None:
    """Give back what is no longer used, the pools of CUDA graphs too."""
    torch._dynamo.reset()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()

"""Images/s of training: by type and layout, by model, beside other libraries, by compiler.

Each task is a contest of cells that take turns. They are in order of value: for the first model and
the larger batch everything, then the rest.
"""

import gc
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Final

import torch

from resnext_bench.convs.measuring.checks import keep_memory
from resnext_bench.lab.visit.cells import Cell, Compiler, Ready, Source, exact_step, prepare
from resnext_bench.lab.visit.first_steps import Step, distances, is_right, marks, untrained, words
from resnext_bench.lab.visit.tasks import Box, Findings, Planned
from resnext_bench.lab.visit.turns import take_turns
from resnext_bench.symptoms import memory_kind, words_of_chain

BEST: Final = "bf16 NHWC"
TYPES: Final = {
    "types": (BEST, "bf16 NCHW", "fp16 NHWC"),
    "fp32": (BEST, "TF32 NHWC", "fp32 NHWC"),
}
COMPILERS: Final[dict[str, Compiler]] = {"compilers": "compile", "autotune": "max-autotune"}
SOURCES: Final[tuple[Source, ...]] = ("ours", "torchvision", "timm")
ROOMS_S: Final = {
    "types": (45, 7),
    "fp32": (60, 3),
    "models": (60, 4),
    "peers": (20, 4),
    "compilers": (60, 25),
    "autotune": (200, 10),
}
"""Seconds that contests are expected to need, in full and in miniature."""

Exact = dict[tuple[str, int], Step]
"""First steps in fp32 by model and batch."""


def tasks(box: Box) -> list[Planned]:
    """Return every contest as a task, in order of value."""
    keep_memory()
    exact: Exact = {}

    def planned(key: str, cells: dict[str, Cell]) -> Planned:
        room_s = box.room_s(*ROOMS_S[key.partition("/")[0]])
        return Planned(key=key, run=partial(time_contest, cells, box, exact), room_s=room_s)

    return [planned(key, cells) for key, cells in dict(contests(box)).items()]


def contests(box: Box) -> Iterator[tuple[str, dict[str, Cell]]]:
    """Yield keys and cells by the names of their sides; some contests come twice."""
    models, compiled = box.sizes.models, box.sizes.compiled
    first, (large, *_) = models[0], box.sizes.batches
    yield from (_types("types", first, large), _peers(first, large, BEST))
    yield _compiler("compilers", compiled[0], large, BEST)
    yield from (_models(box, large, BEST), _types("fp32", first, large))
    yield _compiler("autotune", compiled[0], large, BEST)
    for batch in box.sizes.batches:
        yield from (_types("types", model, batch) for model in models)
        yield _models(box, batch, BEST)
        yield from (_types("fp32", model, batch) for model in models)
        yield from (_peers(model, batch, BEST) for model in models)
        yield from (_compiler("compilers", model, batch, BEST) for model in compiled)
    others = [typed for typed in box.sizes.typed if typed != BEST]
    for batch in box.sizes.batches:
        for typed in others:
            yield _models(box, batch, typed)
            yield from (_peers(model, batch, typed) for model in models)
            yield from (_compiler("compilers", model, batch, typed) for model in compiled)
    for batch in box.sizes.batches:
        for typed in box.sizes.typed:
            yield from (_compiler("autotune", model, batch, typed) for model in compiled)


def _types(kind: str, model: str, batch: int) -> tuple[str, dict[str, Cell]]:
    """Return a contest of types; fp32's is separate, as its steps take several times as long.

    Both contests have the first type.
    """
    return f"{kind}/{model}/{batch}", {
        typed: Cell(model=model, batch=batch, typed=typed) for typed in TYPES[kind]
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


def _compiler(kind: str, model: str, batch: int, typed: str) -> tuple[str, dict[str, Cell]]:
    """Return a contest of a compiler; tuning has its own, as it takes minutes."""
    compiler = COMPILERS[kind]
    cell = Cell(model=model, batch=batch, typed=typed)
    cells: dict[str, Cell] = {"eager": cell, compiler: replace(cell, compiler=compiler)}
    return f"{kind}/{model}/{batch}/{typed}", cells


def time_contest(cells: dict[str, Cell], box: Box, exact: Exact, findings: Findings) -> None:
    """Prepare the cells, let them take turns, and check that all of them trained.

    Those that cannot be prepared are left out.
    """
    device = torch.device(box.kind)
    torch._dynamo.reset()
    # A network that silently falls back to eager would be timed as compiled.
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    findings.found |= {"image_size": box.sizes.image_size, "cells": {}, "left_out": {}}
    ready = dict(_readied(cells, box, findings, exact))
    if not ready:
        raise RuntimeError(f"no side could be prepared: {findings.found['left_out']}")
    before = {name: marks(one.module) for name, one in ready.items()}
    sides = [replace(one.side, name=name) for name, one in ready.items()]
    take_turns(sides, "images", box, findings, device)
    for name, one in ready.items():
        if why := untrained(before[name], one.module):
            findings.wrong.append(f"{name}: {why}")
    ready.clear()
    sides.clear()
    torch._dynamo.reset()
    _swept(device)


def _readied(
    cells: dict[str, Cell], box: Box, findings: Findings, exact: Exact
) -> Iterator[tuple[str, Ready]]:
    """Yield those that can be prepared, checked against fp32; the others' reasons are stored."""
    for name, cell in cells.items():
        if why := _missing(cell):
            findings.found["left_out"][name] = why
            continue
        one, off, why = _checked(cell, box, exact)
        if one is None:
            findings.found["left_out"][name] = why
            _swept(torch.device(box.kind))
            continue
        findings.found["cells"][name] = _told(cell, one, off)
        findings.keep()
        if not is_right(cell.dtype, off):
            findings.wrong.append(words(name, off))
        yield name, one


def _missing(cell: Cell) -> str:
    """Return why a cell cannot be built here; empty where it can."""
    is_missing = cell.source == "timm" and find_spec("timm") is None
    return "timm is not installed" if is_missing else ""


def _checked(cell: Cell, box: Box, exact: Exact) -> tuple[Ready | None, dict[str, float], str]:
    """Return a cell and its distances from fp32, or None and why it failed.

    A side that fails must not end the others.
    """
    device, size = torch.device(box.kind), box.sizes.image_size
    key = (cell.model, cell.batch)
    try:
        if key not in exact:
            exact[key] = exact_step(cell, device, size)
        one = prepare(cell, device, size, box.sizes.block_s)
        return one, distances(one.step, exact[key]), ""
    except Exception as error:
        if memory_kind(words_of_chain(error)):  # whoever had no memory: cuDNN and cuBLAS, too
            return None, {}, "out of memory"
        text = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        return None, {}, text[:200]


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
    """Free what is no longer used, with the pools of CUDA graphs."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()

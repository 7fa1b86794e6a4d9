"""NHWC against NCHW as a record: every operation, the best mixed choice, and its whole steps."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.config.models import foreign
from resnext_bench.convs.layouts.benches import Bench
from resnext_bench.convs.layouts.network import Regions, regions_of
from resnext_bench.convs.layouts.plan import best_mix
from resnext_bench.convs.layouts.steps import measured
from resnext_bench.convs.layouts.times import (
    Pair,
    pairs_of,
    rows_of,
    tasks_of,
    times_of,
)
from resnext_bench.convs.times.record import TimeOrder
from resnext_bench.convs.times.sides import Timed
from resnext_bench.convs.times.timing import Tell
from resnext_bench.errors import CannotHere, RunFailed
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.figures.layouts import adjusted
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.convs import WRONG, Convs
from resnext_bench.reports.schema.layouts import Layouts, Mix, OtherRow
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.traffic import Dtype
from resnext_bench.session.setup import set_up

STEP_ROUNDS: Final = 10
WARM_UP: Final = 4
"""Steps before the first block of each side, whose shapes and kernels never change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is asked for beside the times of convolutions."""

    whole: bool
    """Whether all convolutions of the network are timed, so that a choice can be made."""
    everything: bool
    """Whether convolutions without groups are asked about, too."""
    steps: bool
    """Whether whole steps are measured."""


def compared(
    order: TimeOrder,
    wanted: Wanted,
    machine: Machine,
    root: Path,
    tell: Tell,
    bench: Bench,
) -> Convs:
    """Time everything on a bench, choose, and measure whole steps in folders below `root`."""
    found = bench.convolutions(order, machine, tell)
    record = found.record
    pairs = list(pairs_of([[_usable(one) for one in group] for group in found.groups]))
    task = _Task(order=order, machine=machine, root=root, bench=bench, tell=tell)
    others, mixes = _choices(task, pairs) if wanted.whole else ([], [])
    if wanted.steps:
        mixes = [_tried(task, mix) for mix in mixes]
    doubts = [*bench.doubts, *(note for mix in mixes if mix.steps for note in mix.steps.notes)]
    is_doubtful = record.status == "ok" and doubts
    return msgspec.structs.replace(
        record,
        task="layouts",
        status="invalid" if is_doubtful else record.status,
        why="; ".join(dict.fromkeys(doubts)) if is_doubtful else record.why,
        duration_s=round(time.monotonic() - order.started, 2),
        notes=tuple(dict.fromkeys((*task.notes, *bench.notes))),
        layouts=Layouts(
            everything=wanted.everything,
            rows=adjusted(list(rows_of(pairs, record.convolutions))),
            others=tuple(others),
            mixes=tuple(mixes),
            why=_why(order, wanted),
        ),
    )


def _why(order: TimeOrder, wanted: Wanted) -> str:
    is_foreign = bool(order.model) and foreign(order.model) is not None
    return "not ours" if is_foreign and not wanted.whole else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """What is asked for, where it is done, and what is to be told of it."""

    order: TimeOrder
    machine: Machine
    root: Path
    bench: Bench
    tell: Tell
    notes: list[str] = field(default_factory=list)

    @property
    def batch(self) -> int:
        """Images of a step."""
        return self.order.asked[0].convolution.images[0]

    @property
    def image_size(self) -> int:
        """Edge of the images, which the network's first convolution reads."""
        return self.order.asked[0].convolution.images[2]


def _choices(task: _Task, pairs: Sequence[Pair]) -> tuple[list[OtherRow], list[Mix]]:
    """Return norms, pools and conversions, and the best choice in each type."""
    order = task.order
    layers = draw(parse(order.model), task.image_size)
    regions: dict[Dtype, Regions] = {
        one: regions_of(layers, task.batch, one) for one in order.dtypes
    }
    others = task.bench.others(
        (one for its in regions.values() for one in tasks_of(its)), order, task.tell
    )
    mixes = []
    for dtype, its in regions.items():
        own = [pair for pair in pairs if pair.dtype == dtype]
        try:
            mixes.append(best_mix(its, times_of(its, own, others, order.rounds), dtype))
        except ValueError as error:  # what runs in neither layout; its row or a note says why
            task.notes.append(f"no choice in {dtype}: {error}")
    return list(others.values()), mixes


def _usable(timed: Timed) -> Timed:
    """Return what was timed; nothing of a result that is wrong is compared or chosen."""
    if WRONG not in timed.notes:
        return timed
    return replace(timed, samples_us=(), why="its result is wrong")


def _tried(task: _Task, mix: Mix) -> Mix:
    """Return the mix with whole steps; without them and with a note where they cannot be had."""
    try:
        return _measured(task, mix)
    except (CannotHere, RunFailed) as error:
        task.notes.append(f"whole steps in {mix.dtype} were not measured: {error}")
        return mix


def _measured(task: _Task, mix: Mix) -> Mix:
    request: Request = {
        "model": task.order.model,
        "image_size": task.image_size,
        "batch_size": task.batch,
        **{"nodes": 1, "nproc_per_node": 1, "pipeline": "synthetic", "warm_up": WARM_UP},
        **task.bench.request(task.order, mix.dtype),
    }
    setup = set_up(request, task.machine, root=task.root, command=(), tell=task.tell)
    return measured(mix, setup, STEP_ROUNDS, task.tell)

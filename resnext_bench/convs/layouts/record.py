"""NHWC against NCHW as a record: every operation, the best mixed choice, and its whole steps."""

import time
from collections.abc import Iterator
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
from resnext_bench.convs.times.cut import after, cut, kept_when_cut
from resnext_bench.convs.times.record import TimeOrder, whole_groups
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
    """Time everything on a bench, choose, and measure whole steps in folders below `root`.

    Raises Interrupted with the record of what there is, where whole problems were measured by then.
    """
    task = _Task(order=order, wanted=wanted, machine=machine, root=root, bench=bench, tell=tell)
    with kept_when_cut(task.cut_off):
        bench.convolutions(order, task.found, tell)
        if wanted.whole:
            _choose(task)
        for at, mix in enumerate(task.mixes if wanted.steps else ()):
            task.mixes[at] = _tried(task, mix)
    return task.record()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """What is asked for, where it is done, and what there is of it."""

    order: TimeOrder
    wanted: Wanted
    machine: Machine
    root: Path
    bench: Bench
    tell: Tell
    found: list[list[Timed]] = field(default_factory=list)
    others: list[OtherRow] = field(default_factory=list)
    mixes: list[Mix] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def batch(self) -> int:
        """Images of a step."""
        return self.order.asked[0].convolution.images[0]

    @property
    def image_size(self) -> int:
        """Edge of the images, which the network's first convolution reads."""
        return self.order.asked[0].convolution.images[2]

    def pairs(self) -> Iterator[Pair]:
        """Yield both layouts of each operation, without results that are wrong."""
        return pairs_of([[_usable(one) for one in group] for group in self.found])

    def record(self) -> Convs:
        """Return the record of the times with what else there is."""
        record = self.bench.record(self.order, self.machine, self.found)
        of_steps = [note for mix in self.mixes if mix.steps for note in mix.steps.notes]
        doubts = [*self.bench.doubts, *of_steps]
        is_doubtful = record.status == "ok" and doubts
        return msgspec.structs.replace(
            record,
            task="layouts",
            status="invalid" if is_doubtful else record.status,
            why="; ".join(dict.fromkeys(doubts)) if is_doubtful else record.why,
            duration_s=round(time.monotonic() - self.order.started, 2),
            notes=tuple(dict.fromkeys((*self.notes, *self.bench.notes))),
            layouts=Layouts(
                everything=self.wanted.everything,
                rows=adjusted(list(rows_of(self.pairs(), record.convolutions))),
                others=tuple(self.others),
                mixes=tuple(self.mixes),
                why=_why(self.order, self.wanted),
            ),
        )

    def cut_off(self) -> Convs | None:
        """Return the record of what there is when it is interrupted; None where there is nothing.

        Fewer rounds of a problem than of others would be other comparisons.
        """
        self.found[:] = whole_groups(self.found, self.order) if self.found else []
        self.notes.extend(self.bench.doubts)  # its status says that it was interrupted
        return cut(self.record(), self._where()) if self.found else None

    def _where(self) -> str:
        done, asked = len(self.found), len(self.order.groups())
        if done < asked:
            return after(done, asked)
        return "while whole steps were measured" if self.mixes else "before layouts were chosen"


def _why(order: TimeOrder, wanted: Wanted) -> str:
    is_foreign = bool(order.model) and foreign(order.model) is not None
    return "not ours" if is_foreign and not wanted.whole else ""


def _choose(task: _Task) -> None:
    """Add norms, pools and conversions, and the best choice in each type, or why there is none."""
    order, pairs = task.order, list(task.pairs())
    layers = draw(parse(order.model), task.image_size)
    regions: dict[Dtype, Regions] = {
        one: regions_of(layers, task.batch, one) for one in order.dtypes
    }
    asked = (one for its in regions.values() for one in tasks_of(its))
    try:
        others = task.bench.others(asked, order, task.tell)
    except (CannotHere, RunFailed) as error:  # the convolutions stand without them
        task.notes.append(f"no choice: {error}")
        return
    task.others.extend(others.values())
    for dtype, its in regions.items():
        own = [pair for pair in pairs if pair.dtype == dtype]
        try:
            task.mixes.append(best_mix(its, times_of(its, own, others, order.rounds), dtype))
        except ValueError as error:  # what runs in neither layout; its row or a note says why
            task.notes.append(f"no choice in {dtype}: {error}")


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

"""NHWC against NCHW as a record: every operation, the best mixed choice, and its whole steps."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.config.models import foreign
from resnext_bench.convs.layouts.network import Regions, regions_of
from resnext_bench.convs.layouts.plan import best_mix
from resnext_bench.convs.layouts.steps import measured
from resnext_bench.convs.layouts.times import (
    Pair,
    pairs_of,
    rows_of,
    tasks_of,
    time_others,
    times_of,
)
from resnext_bench.convs.times.cut import after, cut, kept_when_cut
from resnext_bench.convs.times.record import TimeOrder, stored, whole_groups
from resnext_bench.convs.times.sides import Facts, Timed
from resnext_bench.convs.times.timing import Tell, time_in_turn
from resnext_bench.errors import CannotHere, RunFailed
from resnext_bench.machine.host.cores import load_1min
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


def compared(order: TimeOrder, wanted: Wanted, machine: Machine, root: Path, tell: Tell) -> Convs:
    """Time everything, choose, measure whole steps in folders below `root`; return the record."""
    facts, load, groups = list[Facts](), load_1min(), order.groups()
    found, others = list[list[Timed]](), list[OtherRow]()
    mixes, notes = list[Mix](), list[str]()

    def so_far() -> Convs:
        record = stored(order, "", machine, found, facts, load)
        return _record(order, wanted, record, found, others, mixes, notes)

    def cut_off() -> Convs | None:
        found[:] = whole_groups(found, order)  # fewer rounds would be other comparisons
        return cut(so_far(), _where(len(found), len(groups), mixes)) if found else None

    with kept_when_cut(cut_off):
        time_in_turn(
            groups,
            rounds=order.rounds,
            block_s=order.block_s,
            threads=order.threads,
            tell=tell,
            learn=facts.append,
            so_far=found,
        )
        if wanted.whole:
            _choose(order, list(_usable_pairs(found)), others, mixes, notes, tell)
        for at, mix in enumerate(mixes if wanted.steps else ()):
            mixes[at] = _tried(order, machine, root, mix, notes, tell)
    return so_far()


def _where(done: int, asked: int, mixes: Sequence[Mix]) -> str:
    if done < asked:
        return after(done, asked)
    return "while whole steps were measured" if mixes else "before layouts were chosen"


def _usable_pairs(found: Sequence[Sequence[Timed]]) -> Iterator[Pair]:
    return pairs_of([[_usable(one) for one in group] for group in found])


def _record(
    order: TimeOrder,
    wanted: Wanted,
    record: Convs,
    found: Sequence[Sequence[Timed]],
    others: Sequence[OtherRow],
    mixes: Sequence[Mix],
    notes: Sequence[str],
) -> Convs:
    """Return the record of times with what else there is."""
    doubts = [note for mix in mixes if mix.steps for note in mix.steps.notes]
    is_doubtful = record.status == "ok" and doubts
    return msgspec.structs.replace(
        record,
        task="layouts",
        status="invalid" if is_doubtful else record.status,
        why="; ".join(dict.fromkeys(doubts)) if is_doubtful else record.why,
        duration_s=round(time.monotonic() - order.started, 2),
        notes=tuple(notes),
        layouts=Layouts(
            everything=wanted.everything,
            rows=adjusted(list(rows_of(_usable_pairs(found), record.convolutions))),
            others=tuple(others),
            mixes=tuple(mixes),
            why=_why(order, wanted),
        ),
    )


def _why(order: TimeOrder, wanted: Wanted) -> str:
    is_foreign = bool(order.model) and foreign(order.model) is not None
    return "not ours" if is_foreign and not wanted.whole else ""


def _choose(
    order: TimeOrder,
    pairs: Sequence[Pair],
    others: list[OtherRow],
    mixes: list[Mix],
    notes: list[str],
    tell: Tell,
) -> None:
    """Add norms, pools and conversions, and the best choice in each type, or why there is none."""
    batch, _, size, _ = order.asked[0].convolution.images
    layers = draw(parse(order.model), size)
    regions: dict[Dtype, Regions] = {one: regions_of(layers, batch, one) for one in order.dtypes}
    found = time_others(
        (task for one in regions.values() for task in tasks_of(one)),
        rounds=order.rounds,
        block_s=order.block_s,
        threads=order.threads,
        tell=tell,
    )
    others += found.values()
    for dtype, its in regions.items():
        own = [pair for pair in pairs if pair.dtype == dtype]
        try:
            mixes.append(best_mix(its, times_of(its, own, found, order.rounds), dtype))
        except ValueError as error:  # a layer that runs in neither layout; its rows say why
            notes.append(f"no choice in {dtype}: {error}")


def _usable(timed: Timed) -> Timed:
    """Return what was timed; nothing of a result that is wrong is compared or chosen."""
    if WRONG not in timed.notes:
        return timed
    return replace(timed, samples_us=(), why="its result is wrong")


def _tried(
    order: TimeOrder, machine: Machine, root: Path, mix: Mix, notes: list[str], tell: Tell
) -> Mix:
    """Return the mix with whole steps; without them and with a note where they cannot be had."""
    try:
        return _measured(order, machine, root, mix, tell)
    except (CannotHere, RunFailed) as error:
        notes.append(f"whole steps in {mix.dtype} were not measured: {error}")
        return mix


def _measured(order: TimeOrder, machine: Machine, root: Path, mix: Mix, tell: Tell) -> Mix:
    batch, _, size, _ = order.asked[0].convolution.images
    request: Request = {
        "model": order.model,
        "image_size": size,
        "batch_size": batch,
        **{"nodes": 1, "nproc_per_node": 1, "device": "cpu", "pipeline": "synthetic"},
        "amp_dtype": "none" if mix.dtype == "fp32" else mix.dtype,
        "warm_up": WARM_UP,
    }
    if order.threads is not None:
        request["threads"] = order.threads
    setup = set_up(request, machine, root=root, command=(), tell=tell)
    return measured(mix, setup, STEP_ROUNDS, tell)

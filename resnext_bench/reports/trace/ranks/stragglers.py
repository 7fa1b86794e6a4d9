"""Which rank the others wait for, in each step and over all of them, and by what it is slow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_ranks import (
    PARTS,
    Part,
    SlowTogether,
    StepRow,
    Straggler,
)
from resnext_bench.reports.stats.stragglers import Skews, beyond_others, skews
from resnext_bench.reports.trace.ranks.rank import Rank

_FEWEST_KERNELS: Final = 3
_MOST_OF_TIME: Final = 0.9
"""Share of a rank's kernels, by time, that have to run as often as on the others, and of these
that have to be slower alike."""
_ALIKE: Final = 0.25
"""Kernels are slower alike if they are within this share of the common factor, as logarithms."""
_ENOUGH: Final = 0.5
"""Share of the loss that this factor has to explain."""
_NOT_TOLD_APART: Final[tuple[Part, Part]] = ("other", "launches")

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Table:
    """What ranks need by themselves in the steps that all of them have."""

    steps: NDArray[np.int64]
    step_ns: Floats
    """[ranks, steps]"""
    parts: Floats
    """[parts, ranks, steps], in the order of PARTS."""

    @property
    def own_ns(self) -> Floats:
        """Return own times [ranks, steps], at least 1 ns each."""
        whole: Floats = np.maximum(self.parts.sum(axis=0), 1.0)
        return whole


def table_of(ranks: Sequence[Rank], steps: NDArray[np.int64]) -> Table:
    """Return it for steps that all ranks have."""
    places = [np.searchsorted(rank.steps, steps) for rank in ranks]
    return Table(
        steps=steps,
        step_ns=np.array(
            [rank.step_ns[at] for rank, at in zip(ranks, places, strict=True)], dtype=np.float64
        ),
        parts=np.array(
            [
                [rank.parts[part][at] for rank, at in zip(ranks, places, strict=True)]
                for part in PARTS
            ],
            dtype=np.float64,
        ),
    )


def skews_of(table: Table) -> Skews:
    """Return by how much each rank is slower than the others."""
    return skews(table.own_ns)


def stragglers(ranks: Sequence[Rank], table: Table, found: Skews) -> list[Straggler]:
    """Return ranks that are slower than the others by more than their scatter."""
    beyond = _beyond(table).mean(axis=2)
    causes = _set_off(_beyond(table)).mean(axis=2)
    lost = beyond_others(table.own_ns).mean(axis=1)
    rows = []
    for at in found.named.tolist():
        most = int(causes[:, at].argmax())
        compute = PARTS[most] == "compute"
        share = float(beyond[most, at] / max(table.parts[most, at].mean(), 1.0))
        factor = _factor(ranks, at) if compute else None
        is_clock = ranks[at].device is not None and factor is not None
        kernel, kernel_ns = _kernel(ranks, at) if compute else ("", 0)
        rows.append(
            Straggler(
                at=at,
                skew=float(np.expm1(found.skew[at])),
                scatter=float(np.expm1(found.scatter[at])),
                lost_ns=round(float(lost[at])),
                cause="clock" if is_clock and _is_alike(ranks, at, share) else PARTS[most],
                parts=_named(beyond[:, at]),
                cause_ns=round(float(min(causes[most, at], lost[at]))),
                kernel=kernel,
                kernel_ns=kernel_ns,
                kernels_factor=factor,
            )
        )
    return rows


def _beyond(table: Table) -> Floats:
    """Return by how much each part exceeds the others' median [parts, ranks, steps]."""
    return np.array([beyond_others(part) for part in table.parts])


def _set_off(beyond: Floats) -> Floats:
    """Return it with idle time that a trace does not explain set off against late launches.

    A gap before work whose launch is not in the trace is `other` on one rank, and on the next,
    which has the launch, it is a late one: neither is more or less than the same time elsewhere.
    """
    found = beyond.copy()
    other, late = (found[PARTS.index(part)] for part in _NOT_TOLD_APART)
    same = np.where(other * late < 0, np.minimum(np.abs(other), np.abs(late)), 0.0)
    other -= np.sign(other) * same
    late -= np.sign(late) * same
    return found


def step_rows(table: Table, found: Skews) -> Iterator[StepRow]:
    """Yield each step with the rank that was slower in it than chance explains."""
    causes = _set_off(_beyond(table))
    lost = beyond_others(table.own_ns)
    for column, (number, named) in enumerate(
        zip(table.steps.tolist(), found.named_in_steps.tolist(), strict=True)
    ):
        worst = named if named >= 0 else int(found.in_steps[:, column].argmax())
        yield StepRow(
            number=number,
            step_ns=int(table.step_ns[:, column].max()),
            at=named if named >= 0 else None,
            skew=float(np.expm1(found.in_steps[worst, column])),
            lost_ns=round(float(lost[worst, column])),
            cause=PARTS[int(causes[:, worst, column].argmax())] if named >= 0 else None,
        )


def together(ranks: Sequence[Rank], slow: Sequence[Straggler]) -> Iterator[SlowTogether]:
    """Yield hosts and models of devices of which all ranks are slow, and no rank of another is."""
    at = [one.at for one in slow]
    ways: tuple[Literal["host", "device"], ...] = ("host", "device")
    for by in ways:
        names = [one.host if by == "host" else one.on for one in ranks]
        mine = {names[one] for one in at} - {""}
        if len(mine) != 1 or len(set(names)) < 2:
            continue
        (name,) = mine
        all_ = [place for place, one in enumerate(names) if one == name]
        if len(all_) > 1 and sorted(at) == all_:
            yield SlowTogether(by=by, name=name, at=all_)


def _named(values: Floats) -> dict[Part, int]:
    return {part: round(float(one)) for part, one in zip(PARTS, values, strict=True)}


def _kernel(ranks: Sequence[Rank], at: int) -> tuple[str, int]:
    """Return the kernel in which a rank spends most beyond the others, and how much, per step."""
    others = [one for place, one in enumerate(ranks) if place != at]

    def each(rank: Rank, name: str) -> float:
        mine = rank.kernels.get(name)
        return mine.total_ns / len(rank.steps) if mine else 0.0

    beyond = {
        name: each(ranks[at], name) - float(np.median([each(one, name) for one in others]))
        for name in ranks[at].kernels
    }
    name = max(beyond, key=lambda one: beyond[one], default="")
    return (name, round(beyond[name])) if name and beyond[name] > 0 else ("", 0)


def _ratios(ranks: Sequence[Rank], at: int) -> tuple[Floats, Floats] | None:
    """Return how much longer each kernel takes than elsewhere, as log ratio, and its time.

    None where kernels that make up most of the time do not run as often on all ranks.
    """
    others = [one for place, one in enumerate(ranks) if place != at]
    mine = ranks[at]
    ratios, weights = [], []
    for name, kernel in mine.kernels.items():
        theirs = [one.kernels[name] for one in others if name in one.kernels]
        often = [
            one.kernels[name].count * len(mine.steps) == kernel.count * len(one.steps)
            for one in others
            if name in one.kernels
        ]
        if len(theirs) < len(others) or not all(often) or kernel.median_ns <= 0:
            continue
        middle = float(np.median([one.median_ns for one in theirs]))
        if middle > 0:
            ratios.append(log(kernel.median_ns / middle))
            weights.append(kernel.total_ns)
    whole = sum(one.total_ns for one in mine.kernels.values())
    if not ratios or sum(weights) < _MOST_OF_TIME * whole:
        return None
    return np.array(ratios), np.array(weights, dtype=np.float64)


def _factor(ranks: Sequence[Rank], at: int) -> float | None:
    found = _ratios(ranks, at)
    return None if found is None else exp(float(np.average(found[0], weights=found[1])))


def _is_alike(ranks: Sequence[Rank], at: int, share: float) -> bool:
    """Return whether all kernels take longer by one factor, which explains what the rank loses.

    `share`: of its compute, how much it loses.
    """
    found = _ratios(ranks, at)
    if found is None or len(found[0]) < _FEWEST_KERNELS:
        return False
    ratios, weights = found
    common = float(np.average(ratios, weights=weights))
    if common <= 0:
        return False
    near = np.abs(ratios - common) <= _ALIKE * common
    alike = float(weights[near].sum()) >= _MOST_OF_TIME * float(weights.sum())
    return alike and 1 - exp(-common) >= _ENOUGH * share

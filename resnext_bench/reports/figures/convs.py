"""What the samples of timed convolutions come to: ratios of sides, and sums over a step.

The rounds of a problem's sides are the same moments of the machine, so ratios are taken round by
round. Their intervals hold for one process on one machine; they say nothing about other starts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from resnext_bench.reports.figures.estimates import estimate_of
from resnext_bench.reports.schema.convs import WRONG, Convolution, Convs, Plan, Problem
from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.stats.effects import Interval, t_interval, welch_interval
from resnext_bench.reports.stats.multiple import holm
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype, Layout

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """What distinguishes the sides of a problem."""

    dtype: Dtype
    layout: Layout
    setting: str = ""


USUAL: Final = Side(dtype="fp32", layout="nchw")
"""The side that others are compared with, where it is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One side of a problem."""

    side: Side
    plan: Plan | None
    """What ran; None where it could not."""
    why: str
    ms: float | None
    """Median over rounds."""
    ratio: Estimate | None
    """Its time relative to the base side's; None for the base, and where one of them did not run
    or gave a wrong result: how long that takes says nothing."""
    p: float = 1.0
    """Two-sided probability of such a ratio if both take the same time."""

    @property
    def is_wrong(self) -> bool:
        """Whether its result is farther from the exact one than its type allows."""
        return self.plan is not None and WRONG in self.plan.notes

    @property
    def is_usable(self) -> bool:
        """Whether it ran, and its result is right."""
        return self.plan is not None and not self.is_wrong

    @property
    def is_slower(self) -> bool:
        """Whether it is slower than the base side at this confidence."""
        return self.ratio is not None and self.ratio.low > 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One operation of one convolution, on all sides in the order of the record."""

    convolution: Convolution
    """The convolution as its first side has it."""
    operation: Operation
    measured: tuple[Measured, ...]

    def of(self, side: Side) -> Measured | None:
        """Return what was found of a side; None where it was not asked for."""
        return next((one for one in self.measured if one.side == side), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sum:
    """A side's time over a step: each convolution as often as the network has it."""

    side: Side
    ms: dict[Operation, float]
    """By operation."""
    total_ms: float
    ratio: Estimate | None
    """Relative to the base side's total; None for the base."""
    problems: int
    """Problems that are in it."""
    lacks: int
    """Problems that this side or the base could not run, or not right; they are in neither sum."""


def sides_of(record: Convs) -> list[Side]:
    """Return the sides, the base first."""
    found = list(dict.fromkeys(_side(record, one) for one in record.problems))
    return sorted(found, key=lambda side: side != USUAL)


def _side(record: Convs, problem: Problem) -> Side:
    conv = record.convolutions[problem.convolution]
    return Side(dtype=conv.dtype, layout=conv.layout, setting=problem.setting)


def compared(record: Convs) -> list[Compared]:
    """Return all problems, and for each what was found of its sides."""
    groups: dict[tuple[Convolution, Operation], list[Problem]] = {}
    for problem in record.problems:
        conv = record.convolutions[problem.convolution]
        plain = msgspec.structs.replace(conv, dtype=USUAL.dtype, layout=USUAL.layout)
        groups.setdefault((plain, problem.operation), []).append(problem)
    base = sides_of(record)[0]
    return [
        _compared(record, problems, operation, base) for (_, operation), problems in groups.items()
    ]


def _compared(
    record: Convs, problems: Sequence[Problem], operation: Operation, base: Side
) -> Compared:
    plans = {_side(record, one): (one.plans[0] if one.plans else None) for one in problems}
    first = plans.get(base)
    return Compared(
        convolution=record.convolutions[problems[0].convolution],
        operation=operation,
        measured=tuple(
            _measured(_side(record, one), one, first if _side(record, one) != base else None)
            for one in problems
        ),
    )


def _measured(side: Side, problem: Problem, base: Plan | None) -> Measured:
    plan = problem.plans[0] if problem.plans else None
    if plan is None:
        return Measured(side=side, plan=None, why=problem.why, ms=None, ratio=None)
    is_right = base is not None and WRONG not in (*plan.notes, *base.notes)
    found = _paired(plan.samples_us, base.samples_us) if base and is_right else None
    return Measured(
        side=side,
        plan=plan,
        why="",
        ms=float(np.median(plan.samples_us)) / 1e3,
        ratio=estimate_of(found, np.exp) if found else None,
        p=found.p if found else 1.0,
    )


def paired(samples: ArrayLike, base: ArrayLike) -> Estimate:
    """Return the ratio of two sides that took turns, samples of the same rounds."""
    return estimate_of(_paired(samples, base), np.exp)


def _paired(samples: ArrayLike, base: ArrayLike) -> Interval:
    return t_interval(np.log(np.asarray(samples) / np.asarray(base)), CONFIDENCE)


def apart(a: ArrayLike, b: ArrayLike) -> Estimate:
    """Return the ratio b to a of samples that did not take turns.

    What the machine did between them is in the ratio, but not in its interval.
    """
    found = welch_interval(np.log(np.asarray(a)), np.log(np.asarray(b)), CONFIDENCE)
    return estimate_of(found, np.exp)


def sums(record: Convs) -> list[Sum]:
    """Return what each side takes over a step, beside the base side."""
    problems = _not_cut_short(compared(record))
    base, *_ = sides = sides_of(record)
    return [_sum(problems, side, base) for side in sides]


def _not_cut_short(problems: Sequence[Compared]) -> list[Compared]:
    """Return the problems without one that was interrupted, whose rounds are fewer."""
    rounds = [
        max((len(each.plan.samples_us) for each in one.measured if each.plan), default=0)
        for one in problems
    ]
    most = max(rounds, default=0)
    return [one for one, own in zip(problems, rounds, strict=True) if own in (0, most)]


def _sum(problems: Sequence[Compared], side: Side, base: Side) -> Sum:
    rows = [(one, *pair) for one in problems if (pair := _pair(one, side, base))]
    by_operation: dict[Operation, float] = {}
    for one, own, _ in rows:
        by_operation[one.operation] = by_operation.get(one.operation, 0.0) + float(np.median(own))
    return Sum(
        side=side,
        ms=by_operation,
        total_ms=sum(by_operation.values()),
        ratio=paired(_total(own for _, own, _ in rows), _total(other for *_, other in rows))
        if rows and side != base
        else None,
        problems=len(rows),
        lacks=len(problems) - len(rows),
    )


def _total(rows: Iterable[Floats]) -> Floats:
    """Return the sum over problems, by round."""
    found: Floats = np.sum(list(rows), axis=0)
    return found


def _pair(one: Compared, side: Side, base: Side) -> tuple[Floats, Floats] | None:
    """Return the ms of all layers that are this convolution, by round: the side's, the base's."""
    both = [one.of(side), one.of(base)]
    plans = [each.plan for each in both if each and each.plan and each.is_usable]
    if len(plans) < len(both):
        return None
    own, other = (len(one.convolution.layers) * np.array(plan.samples_us) / 1e3 for plan in plans)
    return own, other


def slower(record: Convs) -> Iterator[tuple[Side, Operation, list[tuple[Compared, Measured]]]]:
    """Yield where a side is slower than the base: by side and operation, the slowest first.

    So many ratios are looked at that some of their intervals lie above 1 by chance: here the
    probability of any false one is 1 - `CONFIDENCE`.
    """
    problems = compared(record)
    sure = _certain(problems)
    for side in sides_of(record)[1:]:
        for operation in dict.fromkeys(one.operation for one in problems):
            found = [
                (one, measured)
                for one in problems
                if one.operation == operation and (measured := one.of(side))
                if measured.is_slower and id(measured) in sure
            ]
            if found:
                yield side, operation, sorted(found, key=_by_ratio, reverse=True)


def _certain(problems: Sequence[Compared]) -> set[int]:
    """Return the ids of sides that differ from the base, whatever chance does."""
    every = [each for one in problems for each in one.measured if each.ratio]
    adjusted = holm(np.array([each.p for each in every])) if every else ()
    return {id(each) for each, p in zip(every, adjusted, strict=True) if p < 1 - CONFIDENCE}


def _by_ratio(one: tuple[Compared, Measured]) -> float:
    return one[1].ratio.value if one[1].ratio else 0.0

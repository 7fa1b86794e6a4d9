"""What PyTorch's choice among cuDNN's plans costs: its time, the best plan's, and the floor.

The best of many noisy plans looks better than it is. So the rounds are halved: the best plan is
chosen by one half, and its time is taken from the other. Halves consist of pairs of rounds, forth
and back, so that a drift affects both alike.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np

from resnext_bench.reports.schema.convs import Convolution, Convs, Plan, Problem
from resnext_bench.reports.schema.plan_times import Fault, Mode, TorchChoice
from resnext_bench.reports.stats.effects import Interval, t_interval
from resnext_bench.resnext.devices import recognised
from resnext_bench.resnext.roofline import Roof, Work
from resnext_bench.resnext.traffic import Dtype

CONFIDENCE: Final = 0.95
COMPARED: Final[Mode] = "limit 10"
"""The mode that is compared with the best plan: PyTorch's default with cuDNN benchmark."""
LEAST_ROUNDS: Final = 4
"""Rounds below which there are no halves."""
_BESIDE: Final = re.compile(r"^Mem(set|cpy)\b", re.IGNORECASE)
"""Rows of a profile that are no kernels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """What PyTorch's choice for one problem costs, by calls with cold caches."""

    times: int
    """How often a step of the network has the problem."""
    torch_us: tuple[float, ...]
    """Its time in each round of the second half, µs; the mean of the choices that it made anew."""
    best: Plan
    """The plan that was best in the first half."""
    best_us: tuple[float, ...]
    """Its time in each round of the second half, µs."""
    floor_us: float | None
    """The least time by bytes and FLOP, µs; None where the device's rates are not known."""

    @property
    def lost(self) -> Interval:
        """PyTorch's time over the best plan's, as a log ratio; above 0 it loses time."""
        return _ratio(self.torch_us, self.best_us)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepGap:
    """The same for all problems of a network that were timed, each as often as it occurs."""

    problems: int
    torch_us: float
    best_us: float
    floor_us: float | None
    lost: Interval
    """PyTorch's time over that of the best plans, as a log ratio."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stability:
    """How far choices that PyTorch made anew differ."""

    mode: Mode
    choices: int
    kernels: int
    """Number of different kernels among them."""
    spread_percent: float
    """Time of the slowest over that of the fastest, less one."""


def gap_of(record: Convs, problem: Problem) -> Gap | None:
    """Return what PyTorch's choice costs; None where it, or no plan that it takes, was timed."""
    conv = record.convolutions[problem.convolution]
    return gap_between(
        problem.candidates,
        problem.choices,
        times=len(conv.layers),
        floor_us=floor_us(record, conv),
    )


def gap_between(
    plans: Iterable[Plan], choices: Iterable[TorchChoice], *, times: int, floor_us: float | None
) -> Gap | None:
    """Return what PyTorch's choices cost beside these plans; None where either was not timed."""
    chosen = [one.times.samples_us for one in timed(choices, COMPARED)]
    rounds = min((len(row) for row in chosen), default=0)
    # Others are far too slow.
    rivals = [plan for plan in plans if plan.samples_us and len(plan.samples_us) >= rounds]
    if not rounds or not rivals:
        return None
    first, second = halves(rounds)
    best = min(rivals, key=lambda plan: fmean(plan.samples_us[at] for at in first))
    return Gap(
        times=times,
        torch_us=tuple(fmean(row[at] for row in chosen) for at in second),
        best=best,
        best_us=tuple(best.samples_us[at] for at in second),
        floor_us=floor_us,
    )


def halves(rounds: int) -> tuple[list[int], list[int]]:
    """Return the rounds by which one chooses, and those that count; all twice if they are few."""
    if rounds < LEAST_ROUNDS:
        return list(range(rounds)), list(range(rounds))
    first = [at for at in range(rounds) if at // 2 % 2 == 0]
    return first, [at for at in range(rounds) if at // 2 % 2]


def floor_us(record: Convs, conv: Convolution) -> float | None:
    """Return the least time of one call, µs, by the memory's rate and that of its products."""
    roof = roof_of(record, conv.dtype)
    if roof is None:
        return None
    return 1e6 * Work(flop=conv.flop, bytes=conv.least_bytes).seconds(roof)


def roof_of(record: Convs, dtype: Dtype) -> Roof | None:
    """Return the device's highest rates; None where the memory's rate is not known."""
    rate = record.memory.for_floor if record.memory else None
    if rate is None:
        return None
    known = recognised(record.device.name)
    tflops = known.tflops.get(dtype) if known else None
    return Roof(flop_per_s=1e12 * tflops if tflops else math.inf, bytes_per_s=rate)


def step_gap(gaps: Sequence[Gap]) -> StepGap | None:
    """Return the gap over a step; None where nothing was timed."""
    if not gaps:
        return None
    rounds = min(len(gap.torch_us) for gap in gaps)

    def whole(of: Iterable[tuple[int, Sequence[float]]]) -> list[float]:
        rows = list(of)
        return [sum(times * row[at] for times, row in rows) for at in range(rounds)]

    torch = whole((gap.times, gap.torch_us) for gap in gaps)
    best = whole((gap.times, gap.best_us) for gap in gaps)
    floors = [gap.times * gap.floor_us for gap in gaps if gap.floor_us is not None]
    return StepGap(
        problems=len(gaps),
        torch_us=fmean(torch),
        best_us=fmean(best),
        floor_us=sum(floors) if len(floors) == len(gaps) else None,
        lost=_ratio(torch, best),
    )


def _ratio(one: Sequence[float], other: Sequence[float]) -> Interval:
    logs = [math.log(a / b) for a, b in zip(one, other, strict=True)]
    return t_interval(np.array(logs), CONFIDENCE)


def timed(choices: Iterable[TorchChoice], mode: Mode) -> list[TorchChoice]:
    """Return the choices of a mode that were timed."""
    return [one for one in choices if one.mode == mode and one.times.is_timed]


def untimed(problem: Problem) -> Fault | None:
    """Return why PyTorch's own choice was not timed; None where it was, or where nothing says."""
    faults = [
        fault for one in problem.choices for fault in one.times.faults if one.mode == COMPARED
    ]
    return None if timed(problem.choices, COMPARED) else next(iter(faults), None)


def usual_times(problem: Problem) -> tuple[tuple[float, ...], str] | None:
    """Return what a call takes in each round, µs, and its kernel; None where nothing was timed.

    Where PyTorch chose among plans that were all timed, this is its choice.
    """
    if chosen := timed(problem.choices, COMPARED):
        rows = zip(*(one.times.samples_us for one in chosen), strict=False)
        return tuple(map(fmean, rows)), chosen[0].times.kernel
    if problem.choices or not problem.plans or not problem.plans[0].samples_us:
        return None
    return problem.plans[0].samples_us, problem.plans[0].kernel


def stability(problem: Problem) -> Iterator[Stability]:
    """Yield how far the choices of each mode differ that was asked more than once."""
    for mode in dict.fromkeys(one.mode for one in problem.choices):
        some = timed(problem.choices, mode)
        if len(some) < 2:
            continue
        means = [fmean(one.times.samples_us) for one in some]
        yield Stability(
            mode=mode,
            choices=len(some),
            kernels=len({kernels_of(one.times.kernels) for one in some}),
            spread_percent=100 * (max(means) / min(means) - 1),
        )


def kernels_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the kernels among the rows of a call, without copies and fillings of memory."""
    return tuple(name for name in names if not _BESIDE.match(name))


def plans_of(problem: Problem, choice: TorchChoice) -> list[Plan]:
    """Return the plans that run the same kernels as a choice; several differ in other settings."""
    names = kernels_of(choice.times.kernels)
    return [one for one in problem.plans if names and kernels_of(one.kernels) == names]

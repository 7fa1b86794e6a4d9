"""Renders plans that were timed on a GPU: what PyTorch's choices cost, or all of one layer."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Final, get_args

from resnext_bench.reports.figures.plan_gaps import (
    COMPARED,
    CONFIDENCE,
    Gap,
    Stability,
    StepGap,
    floor_us,
    gap_of,
    plans_of,
    stability,
    step_gap,
    timed,
)
from resnext_bench.reports.render.convs import IN_FULL, mib, shape_words
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.render.notes import sentences
from resnext_bench.reports.schema.convs import WRONG, Convolution, Convs, Plan, Problem
from resnext_bench.reports.schema.plan_times import Fault, FaultKind, Mode
from resnext_bench.reports.stats.effects import Interval, to_percent
from resnext_bench.wording import count_of

_FAULTS: Final[dict[FaultKind, str]] = {
    "unbuilt": "cannot be built",
    "no_memory": "has no room for its workspace",
    "raised": "raised an error",
    "unwritten": "WRONG: leaves NaN of the memory in its result",
    "wrong": "WRONG: off by more than rounding",
    "broke": "broke the process that ran it",
    "uncaptured": "with the host's time: no CUDA graph",
    "slow": "far slower than the best: few rounds",
}
_MODES: Final[dict[Mode, str]] = {
    "off": "benchmark off",
    "limit 10": "limit 10",
    "no limit": "no limit",
}
_NONE: Final = "–"


def sections(record: Convs) -> Iterator[Section]:
    """Yield the headline, a table, and what to know of it."""
    gaps = {at: gap_of(record, one) for at, one in enumerate(record.problems)}
    for number, (words, places) in enumerate(_kinds(record).items()):
        whole = step_gap([gap for at in places if (gap := gaps[at])])
        yield Line(
            text=_headline(record, whole, words),
            tone="bad" if record.status == "failed" else "strong",
            is_headline=not number,
        )
    if record.status == "ok":
        if len(record.problems) <= IN_FULL:
            for at, problem in enumerate(record.problems):
                yield _in_full(record, problem, gaps[at])
        else:
            yield _overview(record, gaps)
        yield from _of_places(record, gaps)
        yield from _of_modes(record)
        yield from _of_stability(record)
        yield from _of_faults(record)
        yield from _doubts(record)
        yield from _remarks(record)
    if record.id:
        yield Line(text=record.id, tone="dim")


def doubt(record: Convs) -> str:
    """Return why its exit code is not 0, in one line; empty where it is 0."""
    if record.status == "failed":
        return record.why
    wrong = [(one, plan) for one in record.problems for plan in one.plans if WRONG in plan.notes]
    if not wrong:
        return ""
    problem, plan = wrong[0]
    return (
        f"{count_of(len(wrong), 'plan')} computed a wrong result, first {plan.tag} in the "
        f"{problem.operation} of {_layer(record, problem)}; do not train with it"
    )


def _kinds(record: Convs) -> dict[str, list[int]]:
    """Return places of problems by type and layout, which no step mixes; one has no words."""
    found: dict[str, list[int]] = {}
    for at, problem in enumerate(record.problems):
        conv = record.convolutions[problem.convolution]
        found.setdefault(f", {conv.dtype} {conv.layout.upper()}", []).append(at)
    return found if len(found) > 1 else {"": list(range(len(record.problems)))}


def _headline(record: Convs, whole: StepGap | None, kind: str) -> str:
    if record.status == "failed":
        return record.why
    what = f"{record.model or 'one convolution'}{kind}"
    if whole is None:
        return f"{what} on {record.device.name}: PyTorch's choices could not be timed"
    floor = f", floor {_time(whole.floor_us)}" if whole.floor_us else ""
    return (
        f"{what} on {record.device.name}: PyTorch took {_time(whole.torch_us)}, best is "
        f"{_time(whole.best_us)}{floor}: {_lost(whole.lost)} of the time of these convolutions lost"
    )


def _time(us: float) -> str:
    """Return three significant figures and a unit: "95.6 µs", "2.35 ms"."""
    value, unit = (us / 1000, "ms") if us >= 1000 else (us, "µs")
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{digits}f} {unit}"


def _lost(ratio: Interval) -> str:
    """Return the share of PyTorch's time that the best plan does not take, with its interval."""
    share, low, high = (-to_percent(-one) for one in (ratio.estimate, ratio.low, ratio.high))
    around = f" ±{max(high - share, share - low):.0f}" if ratio.is_known else ""
    return f"{share:.0f}{around} %"


def _overview(record: Convs, gaps: dict[int, Gap | None]) -> Table:
    return Table(
        columns=(
            Column(name="convolution", tone="name", may_fold=True),
            Column(name="operation"),
            Column(name="PyTorch", is_number=True),
            Column(name="best", is_number=True),
            Column(name="floor", is_number=True),
            Column(name="lost", is_number=True),
            Column(name="best plan", may_fold=True),
        ),
        groups=tuple(tuple(_rows(record, at, gaps)) for at in range(len(record.convolutions))),
    )


def _rows(record: Convs, at: int, gaps: dict[int, Gap | None]) -> Iterator[tuple[str, ...]]:
    conv = record.convolutions[at]
    kind = f"{conv.dtype} {conv.layout.upper()}" if len(_kinds(record)) > 1 else ""
    names = iter((*_names(conv), kind))
    for place, problem in enumerate(record.problems):
        if problem.convolution != at:
            continue
        gap = gaps[place]
        name = next(names, "")
        if gap is None:
            yield name, problem.operation, *[_NONE] * 4, problem.why or "not timed"
            continue
        floor = _NONE if gap.floor_us is None else _time(gap.floor_us)
        times = _time(fmean(gap.torch_us)), _time(fmean(gap.best_us)), floor
        yield name, problem.operation, *times, _lost(gap.lost), _place(record, problem, gap.best)


def _names(conv: Convolution) -> tuple[str, str]:
    many = f" x{len(conv.layers)}" if len(conv.layers) > 1 else ""
    return f"{conv.layers[0]}{many}", shape_words(conv)


def _layer(record: Convs, problem: Problem) -> str:
    return record.convolutions[problem.convolution].layers[0]


def _place(record: Convs, problem: Problem, plan: Plan) -> str:
    """Return a plan's engine and its place among those that PyTorch takes; *: beyond its limit."""
    beyond = "*" * _is_beyond(record, problem, plan)
    place = 1 + problem.candidates.index(plan)
    return f"{plan.tag.partition('_')[0]} {place}/{len(problem.candidates)}{beyond}"


def _is_beyond(record: Convs, problem: Problem, plan: Plan) -> bool:
    """Return whether PyTorch never times a plan, as it stands behind its limit."""
    limit = record.settings.benchmark_limit
    return bool(limit) and problem.candidates.index(plan) >= limit


def _in_full(record: Convs, problem: Problem, gap: Gap | None) -> Table:
    conv = record.convolutions[problem.convolution]
    name, shape = _names(conv)
    floor = floor_us(record, conv)
    least = "" if floor is None else f", floor {_time(floor)}"
    return Table(
        title=f"{problem.operation} of {name} ({shape}){least}",
        columns=(
            Column(name="", is_number=True),
            Column(name="plan", tone="name"),
            Column(name="knobs", may_fold=True),
            Column(name="cold", is_number=True),
            Column(name="warm", is_number=True),
            Column(name="workspace", is_number=True),
            Column(name="", may_fold=True),
        ),
        groups=(
            tuple(_choice_rows(problem)),
            tuple(_plan_rows(problem, gap)),
        ),
    )


def _choice_rows(problem: Problem) -> Iterator[tuple[str, ...]]:
    for one in problem.choices:
        matching = [plan.tag.partition("_")[0] for plan in plans_of(problem, one)]
        plans = " or ".join(dict.fromkeys(matching))
        words = [*([f"kernels of {plans}"] if plans else []), *_faults(one.times.faults)]
        times = _mean(one.times.samples_us), _mean(one.times.warm_us)
        yield "", "PyTorch", f"{_MODES[one.mode]} ({one.number})", *times, "", "; ".join(words)


def _plan_rows(problem: Problem, gap: Gap | None) -> Iterator[tuple[str, ...]]:
    for rank, plan in enumerate(problem.plans, 1):
        engine, _, knobs = plan.tag.partition("_")
        words = [
            *(["best"] if gap and plan is gap.best else []),
            *(["PyTorch leaves it out"] if plan.excluded else []),
            *_faults(plan.faults),
        ]
        yield (
            *(str(rank), engine, knobs.replace("_", " ")),
            *(_mean(plan.samples_us), _mean(plan.warm_us), mib(plan.workspace)),
            "; ".join(words),
        )


def _mean(samples: Sequence[float]) -> str:
    return _time(fmean(samples)) if samples else _NONE


def _faults(faults: Sequence[Fault]) -> list[str]:
    return [_FAULTS[fault.kind] for fault in faults]


def _of_places(record: Convs, gaps: dict[int, Gap | None]) -> Iterator[Line]:
    """Yield in how many problems PyTorch never times the best plan."""
    found = [(record.problems[at], gap.best) for at, gap in gaps.items() if gap]
    never = [pair for pair in found if _is_beyond(record, *pair)]
    if never:
        yield Line(
            text=f"* The best plan stands behind PyTorch's limit of "
            f"{record.settings.benchmark_limit}, and is never tried, in {len(never)} of "
            f"{count_of(len(found), 'problem')}.",
            tone="warning",
        )


def _of_modes(record: Convs) -> Iterator[Line]:
    """Yield what all problems take in each mode, where all were timed in it."""
    for kind, places in _kinds(record).items():
        problems = [record.problems[at] for at in places]
        told = [
            f"{_MODES[mode]} {_time(us)}"
            for mode in get_args(Mode)
            if (us := _step_us(record, problems, mode)) is not None
        ]
        if told:
            yield Line(text=f"PyTorch over a step{kind}: {', '.join(told)}.")


def _step_us(record: Convs, problems: Sequence[Problem], mode: Mode) -> float | None:
    """Return the time of all problems in a mode, µs; None where one was not timed in it."""
    rows = [(one, timed(one.choices, mode)) for one in problems]
    if not rows or not all(some for _, some in rows):
        return None
    return sum(
        len(record.convolutions[one.convolution].layers)
        * fmean(fmean(each.times.samples_us) for each in some)
        for one, some in rows
    )


def _of_stability(record: Convs) -> Iterator[Line]:
    """Yield how far choices differ that were made anew."""
    found: dict[Mode, list[tuple[Stability, Problem]]] = {}
    for problem in record.problems:
        for one in stability(problem):
            found.setdefault(one.mode, []).append((one, problem))
    for mode, some in found.items():
        varied = [pair for pair in some if pair[0].kernels > 1]
        worst, problem = max(some, key=lambda pair: pair[0].spread_percent)
        where = f"{problem.operation} of {_layer(record, problem)}"
        yield Line(
            text=f"Asked anew {worst.choices} times, {_MODES[mode]}, PyTorch chose other "
            f"kernels in {len(varied)} of {count_of(len(some), 'problem')}; the slowest choice "
            f"took up to {worst.spread_percent:.0f} % more than the fastest ({where}).",
            tone="warning" if varied else "plain",
        )


def _of_faults(record: Convs) -> Iterator[Line]:
    """Yield how many plans have which fault, with the first of them."""
    counts: Counter[FaultKind] = Counter()
    first: dict[FaultKind, str] = {}
    for problem in record.problems:
        for plan in problem.candidates:
            for fault in plan.faults:
                counts[fault.kind] += 1
                where = f"{plan.tag} in the {problem.operation} of {_layer(record, problem)}"
                first.setdefault(fault.kind, f"{where}{': ' * bool(fault.said)}{fault.said}")
    for kind in get_args(FaultKind):
        if counts[kind]:
            yield Line(
                label="note",
                text=f"{count_of(counts[kind], 'plan')}: {_FAULTS[kind]} (first {first[kind]})",
                tone="bad" if kind in ("wrong", "unwritten", "broke") else "plain",
            )


def _doubts(record: Convs) -> Iterator[Line]:
    """Yield what makes times doubtful, each sentence once with its problems."""
    for name in ("doubts", "remarks"):
        where: dict[str, list[str]] = {}
        for problem in record.problems:
            for text in sentences(getattr(problem, name)):
                where.setdefault(text, []).append(
                    f"{problem.operation} of {_layer(record, problem)}"
                )
        for text, some in where.items():
            more = f" and {len(some) - 1} more" if len(some) > 1 else ""
            yield Line(
                label="doubtful" if name == "doubts" else "note",
                text=f"{text} ({some[0]}{more})",
                tone="bad" if name == "doubts" else "plain",
            )


def _remarks(record: Convs) -> Iterator[Line]:
    conv = record.convolutions[0]
    versions = ", ".join(f"{name} {number}" for name, number in record.libraries.items())
    yield Line(
        text=f"batch {conv.images[0]}, {conv.dtype}, {conv.layout.upper()}; {versions}", tone="dim"
    )
    yield Line(
        text=f"PyTorch: with cuDNN benchmark, {_MODES[COMPARED]}; cold: each call finds its "
        "tensors outside the L2 cache; warm: inside",
        tone="dim",
    )
    yield Line(
        text="The best of many plans looks better than it is: it was chosen by half of the "
        f"rounds, and all times are from the other half; intervals {CONFIDENCE:.0%}",
        tone="dim",
    )
    if memory := record.memory:
        rates = {"measured": memory.measured, "data sheet": memory.documented}
        told = ", ".join(f"{rate / 1e9:,.0f} GB/s ({by})" for by, rate in rates.items() if rate)
        if told:
            text = f"floor: each tensor once at {told}, the higher of both, or FLOP at the peak"
            yield Line(text=text, tone="dim")

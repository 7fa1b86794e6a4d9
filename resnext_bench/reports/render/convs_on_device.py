"""Renders plans that were timed on a GPU: what PyTorch's choices cost, or all of one layer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Final, get_args

from resnext_bench.reports.figures.plan_gaps import (
    COMPARED,
    CONFIDENCE,
    Gap,
    Stability,
    floor_us,
    gap_of,
    plans_of,
    stability,
    timed,
)
from resnext_bench.reports.render.convs import IN_FULL, mib, shape_words, title_names
from resnext_bench.reports.render.convs_lost import (
    MODES,
    choice_words,
    doubt,
    headlines,
    layer_name,
    lost_words,
    share_of,
    time_words,
    why_untimed,
    wrong_choices,
)
from resnext_bench.reports.render.convs_words import cut_lines
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.render.notes import sentences
from resnext_bench.reports.schema.convs import Convolution, Convs, Plan, Problem
from resnext_bench.reports.schema.plan_times import FALSE, Fault, FaultKind, Mode
from resnext_bench.wording import count_of

__all__ = ["doubt", "sections"]

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
_NONE: Final = "–"


def sections(record: Convs) -> Iterator[Section]:
    """Yield the headline, a table, and what to know of it."""
    if record.status == "failed":
        yield Line(text=record.why, tone="bad", is_headline=True)
        yield from _id(record)
        return
    gaps = {at: gap_of(record, one) for at, one in enumerate(record.problems)}
    yield from cut_lines(record)
    yield from wrong_choices(record)
    yield from headlines(record, gaps, _kinds(record))
    if len(record.problems) <= IN_FULL:
        for at, problem in enumerate(record.problems):
            yield _in_full(record, problem, gaps[at])
    else:
        yield _overview(record, gaps)
    yield from _of_places(record, gaps)
    yield from _of_modes(record)
    yield from _of_stability(record)
    yield from _of_faults(record)
    yield from _of_choices(record)
    yield from _doubts(record)
    yield from _remarks(record)
    yield from _of_the_rest(record, gaps)
    yield from _id(record)


def _id(record: Convs) -> Iterator[Line]:
    if record.id:
        yield Line(text=record.id, tone="dim")


def _kinds(record: Convs) -> dict[str, list[int]]:
    """Return places of problems by type and layout, which no step mixes; one has no words."""
    found: dict[str, list[int]] = {}
    for at, problem in enumerate(record.problems):
        conv = record.convolutions[problem.convolution]
        found.setdefault(f", {conv.dtype} {conv.layout.upper()}", []).append(at)
    return found if len(found) > 1 else {"": list(range(len(record.problems)))}


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
            yield name, problem.operation, *[_NONE] * 4, why_untimed(problem)
            continue
        floor = _NONE if gap.floor_us is None else time_words(gap.floor_us)
        times = time_words(fmean(gap.torch_us)), time_words(fmean(gap.best_us)), floor
        yield (
            name,
            problem.operation,
            *times,
            lost_words(gap.lost),
            _place(record, problem, gap.best),
        )


def _names(conv: Convolution) -> tuple[str, str]:
    many = f" x{len(conv.layers)}" if len(conv.layers) > 1 else ""
    return f"{conv.layers[0]}{many}", shape_words(conv)


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
    name, shape = title_names(conv)
    floor = floor_us(record, conv)
    least = "" if floor is None else f", floor {time_words(floor)}"
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
        yield "", "PyTorch", f"{MODES[one.mode]} ({one.number})", *times, "", "; ".join(words)


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
    return time_words(fmean(samples)) if samples else _NONE


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
            f"{MODES[mode]} {time_words(us)}"
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
        where = f"{problem.operation} of {layer_name(record, problem)}"
        yield Line(
            text=f"Asked anew {worst.choices} times, {MODES[mode]}, PyTorch chose other "
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
                where = f"{plan.tag} in the {problem.operation} of {layer_name(record, problem)}"
                first.setdefault(fault.kind, f"{where}{': ' * bool(fault.said)}{fault.said}")
    for kind in get_args(FaultKind):
        if counts[kind]:
            yield Line(
                label="note",
                text=f"{count_of(counts[kind], 'plan')}: {_FAULTS[kind]} (first {first[kind]})",
                tone="bad" if kind in ("wrong", "unwritten", "broke") else "plain",
            )


def _of_choices(record: Convs) -> Iterator[Line]:
    """Yield why choices of PyTorch's were not timed, each reason once; wrong ones stand first."""
    where: dict[tuple[FaultKind, str], list[str]] = {}
    for problem in record.problems:
        for choice in problem.choices:
            for fault in choice.times.faults:
                if fault.kind not in FALSE:
                    place = f"{problem.operation} of {layer_name(record, problem)}"
                    where.setdefault((fault.kind, fault.said), []).append(
                        f"{MODES[choice.mode]}, {place}"
                    )
    for (kind, said), some in where.items():
        more = f" and {len(some) - 1} more" if len(some) > 1 else ""
        yield Line(
            label="note",
            text=f"PyTorch's choice {choice_words(kind)}, and was not timed ({some[0]}{more})"
            f"{': ' * bool(said)}{said}",
        )


def _of_the_rest(record: Convs, gaps: dict[int, Gap | None]) -> Iterator[Line]:
    """Yield what a share of a step rests on."""
    for kind, places in _kinds(record).items():
        if share := share_of(record, gaps, places):
            yield Line(
                text=f"at most of a step{kind}: everything else in it takes at least "
                f"{time_words(share.rest_us)} by calculation, each layer at its floor; a whole "
                "step was not timed",
                tone="dim",
            )


def _doubts(record: Convs) -> Iterator[Line]:
    """Yield what makes times doubtful, each sentence once with its problems."""
    for name in ("doubts", "remarks"):
        where: dict[str, list[str]] = {}
        for problem in record.problems:
            for text in sentences(getattr(problem, name)):
                where.setdefault(text, []).append(
                    f"{problem.operation} of {layer_name(record, problem)}"
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
        text=f"PyTorch: with cuDNN benchmark, {MODES[COMPARED]}; cold: each call finds its "
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

"""Renders what profiles of both sides say below a verdict: what got slower, faster, new or gone."""

from collections.abc import Iterator

from resnext_bench.reports.figures.profiles import profiled_change
from resnext_bench.reports.render.model import Line, Row, Section, summary
from resnext_bench.reports.render.trace.diff import (
    classes_table,
    name_of_rest,
    name_of_work,
    ranks_table,
    signed,
    word,
    work_table,
)
from resnext_bench.reports.render.trace.words import ms
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.comparison_profile import StepDiff
from resnext_bench.reports.schema.trace_diff import Delta, DiffSide
from resnext_bench.wording import count_of

_Named = tuple[Delta, str, str]
"""A part of a step, what became of it, and its name."""


def sections(record: Comparison) -> Iterator[Section]:
    """Yield it; nothing where there was no profile."""
    found = record.profile
    if found is None:
        return
    yield Line(text="")
    if found.diff:
        yield from _difference(record, found.diff)
    yield from (Line(label="note", text=one) for one in found.notes)
    if found.traces:
        a, b = found.traces
        yield Line(text=f"All of it: resnext-bench trace diff {a} {b}", is_command=True)


def _difference(record: Comparison, diff: StepDiff) -> Iterator[Section]:
    yield Line(text=_headline(diff), tone="strong", is_headline=True)
    yield summary(list(_rows(record, diff)))
    if diff.ranks:
        yield ranks_table(diff.ranks)
    if diff.classes:
        yield classes_table(diff.classes)
    yield work_table(
        diff.rows,
        name_of_work(diff.a, diff.b),
        "what profiled steps are made of: rows add up to the step, ms",
        _sums(diff),
    )


def _headline(diff: StepDiff) -> str:
    steps = f"{ms(diff.a.step_ns)} → {ms(diff.b.step_ns)} ms"
    if not diff.delta_ns:
        return f"Profiled, a step of b is as long as one of a ({steps})"
    percent = "" if diff.percent is None else f" ({diff.percent:+.1f} %)"
    by = f"{steps}, {signed(diff.delta_ns)} ms{percent}"
    if diff.verdict == "unsure":
        return f"Profiled, the difference cannot be told from noise: {by}"
    return f"Profiled, a step of b is {diff.verdict}: {by}"


def _rows(record: Comparison, diff: StepDiff) -> Iterator[Row]:
    yield "profiled", f"{_steps(diff.a)} of a, {_steps(diff.b)} of b"
    found = profiled_change(record, diff)
    if found is None:
        return
    interval = ""
    if diff.interval:
        interval = (
            f"   {diff.interval.confidence_percent:g} % interval {found.low_percent:+.2f} to "
            f"{found.high_percent:+.2f} %"
        )
    of = "time/image" if record.is_per_image else "step"
    yield f"profiled {of}", f"{found.percent:+.2f} %{interval}"
    if record.change:
        yield f"timed {of}", f"{record.change.percent:+.2f} %, on which the verdict stands"


def _steps(side: DiffSide) -> str:
    rank = "" if side.rank is None or side.ranks < 2 else f" of rank {side.rank}"
    return f"{count_of(len(side.steps), 'step')}{rank}"


def _sums(diff: StepDiff) -> tuple[list[_Named], list[_Named]]:
    """Return what else a step is made of, and the step, which all rows add up to."""
    more = diff.others.rows
    name = f"{more} more rows, and unchanged work" if more else "unchanged work"
    others: list[tuple[Delta, str]] = []
    if diff.others.a_ns or diff.others.b_ns:
        others = [(diff.others, name)]
    rest = [(one, name_of_rest(one)) for one in diff.rest]
    step = Delta(a_ns=diff.a.step_ns, b_ns=diff.b.step_ns, delta_ns=diff.delta_ns, noise=None)
    told = {"unsure": "noise", "same": ""}.get(diff.verdict, diff.verdict)
    return [(one, word(one), name) for one, name in (*others, *rest)], [(step, told, "the step")]

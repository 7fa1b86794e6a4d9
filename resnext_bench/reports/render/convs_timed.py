"""Renders timed convolutions: each side by its ratio to the first, and what is conspicuous."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Final

from resnext_bench.reports.figures.convs import (
    CONFIDENCE,
    Compared,
    Measured,
    Side,
    Sum,
    compared,
    sides_of,
    sums,
)
from resnext_bench.reports.render.bounds import span
from resnext_bench.reports.render.convs import IN_FULL, layer_names, layer_words, title_names
from resnext_bench.reports.render.convs_conspicuous import conspicuous, remarks
from resnext_bench.reports.render.convs_words import (
    cut_lines,
    error_words,
    factor,
    milliseconds,
    ratio_words,
    side_words,
    status_words,
    times,
)
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.schema.convs import OPERATIONS, WRONG, Convs
from resnext_bench.wording import count_of

ABREAST: Final = 3
"""Most sides in a table beside the base side, so that it fits into 80 columns; without the base
side one more."""
_NOTES: Final = {
    "copy": "copies",
    "convert": "converts",
    "gemm": "gemm",
    "reference": "reference",
    "native": "not oneDNN",
    WRONG: "WRONG",
}


def sections(record: Convs) -> Iterator[Section]:
    """Yield the headline, the tables, what is conspicuous, and what to know of it."""
    if record.status == "failed":
        yield Line(text=record.why, tone="bad", is_headline=True)
        return
    problems, sides = compared(record), sides_of(record)
    yield from cut_lines(record)
    yield from wrong_lines(problems)
    yield _headline(record, sides)
    if len(problems) <= IN_FULL:
        yield from (_in_full(one) for one in problems)
    else:
        yield from _overview(problems, sides)
        yield _implementations(problems, sides)
        yield _step(record, sides)
    yield from conspicuous(record, problems, sides)
    yield from remarks(record, problems)
    if record.id:
        yield Line(text=record.id, tone="dim")


def doubt(record: Convs) -> str:
    """Say why the exit code is not 0."""
    return status_words(record) or next((line.text for line in wrong_lines(compared(record))), "")


def _headline(record: Convs, sides: Sequence[Side]) -> Line:
    what = record.model or "one convolution"
    found = sums(record)
    rest = [one for one in found[1:] if one.ratio and not one.lacks]
    sure = [one for one in rest if one.ratio and one.ratio.high < 1]
    best = min(sure or rest, key=lambda one: one.ratio.value if one.ratio else 1.0, default=None)
    text = f"{what} on {record.device.name}: {count_of(len(sides), 'side')} of each problem"
    if best and best.ratio:
        together = f"over {count_of(best.problems, 'problem')}"
        over = "over a step" if _is_whole_step(record) else together
        base = side_words(sides[0])
        text += (
            f"; {over} {side_words(best.side)} takes {times(best.ratio)} the time of {base}"
            if best.ratio.high < 1
            else f"; {over} none is faster than {base}"
        )
    return Line(text=text, tone="strong", is_headline=True)


def _is_whole_step(record: Convs) -> bool:
    """Return whether all layers that a network is asked about were timed, and not one by name."""
    is_one = any(word.partition("=")[0] == "--layer" for word in record.command)
    return bool(record.model) and record.status != "interrupted" and not is_one


def wrong_lines(problems: Sequence[Compared]) -> Iterator[Line]:
    """Yield a line for each result that is wrong."""
    for one in problems:
        for each in one.measured:
            if each.plan and WRONG in each.plan.notes:
                error = each.plan.error
                how = "has NaN" if error is None else error_words(error)
                yield Line(
                    text=f"WRONG: {one.operation} of {layer_words(one.convolution)}, "
                    f"{side_words(each.side)}: {each.plan.kernel} {how}, more than its type allows",
                    tone="bad",
                )


def _overview(problems: Sequence[Compared], sides: Sequence[Side]) -> Iterator[Table]:
    """Yield ratios with all problems: a table for each setting, or several for many sides."""
    base = sides[0]
    for setting in dict.fromkeys(side.setting for side in sides):
        some = [side for side in sides if side.setting == setting and side != base]
        has_base = setting == base.setting
        abreast = ABREAST if has_base else ABREAST + 1
        for start in range(0, max(1, len(some)), abreast):
            title = "" if len(sides) == 1 else f"Times relative to {side_words(base)}"
            if setting:
                title = f"{setting}: {title[:1].lower()}{title[1:]}"
            part = some[start : start + abreast]
            yield _ratios(problems, title, base if has_base else None, part)


def _ratios(
    problems: Sequence[Compared], title: str, base: Side | None, some: Sequence[Side]
) -> Table:
    """Return a table of some sides' ratios, and of the ms of the base side if it is given."""
    columns = [Column(name=f"{side.dtype} {side.layout.upper()}", is_number=True) for side in some]
    first = [Column(name=side_words(base), is_number=True, may_fold=True)] if base else []
    return Table(
        title=title,
        columns=(
            Column(name="convolution", tone="name", may_fold=True),
            Column(name="operation"),
            *first,
            *columns,
        ),
        groups=tuple(tuple(_rows(group, base, some)) for group in _by_shape(problems)),
    )


def _by_shape(problems: Sequence[Compared]) -> list[list[Compared]]:
    groups: dict[tuple[str, ...], list[Compared]] = {}
    for one in problems:
        groups.setdefault(one.convolution.layers, []).append(one)
    return list(groups.values())


def _rows(
    group: Sequence[Compared], base: Side | None, some: Sequence[Side]
) -> Iterator[tuple[str, ...]]:
    name, shape = layer_names(group[0].convolution)
    names = (name, shape.partition(",")[0])
    for left, one in zip_longest(names[: len(group)], group, fillvalue=""):
        assert isinstance(one, Compared)
        first = [_ms(one.of(base))] if base else []
        yield str(left), one.operation, *first, *(_ratio(one.of(side)) for side in some)


def _ms(measured: Measured | None) -> str:
    if measured is None or measured.ms is None:
        return "–"
    return "WRONG" if measured.is_wrong else f"{milliseconds(measured.ms)} ms"


def _ratio(measured: Measured | None) -> str:
    if measured is None:
        return ""
    if measured.plan is None:
        return "fails"
    if measured.is_wrong:
        return "WRONG"
    return "–" if measured.ratio is None else ratio_words(measured.ratio)


def _in_full(one: Compared) -> Table:
    name, shape = title_names(one.convolution)
    return Table(
        title=f"{one.operation} of {name} ({shape})",
        columns=(
            Column(name="side", tone="name", may_fold=True),
            Column(name="ms", is_number=True),
            Column(name="ratio", is_number=True),
            Column(name=f"{100 * CONFIDENCE:g} %", is_number=True),
            Column(name="by", may_fold=True),
            Column(name="notes", may_fold=True),
        ),
        groups=(tuple(_full_row(measured) for measured in one.measured),),
    )


def _full_row(one: Measured) -> tuple[str, ...]:
    if one.plan is None or one.ms is None:
        return side_words(one.side), "–", "", "", "", one.why
    ratio = one.ratio
    return (
        side_words(one.side),
        milliseconds(one.ms),
        factor(ratio.value) if ratio else "",
        span(ratio.low, ratio.high, factor) if ratio else "",
        one.plan.kernel,
        ", ".join(_notes(one)),
    )


def _notes(one: Measured) -> Iterator[str]:
    if one.plan is None:
        return
    for note in one.plan.notes:
        words = _NOTES.get(note, note)
        share = one.plan.beside if note == "copy" else None
        yield f"{words} {100 * share:.0f} %" if share is not None else words


def _implementations(problems: Sequence[Compared], sides: Sequence[Side]) -> Table:
    return Table(
        title="By what",
        columns=(
            Column(name="side", tone="name", may_fold=True),
            Column(name="operation"),
            Column(name="implementation x convolutions", may_fold=True),
        ),
        groups=tuple(tuple(_kernels(problems, side)) for side in sides),
    )


def _kernels(problems: Sequence[Compared], side: Side) -> Iterator[tuple[str, ...]]:
    for at, operation in enumerate(_operations(problems)):
        found = Counter(
            each.plan.kernel if each.plan else "fails"
            for one in problems
            if one.operation == operation and (each := one.of(side))
        )
        words = ", ".join(f"{name} x{count}" for name, count in found.most_common())
        yield side_words(side) if not at else "", operation, words


def _operations(problems: Iterable[Compared]) -> list[str]:
    there = {one.operation for one in problems}
    return [one for one in OPERATIONS if one in there]


def _step(record: Convs, sides: Sequence[Side]) -> Table:
    batch = count_of(record.convolutions[0].images[0], "image")
    over = f"Over a step of {batch}" if _is_whole_step(record) else f"All together, {batch}"
    return Table(
        title=f"{over}: each convolution as often as the network has it, ms",
        columns=(
            Column(name="side", tone="name", may_fold=True),
            *(Column(name=one, is_number=True) for one in OPERATIONS),
            Column(name="sum", is_number=True),
            Column(name="ratio", is_number=True),
        ),
        groups=(tuple(_sum_row(one) for one in sums(record)),),
    )


def _sum_row(one: Sum) -> tuple[str, ...]:
    lacks = f" (without {one.lacks} that fail or are wrong)" if one.lacks else ""
    return (
        side_words(one.side) + lacks,
        *(milliseconds(one.ms[each]) if each in one.ms else "–" for each in OPERATIONS),
        milliseconds(one.total_ms),
        ratio_words(one.ratio) if one.ratio else "",
    )

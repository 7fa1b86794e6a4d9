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
    slower,
    sums,
)
from resnext_bench.reports.render.convs import IN_FULL, layer_names, shape_words
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.schema.convs import OPERATIONS, WRONG, Convs
from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.wording import count_of

ABREAST: Final = 3
"""Most sides in a table beside the base side, so that it fits into 80 columns; without the base
side one more."""
NAMED: Final = 3
"""Most convolutions that a sentence names."""
LOAD: Final = 0.5
"""Load average from which on it is told."""
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
    yield from _wrong(problems)
    yield _headline(record, sides)
    if len(problems) <= IN_FULL:
        yield from (_in_full(one) for one in problems)
    else:
        yield from _overview(problems, sides)
        yield _implementations(problems, sides)
        yield _step(record, sides)
    yield from _conspicuous(record, problems, sides)
    yield from _remarks(record, problems)
    if record.id:
        yield Line(text=record.id, tone="dim")


def doubt(record: Convs) -> str:
    """Say why the exit code is not 0."""
    return record.why or next((line.text for line in _wrong(compared(record))), "")


def side_words(side: Side) -> str:
    """Name a side: "bf16 NHWC", "fp32 NCHW, oneDNN off"."""
    return ", ".join(filter(None, (f"{side.dtype} {side.layout.upper()}", side.setting)))


def _headline(record: Convs, sides: Sequence[Side]) -> Line:
    what = record.model or "one convolution"
    found = sums(record)
    rest = [one for one in found[1:] if one.ratio]
    best = min(rest, key=lambda one: one.ratio.value if one.ratio else 1.0, default=None)
    text = f"{what} on {record.device.name}: {count_of(len(sides), 'side')} of each problem"
    if best and best.ratio:
        over, base = "over a step" if record.model else "all together", side_words(sides[0])
        text += (
            f"; {over} {side_words(best.side)} takes {_times(best.ratio)} the time of {base}"
            if best.ratio.high < 1
            else f"; {over} none is faster than {base}"
        )
    return Line(text=text, tone="strong", is_headline=True)


def _wrong(problems: Sequence[Compared]) -> Iterator[Line]:
    for one in problems:
        for each in one.measured:
            if each.plan and WRONG in each.plan.notes:
                yield Line(
                    text=f"WRONG: {one.operation} of {one.convolution.layers[0]}, "
                    f"{side_words(each.side)}: {each.plan.kernel} is {each.plan.error:.1g} away "
                    "from float64, more than its type allows",
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
    return f"{milliseconds(measured.ms)} ms"


def milliseconds(value: float) -> str:
    """Return ms with three figures."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def _ratio(measured: Measured | None) -> str:
    if measured is None:
        return ""
    if measured.plan is None:
        return "fails"
    return "–" if measured.ratio is None else ratio_words(measured.ratio)


def ratio_words(found: Estimate) -> str:
    """Return a ratio with the half width of its interval in per cent: "0.55 ±3%"."""
    half = 100 * ((found.high / found.low) ** 0.5 - 1)
    return f"{_factor(found.value)} ±{half:.0f}%" if half < 1000 else f"{_factor(found.value)} ±?"


def _factor(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _times(found: Estimate) -> str:
    """Return a ratio with its interval, for a sentence."""
    return f"{_factor(found.value)} ({_factor(found.low)} to {_factor(found.high)}) times"


def _in_full(one: Compared) -> Table:
    name, shape = layer_names(one.convolution)
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
        _factor(ratio.value) if ratio else "",
        f"{_factor(ratio.low)} to {_factor(ratio.high)}" if ratio else "",
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
    batch = record.convolutions[0].images[0]
    return Table(
        title=f"Over a step of {count_of(batch, 'image')}: each convolution as often as the "
        "network has it, ms",
        columns=(
            Column(name="side", tone="name", may_fold=True),
            *(Column(name=one, is_number=True) for one in OPERATIONS),
            Column(name="sum", is_number=True),
            Column(name="ratio", is_number=True),
        ),
        groups=(tuple(_sum_row(one) for one in sums(record)),),
    )


def _sum_row(one: Sum) -> tuple[str, ...]:
    lacks = f" (without {one.lacks} that fail)" if one.lacks else ""
    return (
        side_words(one.side) + lacks,
        *(milliseconds(one.ms[each]) if each in one.ms else "–" for each in OPERATIONS),
        milliseconds(one.total_ms),
        ratio_words(one.ratio) if one.ratio else "",
    )


def _conspicuous(
    record: Convs, problems: Sequence[Compared], sides: Sequence[Side]
) -> Iterator[Line]:
    base = sides[0]
    for side, operation, found in slower(record):
        of = sum(one.operation == operation for one in problems)
        named = "; ".join(_slow(one, measured) for one, measured in found[:NAMED])
        more = f"; {len(found) - NAMED} more" if len(found) > NAMED else ""
        yield Line(
            text=f"{side_words(side)} is slower than {side_words(base)} in the {operation} of "
            f"{len(found)} of {count_of(of, 'convolution')}: {named}{more}."
            f"{_cure(side, found, sides)}",
            tone="warning",
        )
    yield from _about_notes(problems, sides)


def _slow(one: Compared, measured: Measured) -> str:
    assert measured.ratio
    assert measured.plan
    where = f"{one.convolution.layers[0]} ({shape_words(one.convolution).partition(',')[0]})"
    return f"{where} {_times(measured.ratio)}, by {measured.plan.kernel}"


def _cure(side: Side, found: Sequence[tuple[Compared, Measured]], sides: Sequence[Side]) -> str:
    """Say which layout of the same type and setting is not slower than the base there."""
    others = [
        one
        for one in sides
        if (one.dtype, one.setting) == (side.dtype, side.setting) and one != side
    ]
    for other in others:
        there = [each for one, _ in found if (each := one.of(other)) and each.plan]
        cured = sum(not each.is_slower for each in there)
        if cured:
            many = {1: "it", 2: "both"}.get(cured, f"all {cured}")
            which = many if cured == len(found) else f"{cured} of them"
            return f" {other.layout.upper()} cures {which}."
    return ""


_SENTENCES: Final = {
    "convert": "{side} has no kernel of its own type in {count}: oneDNN converts.",
    "native": "oneDNN does not compute {side} in {count}: PyTorch's own loops do.",
    "reference": "{side} has only oneDNN's reference loops in {count}.",
    "gemm": "{side} falls back to a product of matrices (gemm) in {count}.",
}


def _about_notes(problems: Sequence[Compared], sides: Sequence[Side]) -> Iterator[Line]:
    for note, sentence in _SENTENCES.items():
        for side in sides:
            if note == "native" and "oneDNN off" in side.setting:
                continue  # as it was asked for
            measured = [each for one in problems if (each := one.of(side)) and each.plan]
            found = [each for each in measured if each.plan and note in each.plan.notes]
            if found:
                many = f"{len(found)} of {count_of(len(measured), 'problem')}"
                yield Line(text=sentence.format(side=side_words(side), count=many), tone="warning")
    yield from _about_copies(problems, sides)


def _about_copies(problems: Sequence[Compared], sides: Sequence[Side]) -> Iterator[Line]:
    for side in sides:
        shares = [
            each.plan.beside
            for one in problems
            if (each := one.of(side))
            and each.plan
            and each.plan.beside
            and "copy" in each.plan.notes
        ]
        if shares:
            span = f"{100 * min(shares):.0f} to {100 * max(shares):.0f} %"
            yield Line(
                text=f"{side_words(side)}: copies to another layout take {span} of oneDNN's time "
                f"in {len(shares)} of {count_of(len(problems), 'problem')}."
            )


def _remarks(record: Convs, problems: Sequence[Compared]) -> Iterator[Line]:
    conv, timing = record.convolutions[0], record.timing
    versions = ", ".join(
        f"{name} {number}"
        for name, number in (("torch", record.settings.torch), *record.libraries.items())
    )
    assert timing
    groups = {one.convolution.groups for one in problems}
    every = f", {next(iter(groups))} groups" if len(groups) == 1 else ""
    yield Line(
        text=f"batch {conv.images[0]}{every}; {count_of(timing.threads, 'thread')}; {versions}; "
        f"{100 * CONFIDENCE:g} % intervals over {timing.rounds} rounds in turn, of one start",
        tone="dim",
    )
    if len(problems) > IN_FULL:
        yield Line(
            text="one convolution in full: --layer NAME; as a table: runs query "
            '"SELECT * FROM convs"',
            tone="dim",
        )
    if timing.load_1min and timing.load_1min >= LOAD:
        yield Line(
            label="note",
            text=f"other programs computed as well: the load average was {timing.load_1min:.1f} "
            "when it began",
        )
    yield from _about_isa(record)
    yield from _failures(problems)
    yield from (Line(label="note", text=note) for note in record.notes)


def _about_isa(record: Convs) -> Iterator[Line]:
    assert record.timing
    known = {cap.isa: cap.uses for cap in record.timing.caps}
    if known.get(""):
        yield Line(label="note", text=f"oneDNN uses {known['']}")
    for isa, uses in known.items():
        if isa and uses:
            same = uses == known.get("")
            text = "changes nothing here" if same else f"leaves it {uses}"
            yield Line(label="note", text=f"ISA {isa} {text}")
    if "onednn" not in record.libraries:
        yield Line(label="note", text="this torch has no oneDNN: PyTorch's own loops compute")
    elif not any(known.values()):
        yield Line(
            label="note",
            text="oneDNN's log says nothing here: implementations are PyTorch's names",
        )


def _failures(problems: Sequence[Compared]) -> Iterator[Line]:
    """Yield why sides could not run, each reason once."""
    found: dict[tuple[Side, str], list[str]] = {}
    for one in problems:
        for each in one.measured:
            if each.plan is None:
                what = f"{one.operation} of {one.convolution.layers[0]}"
                found.setdefault((each.side, each.why), []).append(what)
    for (side, why), some in found.items():
        more = f" and {len(some) - 1} more" if len(some) > 1 else ""
        yield Line(label="note", text=f"{side_words(side)} fails ({some[0]}{more}): {why}")

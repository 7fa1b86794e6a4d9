"""What is conspicuous in timed convolutions, and what to know of the record, in sentences."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.figures.convs import CONFIDENCE, Compared, Measured, Side, slower
from resnext_bench.reports.render.convs import IN_FULL, layer_words, shape_words
from resnext_bench.reports.render.convs_words import side_words, times
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.schema.convs import Convs, Timing
from resnext_bench.wording import count_of

NAMED: Final = 3
"""Most convolutions that a sentence names."""
LOAD: Final = 0.5
"""Load average from which on it is told."""
_SENTENCES: Final = {
    "convert": "{side} has no kernel of its own type in {count}: oneDNN converts.",
    "native": "oneDNN does not compute {side} in {count}: PyTorch's own loops do.",
    "reference": "{side} has only oneDNN's reference loops in {count}.",
    "gemm": "{side} falls back to a product of matrices (gemm) in {count}.",
}


def conspicuous(
    record: Convs, problems: Sequence[Compared], sides: Sequence[Side]
) -> Iterator[Line]:
    """Yield where sides are slower than the base, what cures it, and what computed oddly."""
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
    where = f"{layer_words(one.convolution)} ({shape_words(one.convolution).partition(',')[0]})"
    return f"{where} {times(measured.ratio)}, by {measured.plan.kernel}"


def _cure(side: Side, found: Sequence[tuple[Compared, Measured]], sides: Sequence[Side]) -> str:
    """Say which layout of the same type and setting is not slower than the base there."""
    others = [
        one
        for one in sides
        if (one.dtype, one.setting) == (side.dtype, side.setting) and one != side
    ]
    for other in others:
        there = [each for one, _ in found if (each := one.of(other)) and each.is_usable]
        cured = sum(not each.is_slower for each in there)
        if cured:
            many = {1: "it", 2: "both"}.get(cured, f"all {cured}")
            which = many if cured == len(found) else f"{cured} of them"
            return f" {other.layout.upper()} cures {which}."
    return ""


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
            low, high = (f"{100 * one:.0f}" for one in (min(shares), max(shares)))
            span = f"{low} %" if low == high else f"{low} to {high} %"
            yield Line(
                text=f"{side_words(side)}: copies to another layout take {span} of oneDNN's time "
                f"in {len(shares)} of {count_of(len(problems), 'problem')}."
            )


def remarks(record: Convs, problems: Sequence[Compared]) -> Iterator[Line]:
    """Yield how it was timed, and what could not be."""
    conv, timing = record.convolutions[0], record.timing
    versions = ", ".join(
        f"{name} {number}"
        for name, number in (("torch", record.settings.torch), *record.libraries.items())
    )
    assert timing
    groups = {one.convolution.groups for one in problems}
    every = f", {count_of(next(iter(groups)), 'group')}" if len(groups) == 1 else ""
    yield Line(
        text=f"batch {conv.images[0]}{every}; {count_of(timing.threads, 'thread')}; {versions}; "
        f"{100 * CONFIDENCE:g} % intervals over {_rounds(problems)} rounds in turn, of one start",
        tone="dim",
    )
    if len(problems) > IN_FULL:
        yield Line(
            text="one convolution in full: --layer NAME; as a table: runs query "
            '"SELECT * FROM convs"',
            tone="dim",
        )
    yield from about_load(timing)
    yield from _about_isa(record)
    yield from _failures(problems)
    yield from (Line(label="note", text=note) for note in record.notes)


def about_load(timing: Timing) -> Iterator[Line]:
    """Yield that other programs computed when it began, where they did."""
    if timing.load_1min and timing.load_1min >= LOAD:
        yield Line(
            label="note",
            text=f"other programs computed as well: the load average was {timing.load_1min:.1f} "
            "when it began",
        )


def _rounds(problems: Sequence[Compared]) -> str:
    """Return how many rounds count: where it was interrupted, one problem may have fewer."""
    counts = [
        len(each.plan.samples_us) for one in problems for each in one.measured if each.plan
    ] or [0]
    low, high = min(counts), max(counts)
    return f"{high}" if low == high else f"{low} to {high}"


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
                what = f"{one.operation} of {layer_words(one.convolution)}"
                found.setdefault((each.side, each.why), []).append(what)
    for (side, why), some in found.items():
        more = f" and {len(some) - 1} more" if len(some) > 1 else ""
        yield Line(label="note", text=f"{side_words(side)} fails ({some[0]}{more}): {why}")

"""Renders how long timed convolutions took in two records."""

from collections.abc import Iterator
from typing import Final

from resnext_bench.reports.figures.convs import CONFIDENCE, Side
from resnext_bench.reports.render.convs_words import ratio_words, side_words
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.schema.convs import ConvsDiff, TimeChange
from resnext_bench.wording import count_of

APART: Final = (
    "They were timed apart: what the machine did between them is in the ratios, but not in their "
    "intervals. Sides that take turns are in one record: convs time with several settings."
)


def headline(found: ConvsDiff) -> str:
    """Return how many sides are faster or slower in b."""
    slower = sum(one.ratio.low > 1 for one in found.times)
    faster = sum(one.ratio.high < 1 for one in found.times)
    others = sum(one.kernel[0] != one.kernel[1] for one in found.times)
    return (
        f"b is slower in {slower} and faster in {faster} of {count_of(len(found.times), 'side')} "
        f"that both have timed; another implementation in {others}"
    )


def sections(found: ConvsDiff) -> Iterator[Section]:
    """Yield the sides that differ, and what the intervals leave out."""
    changed = [one for one in found.times if _differs(one)]
    if changed:
        yield Table(
            columns=(
                Column(name="convolution", tone="name"),
                Column(name="operation"),
                Column(name="side", may_fold=True),
                Column(name="b to a", is_number=True),
                Column(name="by", may_fold=True),
            ),
            groups=(tuple(map(_row, changed)),),
        )
    yield Line(text=f"{100 * CONFIDENCE:g} % intervals. {APART}", tone="dim")


def _differs(one: TimeChange) -> bool:
    return one.kernel[0] != one.kernel[1] or not one.ratio.low <= 1 <= one.ratio.high


def _row(one: TimeChange) -> tuple[str, ...]:
    side = Side(dtype=one.dtype, layout=one.layout, setting=one.setting)
    a, b = one.kernel
    by = a if a == b else f"{a} → {b}"
    return one.layer, one.operation, side_words(side), ratio_words(one.ratio), by

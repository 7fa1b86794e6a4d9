"""Renders what differs between two records of convolutions."""

from collections.abc import Iterator

from resnext_bench.reports.render import convs_times_diff as times
from resnext_bench.reports.render.convs import mib
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.schema.convs import ConvsDiff, ProblemChange
from resnext_bench.wording import count_of


def diff_sections(found: ConvsDiff) -> Iterator[Section]:
    """Yield the count of changes, what differs in the settings, and the problems that changed."""
    yield Line(text=_headline(found), tone="strong", is_headline=True)
    if found.settings:
        yield Table(
            columns=(
                Column(name="", tone="name"),
                Column(name=f"a  {found.a}", may_fold=True),
                Column(name=f"b  {found.b}", may_fold=True),
            ),
            groups=(found.settings,),
        )
    if found.changes:
        yield _table(found)
    if found.times:
        yield from times.sections(found)
    for name, count in zip("ab", found.only, strict=True):
        if count:
            yield Line(label="note", text=f"{count_of(count, 'problem')} only in {name}")


def _headline(found: ConvsDiff) -> str:
    if not found.problems:
        return "The records have no problem in common: shapes, types or layouts differ"
    if found.times:
        return times.headline(found)
    firsts = sum(_engine(one.first[0]) != _engine(one.first[1]) for one in found.changes)
    return (
        f"The first choice is another engine in {firsts} of {count_of(found.problems, 'problem')}; "
        f"plans differ in {len(found.changes)}"
    )


def _table(found: ConvsDiff) -> Table:
    return Table(
        columns=(
            Column(name="convolution", tone="name"),
            Column(name="operation"),
            Column(name="first"),
            Column(name="workspace"),
            Column(name="engines", may_fold=True),
        ),
        groups=(tuple(map(_row, found.changes)),),
    )


def _row(change: ProblemChange) -> tuple[str, ...]:
    first = [_engine(tag) for tag in change.first]
    sizes = [mib(size) for size in change.workspace]
    return (
        change.layer,
        change.operation,
        first[0] if first[0] == first[1] else f"{first[0]} → {first[1]}",
        sizes[0] if sizes[0] == sizes[1] else f"{sizes[0]} → {sizes[1]}",
        _engines(change),
    )


def _engine(tag: str) -> str:
    return tag.partition("_")[0] or "none"


def _engines(change: ProblemChange) -> str:
    gone = " ".join(f"-{one}" for one in change.gone)
    new = " ".join(f"+{one}" for one in change.new)
    return f"{gone} {new}".strip() or ("another order" if change.reordered else "other knobs")

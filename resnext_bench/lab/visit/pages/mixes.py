"""Layouts of all convolutions of a network, and what the best mix gains for whole steps."""

from collections.abc import Iterator

import msgspec

from resnext_bench.lab.visit.pages.tables import headed
from resnext_bench.lab.visit.pages.words import remarks
from resnext_bench.lab.visit.results import Results, Task
from resnext_bench.lab.visit.sizes import LAYOUTS
from resnext_bench.reports.render.convs_layouts import sections
from resnext_bench.reports.render.model import Code, Fold, Line, Paragraph, Section, inline
from resnext_bench.reports.schema.convs import Convs


def mixes(results: Results) -> Iterator[Section]:
    """Yield each report of `convs layouts`, folded but for its headline and its choices."""
    tasks = [
        (key, task)
        for key, task in results.told("convs").items()
        if key.partition("/")[0] == LAYOUTS
    ]
    yield from headed("Layouts, mixed", (one for key, task in tasks for one in _of(key, task)))


def _of(key: str, task: Task) -> Iterator[Section]:
    record = _record(task)
    if record is None:
        return
    batch = key.partition("/")[2]
    told = list(sections(record))
    lines = [one for one in told if isinstance(one, Line)]
    yield Paragraph(text=inline(Code("convs layouts"), f", batch {batch}: ", lines[0].text))
    # Lines in strong type are the choices; a miss, or that nothing is missed, follows them.
    for one in lines[1:]:
        if one.tone in ("strong", "warning", "good"):
            yield Paragraph(text=one.text)
    for text in remarks(task):
        yield Paragraph(text=text)
    yield Fold(summary=f"All of it, batch {batch}", sections=tuple(told[1:]))


def _record(task: Task) -> Convs | None:
    """Return the record; None where a task has none, or one of another version."""
    try:
        return msgspec.convert(task.found["record"], Convs)
    except (KeyError, msgspec.ValidationError):
        return None

"""Finds the renderer of each kind of record, and loads it when it is needed.

A comparison's needs numpy and scipy, and a list of runs has no use for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Generic

from resnext_bench.reports.render.model import Section
from resnext_bench.reports.schema.kind import R
from resnext_bench.reports.schema.kinds import Stored


@dataclass(frozen=True, kw_only=True, slots=True)
class Renderer(Generic[R]):
    """What renders a record."""

    sections: Callable[[R], Iterator[Section]]
    """The sections of the whole record."""
    doubt: Callable[[R], str]
    """Why its exit code is not 0, and what to do, in one line; empty where it is 0."""


RENDERERS: Final = {
    "run": "resnext_bench.reports.render.run",
    "compare": "resnext_bench.reports.render.comparison",
    "convs": "resnext_bench.reports.render.convs_tasks",
}
"""Modules by kind of record; each has a RENDERER."""


def renderer_of(record: Stored) -> Renderer[Any]:
    """Load the renderer of a record's kind."""
    found: Renderer[Any] = import_module(RENDERERS[record.kind]).RENDERER
    return found

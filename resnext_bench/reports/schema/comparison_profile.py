"""What a comparison keeps of the profiles of its sides: the largest differences of a step.

All of the difference is in the file beside the record, as `trace diff --json` prints it.
"""

from typing import Final

import msgspec

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_diff import (
    ClassDelta,
    Delta,
    DiffSide,
    MatchedBy,
    RankDelta,
    RestDelta,
    RowDelta,
    StepInterval,
    Verdict,
)

FILE: Final = "trace-diff.json"
"""File beside the record with all of the difference."""
TOP: Final = 10
"""Rows of work that the record holds."""


class OtherWork(Delta, frozen=True, kw_only=True):
    """All other work, what is the same in both included."""

    rows: int
    """Number of rows of it that differ."""


class StepDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Why a profiled step of b is longer or shorter than one of a.

    `rows`, `others` and `rest` add up to the step on each side, and to `delta_ns`, to the
    nanosecond.
    """

    a: DiffSide
    b: DiffSide
    delta_ns: int
    percent: float | None
    """Of a; None where a's step takes no time."""
    interval: StepInterval | None
    """None where a side has only one step."""
    verdict: Verdict
    """Of the profiled steps alone; that of the comparison does not depend on it."""
    matched_by: MatchedBy
    rows: tuple[RowDelta, ...]
    """Largest differences first."""
    classes: tuple[ClassDelta, ...]
    """All work by class, likewise: they add up to the difference of all work."""
    others: OtherWork
    rest: tuple[RestDelta, ...]
    ranks: tuple[RankDelta, ...]
    """Empty with one rank."""


class ComparedProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The profiles that were taken of both sides after the verdict, or those of stored runs."""

    steps: int
    """Steps of each side that were asked for; 0 for stored runs."""
    traces: tuple[str, str] | None = None
    """Ids of the runs of a and of b that keep the traces; None where there are none."""
    diff: StepDiff | None = None
    """None where something failed."""
    facts: tuple[Note, ...] = ()
    """What failed, or is to be doubted (`NoteKind`, `DiffKind`, `WarningKind`)."""
    notes: tuple[str, ...] = ()
    """The sentences of `facts`."""

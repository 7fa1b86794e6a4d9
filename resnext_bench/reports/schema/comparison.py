"""The record of a comparison: two sides, pairs of sessions, and what they say together."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from resnext_bench.reports.schema.config import Choice, Option, RunConfig
from resnext_bench.reports.schema.kind import FINE, Columns, Kind, Listing, Outcome, Row, Table
from resnext_bench.reports.schema.notes import Found
from resnext_bench.reports.schema.record import (
    VERSION,
    Environment,
    Failure,
    File,
    SlowSteps,
    Status,
    Thresholds,
)

Design = Literal["duet", "relaunch", "unpaired"]
Word = Literal["faster", "slower", "negligible", "same", "can't tell", "never steady", "invalid"]
Order = Literal["ab", "ba"]
End = Literal["", "told", "sessions", "minutes", "invalid"]
"""What ended a comparison: it could tell, its sessions or its time were used up, or too many
sessions were invalid. Empty where something else did, or nothing was measured."""

PHASES: Final = ("data_wait", "forward", "backward", "optimizer", "other")
"""Parts of a step; they add up to it. "other" is no phase of a rank: what lies between its parts,
and the wait for a slower rank."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two things compared."""

    given: str
    """As the user named it: options, a file, a command, a revision, ids of runs."""
    run: str | None = None
    """Id of the run that holds this side's sessions; None for a script or stored runs."""
    requested: dict[str, Option] | None = None
    resolved: RunConfig | None = None
    choices: tuple[Choice, ...] = ()
    data: str = ""
    """Digest of the list of images; empty for synthetic batches, scripts and stored runs."""
    command: tuple[str, ...] = ()
    """Of a user's script."""
    revision: str = ""
    """Commit of the user's checkout that the script ran in; empty for the files as they were."""
    folder: str = ""
    """Where the script was started, or the folder of the checkout that its revision is of."""
    runs: tuple[str, ...] = ()
    """Stored runs taken together."""
    sessions: int | None = None
    """Sessions of stored runs that count."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A straight line through a session, on logarithms, in per cent."""

    slope_percent: float
    """Per step."""
    error_percent: float
    """Standard error of the slope."""
    moved_percent: float
    """What the slope adds up to over the session."""
    sides_percent: tuple[float, float] | None = None
    """The same of each side, where it is a mean of both; None in older records."""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What a script's launch wrote."""

    steps: int
    """Step times in all."""
    cut: int
    """The first of them, dropped as warm-up."""
    faults_per_step: float | None = None
    """Page faults of a step, of all its processes; None where they were not seen."""
    lasted_s: float | None = None
    """From its start to its end; None in records of old."""
    minor_faults: int | None = None
    """Page faults without a disk, start-up included, of all its processes that were waited for."""
    major_faults: int | None = None
    """Page faults that read a disk."""
    step_faults: int | None = None
    """Page faults without a disk from the first step to the last, of the process that takes them;
    known of scripts that call `resnext_bench.step()`."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One session of both sides: the unit of replication."""

    number: int
    order: Order
    """Which side was first: in each ABBA quad of blocks (duet), or launched first."""
    started: str
    log_ratio: float
    """ln(b / a) of the time of all steps that count, per step or per image. Of the median step
    where `middle_log_ratio` is None: records from before it was told apart."""
    middle_log_ratio: float | None = None
    """ln(b / a) of the median step: a median over pairs of blocks, or of launches'."""
    blocks_ms: tuple[tuple[float, float], ...] = ()
    """Median step of each pair of blocks, a and b; empty for launches."""
    block_steps: int = 0
    """Counted steps of each block; 0 for launches, and in records from before it was kept."""
    step_ms: tuple[float, float]
    """Mean step of a and of b; per image where the comparison is."""
    middle_ms: tuple[float, float] | None = None
    """Median step of a and of b, likewise."""
    slow: tuple[SlowSteps | None, SlowSteps | None] = (None, None)
    """Slow steps of a and of b."""
    phases_ms: dict[str, tuple[float, float]] = {}
    """Mean of each part of a step, a and b, which add up to the mean step; per image where the
    comparison is. "other" is what lies between the parts: waiting for the slowest rank."""
    drift: Drift | None = None
    """Of the steps of both sides, on average: shared by a duet, where it cancels."""
    quiet_percent: float | None = None
    """Duet: CPU time of the side without the token, per cent of its cores."""
    invalid: tuple[str, ...] = ()
    launches: tuple[Launch, Launch] | None = None
    """Of a script, a and b."""
    unsteady: tuple[str, ...] = ()
    """Relaunch: what did not settle."""
    notes: tuple[str, ...] = ()
    facts: Found | None = None
    """Invalid, unsteady and notes as kinds with values; None in older records."""


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A change in per cent of a, with the interval that holds it with the given confidence."""

    percent: float
    low_percent: float
    high_percent: float
    confidence_percent: float


class PhaseChange(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the step: its share of `step_ms`, and b - a with its 99 % interval, in ms."""

    a_ms: float
    b_ms: float
    change_ms: float
    half_width_ms: float


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not the same on both sides."""

    what: str
    a: str
    b: str


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed before the first session, so that no look at the data could change it."""

    margin_percent: float
    max_sessions: int
    max_minutes: float
    pairs: int
    """Pairs of blocks of a session."""
    block_steps: int
    """As asked for; 0 where their number was left to us, so that it follows from the steps."""
    more_pairs: bool = False
    """Whether more pairs of blocks follow where they scatter."""
    as_is: bool = False
    """Whether scripts were started with the user's environment untouched."""
    fixed: bool = False
    """Whether to take all sessions and look once, at the end."""
    looks: tuple[int, ...] = ()
    """Numbers of sessions at which the verdict is sought."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two sides compared. Written last and by rename, as every record."""

    version: int = VERSION
    id: str
    kind: Literal["compare"] = "compare"
    status: Status
    why: str
    """One sentence; empty when ok."""
    verdict: Word | None
    """b against a; None when nothing could be judged."""
    tool_version: str
    created: str
    duration_s: float
    command: tuple[str, ...]
    design: Design
    limits: Limits
    a: Side
    b: Side
    differences: tuple[Difference, ...]
    environment: Environment
    change: Range | None
    """Time of all steps of b over a, less 1. The confidence allows for every look taken."""
    middle: Range | None = None
    """The same of the median step. None in records from before it was told apart, where `change`
    and `step_ms` are those of the median step."""
    carried_by: Literal["total", "middle"] = "total"
    """Which of both intervals made the verdict's word."""
    middle_verdict: Word | None = None
    """What the median step alone would be called."""
    disagrees: bool = False
    """Whether all steps together change by something else than the median step, at 98 %."""
    equivalence: Range | None = None
    """Of "same": the interval that lies within the margin, 1 - 2α of TOST at this look."""
    order_effect: Range | None
    """What being second costs: the later block (duet) or launch over the earlier one."""
    detectable_percent: float | None
    """Smallest change of every step that so many sessions tell from none with 95 % power."""
    detectable_total_percent: float | None = None
    """The same of a change that is in some steps alone, as slow ones; None in older records."""
    sessions_more: int | None
    """About so many more would tell; promised from ten sessions on."""
    looks_taken: int
    ended_by: End = ""
    images: tuple[int, int] | None = None
    """Of a step of all ranks, a and b; where they differ, all times are those of one image."""
    step_ms: tuple[float, float] | None
    """Geometric mean over sessions of their mean steps, a and b."""
    middle_ms: tuple[float, float] | None = None
    """Geometric mean over sessions of their median steps, a and b."""
    slow: tuple[SlowSteps | None, SlowSteps | None] = (None, None)
    """Slow steps of a and of b, over all sessions that count."""
    phases: dict[str, PhaseChange]
    thresholds: Thresholds
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]
    failure: Failure | None = None
    files: tuple[File, ...] = ()
    children: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """The user's own, as is the note."""
    note: str = ""

    @property
    def is_per_image(self) -> bool:
        """Whether times are those of an image, as the sides' steps have not equally many."""
        return self.images is not None and self.images[0] != self.images[1]


def _listing(record: Comparison) -> Listing:
    return Listing(word=record.verdict or record.status, what=record.kind)


_OUTCOMES: Final[dict[Word | None, Outcome]] = {
    "slower": "slower",
    "invalid": "invalid",
    "can't tell": "unsure",
    "never steady": "unsure",
    None: "unsure",
}
"""Of verdicts that are not fine."""


def _outcomes(record: Comparison) -> frozenset[Outcome]:
    if record.status == "failed":
        return frozenset({"failed"})
    return frozenset({_OUTCOMES[record.verdict]}) if record.verdict in _OUTCOMES else FINE


def _columns() -> Columns:
    percent = ("change_percent", "change_low_percent", "change_high_percent", "middle_percent")
    return {"design": str, **dict.fromkeys(percent, float)}


def _row(record: Comparison) -> Row:
    change = record.change
    return {
        "verdict": record.verdict,
        "design": record.design,
        "change_percent": change.percent if change else None,
        "change_low_percent": change.low_percent if change else None,
        "change_high_percent": change.high_percent if change else None,
        "middle_percent": record.middle.percent if record.middle else None,
    }


def _pair_columns() -> Columns:
    return {
        "run": str,
        "number": int,
        "first": str,
        "started": datetime,
        **dict.fromkeys(("log_ratio", "middle_log_ratio", "a_ms", "b_ms", "quiet_percent"), float),
        "invalid": tuple[str, ...],
    }


def _pair_rows(record: Comparison) -> Iterator[Row]:
    for pair in record.pairs:
        yield {
            **msgspec.structs.asdict(pair),
            "run": record.id,
            "first": pair.order[0],
            "a_ms": pair.step_ms[0],
            "b_ms": pair.step_ms[1],
        }


COMPARE: Final = Kind(
    name="compare",
    noun="a comparison",
    struct=Comparison,
    listing=_listing,
    outcomes=_outcomes,
    verdicts=get_args(Word),
    columns=_columns,
    row=_row,
    tables=(Table(name="pairs", columns=_pair_columns, rows=_pair_rows),),
)

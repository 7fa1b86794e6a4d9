"""The record of a comparison: two sides, pairs of sessions, and the verdict on them.

Beside it, `Diff`: two runs side by side without a verdict, which is not stored.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

import msgspec

from resnext_bench.reports.schema.comparison_profile import ComparedProfile
from resnext_bench.reports.schema.config import Choice, Option, RunConfig
from resnext_bench.reports.schema.interval import Range
from resnext_bench.reports.schema.kind import FINE, Columns, Kind, Listing, Outcome, Row, Table
from resnext_bench.reports.schema.machine import GpuFigures
from resnext_bench.reports.schema.notes import Found
from resnext_bench.reports.schema.record import (
    VERSION,
    Environment,
    Failure,
    File,
    Status,
    Thresholds,
)
from resnext_bench.reports.schema.sessions import Figures, SlowSteps
from resnext_bench.reports.schema.verdicts import VERDICTS, Word

Design = Literal["duet", "relaunch", "unpaired"]
Order = Literal["ab", "ba"]
End = Literal["", "told", "sessions", "minutes", "invalid"]
"""What ended a comparison: it had a verdict, its sessions or its minutes were used up, or too many
sessions were invalid. Empty where something else ended it, or nothing was measured."""

PHASES: Final = ("data_wait", "forward", "backward", "optimizer", "other")
"""Parts of a step; they add up to it. "other" is not a phase of a rank, but the time between its
parts and the wait for a slower rank."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two things compared."""

    given: str
    """What the user named: options, a file, a command, a revision, or ids of runs."""
    run: str | None = None
    """Id of the run that holds this side's sessions; None for a script or stored runs."""
    requested: dict[str, Option] | None = None
    resolved: RunConfig | None = None
    choices: tuple[Choice, ...] = ()
    data: str = ""
    """Digest of the list of images; empty for synthetic batches, scripts and stored runs."""
    command: tuple[str, ...] = ()
    """Command of a user's script."""
    revision: str = ""
    """Commit of the user's checkout that the script ran in; empty for the files as they were."""
    folder: str = ""
    """Folder in which the script was started, or the checkout that its revision belongs to."""
    runs: tuple[str, ...] = ()
    """Ids of the stored runs that are taken together."""
    sessions: int | None = None
    """Number of sessions of stored runs that count."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """The slope of a straight line through the logarithms of a session's step times."""

    slope_percent: float
    """Slope per step, per cent."""
    error_percent: float
    """Standard error of the slope, per cent per step."""
    moved_percent: float
    """Change over the whole session by the slope, per cent."""
    sides_percent: tuple[float, float] | None = None
    """Change over the whole session of each side, per cent, where `moved_percent` is a mean of
    both; None in older records."""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What a script wrote in one launch, and its page faults."""

    steps: int
    """Number of step times in all."""
    cut: int
    """Number of step times that were dropped from the front as warm-up."""
    faults_per_step: float | None = None
    """Page faults per step: those that the script reports of itself, else those seen in all
    processes that lived from the first look to the last; None where neither is known."""
    lasted_s: float | None = None
    """Time from the start of the launch to its end, s; None in older records."""
    minor_faults: int | None = None
    """Page faults that needed no disk, start-up included, of all its processes that were waited
    for."""
    major_faults: int | None = None
    """Page faults that read from a disk."""
    step_faults: int | None = None
    """Page faults that needed no disk, from the first step to the last, of the process that takes
    the steps; known only for scripts that call `resnext_bench.step()`."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One session of both sides, which is the unit of replication."""

    number: int
    order: Order
    """Which side came first: in each ABBA quad of blocks (duet), or in launching (relaunch)."""
    started: str
    log_ratio: float
    """ln(b / a) of the time of all steps that count, per step or per image. In older records, where
    `middle_log_ratio` is None, ln(b / a) of the median step."""
    middle_log_ratio: float | None = None
    """ln(b / a) of the median step: the median over pairs of blocks, or the ratio of the launches'
    medians."""
    blocks_ms: tuple[tuple[float, float], ...] = ()
    """Median step of each pair of blocks, ms, a and b; empty for launches."""
    block_steps: int = 0
    """Number of counted steps in each block; 0 for launches, and in older records."""
    step_ms: tuple[float, float]
    """Mean step of a and of b, ms; per image where the comparison is per image."""
    middle_ms: tuple[float, float] | None = None
    """Median step of a and of b, ms; per image where the comparison is per image."""
    slow: tuple[SlowSteps | None, SlowSteps | None] = (None, None)
    """Slow steps of a and of b."""
    phases_ms: dict[str, tuple[float, float]] = {}
    """Mean time of each part of a step, ms, a and b; the parts add up to the mean step. Per image
    where the comparison is per image. "other" is the time between the parts: waiting for the
    slowest rank."""
    drift: Drift | None = None
    """Drift of the steps, mean over both sides; in a duet both share it, so that it cancels."""
    quiet_percent: float | None = None
    """In a duet: CPU time of the side without the token, per cent of its cores."""
    invalid: tuple[str, ...] = ()
    launches: tuple[Launch, Launch] | None = None
    """The launches of a script, a and b."""
    unsteady: tuple[str, ...] = ()
    """In a relaunch: what did not settle."""
    notes: tuple[str, ...] = ()
    facts: Found | None = None
    """The content of `invalid`, `unsteady` and `notes` as kinds with values; None in older
    records."""


class PhaseChange(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the step: its share of `step_ms`, and b - a with its 99 % interval, in ms."""

    a_ms: float
    b_ms: float
    change_ms: float
    half_width_ms: float


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs between the sides."""

    what: str
    a: str
    b: str


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """The differences of run b from run a."""

    a: str
    b: str
    invalid: tuple[str, ...]
    """Reasons why figures of a or of b are not reliable."""
    configuration: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    figures_a: Figures | None
    figures_b: Figures | None
    gpus_a: GpuFigures | None
    gpus_b: GpuFigures | None
    sessions: tuple[int, int]
    """Number of complete sessions of a and of b."""
    comparison: str = ""
    """Id of the comparison of which they are the two sides; empty where they are not."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What was fixed before the first session, so that no look at the data could change it."""

    margin_percent: float
    max_sessions: int
    max_minutes: float
    pairs: int
    """Number of pairs of blocks in a session."""
    block_steps: int
    """Number of steps in a block, as requested; 0 where it was left open and follows from the
    steps."""
    more_pairs: bool = False
    """Whether more pairs of blocks are taken where they scatter."""
    as_is: bool = False
    """Whether scripts were started with the user's environment unchanged."""
    fixed: bool = False
    """Whether all sessions are taken, with a single look at the end."""
    looks: tuple[int, ...] = ()
    """Numbers of sessions after which a verdict is sought."""
    profile_steps: int = 0
    """Number of steps of each side that are profiled after the verdict; 0: none."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison of two sides. As every record, it is written last and by rename."""

    version: int = VERSION
    id: str
    kind: Literal["compare"] = "compare"
    status: Status
    why: str
    """Reason for the status, in one sentence; empty when ok."""
    verdict: Word | None
    """Verdict on b against a; None when nothing could be judged."""
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
    """Change of the time of all steps, b over a less 1. Its confidence allows for every look
    taken."""
    middle: Range | None = None
    """Change of the median step, b over a less 1. None in older records, where `change` and
    `step_ms` are those of the median step."""
    carried_by: Literal["total", "middle"] = "total"
    """Which of the two intervals decided the verdict."""
    middle_verdict: Word | None = None
    """Verdict that the median step alone would give."""
    disagrees: bool = False
    """Whether the change of all steps together differs from that of the median step, at 98 %."""
    equivalence: Range | None = None
    """For the verdict "same": the interval that lies within the margin, 1 - 2α of TOST at this
    look."""
    order_effect: Range | None
    """Cost of being second: the later block (duet) or launch over the earlier one, less 1."""
    detectable_percent: float | None
    """Smallest change of every step that so many sessions distinguish from none with 95 % power."""
    detectable_total_percent: float | None = None
    """Smallest such change that is in some steps alone, such as slow ones; None in older
    records."""
    sessions_more: int | None
    """About how many more sessions would give a verdict; reliable from ten sessions on."""
    looks_taken: int
    ended_by: End = ""
    images: tuple[int, int] | None = None
    """Images in a step of all ranks, a and b; where they differ, all times are per image."""
    step_ms: tuple[float, float] | None
    """Geometric mean over sessions of their mean steps, ms, a and b."""
    middle_ms: tuple[float, float] | None = None
    """Geometric mean over sessions of their median steps, ms, a and b."""
    slow: tuple[SlowSteps | None, SlowSteps | None] = (None, None)
    """Slow steps of a and of b, over all sessions that count."""
    phases: dict[str, PhaseChange]
    thresholds: Thresholds
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]
    failure: Failure | None = None
    files: tuple[File, ...] = ()
    children: tuple[str, ...] = ()
    profile: ComparedProfile | None = None
    """What was profiled after the verdict, which does not depend on it; None: nothing."""
    tags: tuple[str, ...] = ()
    """Tags that the user has given, as the note is."""
    note: str = ""

    @property
    def is_per_image(self) -> bool:
        """Whether times are per image, as steps of the sides have different numbers of images."""
        return self.images is not None and self.images[0] != self.images[1]


def _listing(record: Comparison) -> Listing:
    return Listing(word=record.verdict or record.status, what=record.kind)


def _outcomes(record: Comparison) -> frozenset[Outcome]:
    if record.status == "failed":
        return frozenset({"failed"})
    if record.verdict is None:
        return frozenset({"unsure"})
    outcome = VERDICTS[record.verdict].outcome
    return frozenset({outcome}) if outcome else FINE


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
    verdicts=tuple(VERDICTS),
    columns=_columns,
    row=_row,
    tables=(Table(name="pairs", columns=_pair_columns, rows=_pair_rows),),
)

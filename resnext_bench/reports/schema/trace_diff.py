"""The content of `trace diff`, which the console and `--json` both show.

All times are whole nanoseconds per step: means of the used steps, rounded so that on each side the
parts of a step add up to it exactly. A difference is b less a, so that it is above 0 where b is
slower; differences of parts add up to that of the step, to the nanosecond.
"""

from typing import Final, Literal, get_args

import msgspec

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_files import LeftOut
from resnext_bench.reports.schema.trace_time import StepsFrom

VERSION: Final = 1

ChangeKind = Literal["slower", "faster", "new", "gone", "same"]
"""What became of a row's time in b; `same`: the same time, of something else (`changed`)."""
Changed = Literal["shape", "type", "memory format", "pass", "operator", "class", "kernel"]
"""What is different in b besides the time."""
MatchedBy = Literal["modules", "shapes", "operators"]
"""What rows were matched by first: modules and shapes; shapes alone, where the traces name no
modules or other ones; or operators, where one of them has no shapes either. Where one trace alone
has shapes, modules are without them (`shapes_missing`)."""
Part = Literal["compute", "exposed communication", "exposed copy", "idle"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
"""Of a step (`trace report`): they add up to it."""
Verdict = Literal["slower", "faster", "same", "unsure"]
"""Of the whole step: `same` to the nanosecond, and `unsure` where the interval includes 0."""

DiffKind = Literal[
    "devices_differ",
    "host_against_device",
    "worlds_differ",
    "world_unknown",
    "ranks_differ",
    "modules_missing",
    "modules_differ",
    "modules_renamed",
    "modules_unpaired",
    "shapes_missing",
    "shapes_differ",
    "steps_differ",
    "steps_unpaired",
    "no_interval",
    "unpaired_time",
]
"""What makes the traces unlike, or could not be matched. Devices of other names; operators of a CPU
against kernels of a device; other numbers of ranks, or one that a trace does not record; traces of
different ranks; modules or shapes that one trace does not have; modules that are for the most part
other ones, that have other names, or no partner; times of convolutions and products whose shapes
are other ones; steps that are told by something else, or have no partner of the same number; one
step only, whose scatter is not known; time of work without a partner."""


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """What the scatter of steps says about a difference."""

    low_ns: float
    high_ns: float
    """The difference's interval, 95 % for parts of a step; only the scatter of these steps is in
    it."""
    p: float
    """Probability of such a difference by chance, corrected for the number of rows in its table
    (Benjamini and Hochberg)."""
    is_noise: bool
    """Whether the difference cannot be told from noise."""


class StepInterval(msgspec.Struct, frozen=True, kw_only=True):
    """The interval of the step's difference."""

    low_ns: float
    high_ns: float
    confidence_percent: float
    is_paired: bool
    """Whether each step of b was compared with that of the same number of a."""


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """A part of both steps."""

    a_ns: int
    b_ns: int
    delta_ns: int
    noise: Noise | None
    """None where a side has only one step."""


class PartDelta(Delta, frozen=True, kw_only=True):
    """One of the four parts of a step, which add up to it."""

    part: Part


class ClassDelta(Delta, frozen=True, kw_only=True):
    """All work of one class."""

    cls: str = msgspec.field(name="class")


class ModuleDelta(Delta, frozen=True, kw_only=True):
    """All work in a module and in none below it, or outside modules for one purpose."""

    module: str
    """Its name in a, else in b; empty for work in no module."""
    name_in_b: str
    """Its name in b where that is another one; else empty."""
    outside: str
    """What work in no module is for; else empty."""
    kind: ChangeKind


class RowSide(msgspec.Struct, frozen=True, kw_only=True):
    """What one side has of a row; several where they were matched together."""

    modules: list[str]
    outside: list[str]
    """What it is for, where it is in no module."""
    shapes: list[str]
    dtypes: list[str]
    formats: list[str]
    """Memory formats of the inputs of convolutions, as far as they are known."""
    passes: list[str]
    operators: list[str]
    """Operators that launched it; empty on a CPU."""
    classes: list[str]
    kernels: list[str]
    """Names of kernels; on a CPU of operators."""
    calls: float
    """Per step."""


class RowDelta(Delta, frozen=True, kw_only=True):
    """Work that was matched: durations added up, as in `trace report`."""

    kind: ChangeKind
    changed: list[Changed]
    a: RowSide | None
    b: RowSide | None


class RestDelta(Delta, frozen=True, kw_only=True):
    """What is not work: with the rows of work it adds up to the step."""

    kind: Literal["overlap", "idle"]
    """`overlap`: by how much durations added up exceed the time in which anything ran, as a
    negative time; of kernels that run at the same time both durations count."""
    cause: str
    """Of idle time, as in `trace report`; else empty."""


class RankDelta(msgspec.Struct, frozen=True, kw_only=True):
    """The step of a rank that both sides have."""

    rank: int
    a_ns: int
    b_ns: int
    delta_ns: int


class DiffSide(msgspec.Struct, frozen=True, kw_only=True):
    """One of both traces."""

    file: str
    on: str
    """As in `trace report`."""
    device: int | None
    rank: int | None
    ranks: int
    """Number of ranks of which there are traces."""
    steps_from: StepsFrom
    step_ns: int
    """Mean of the used steps, rounded to a whole nanosecond."""
    steps: list[int]
    """Each used step, ns."""
    left_out: list[LeftOut]
    """Files of the folder that were not looked at."""


class TraceDiff(msgspec.Struct, frozen=True, kw_only=True):
    """The difference of two traces.

    `rows` and `rest` add up to `delta_ns`, and so do `parts`; `modules` and `classes` add up to
    what `rows` do. These three have nothing in them that is the same in both traces.
    """

    kind: str = "trace diff"
    version: int = VERSION
    a: DiffSide
    b: DiffSide
    delta_ns: int
    percent: float | None
    """Of a; None where a's step takes no time."""
    interval: StepInterval | None
    """None where a side has only one step."""
    verdict: Verdict
    margin_percent: float
    is_beyond: bool
    """Whether b is slower by more than the margin, and that is not noise."""
    matched_by: MatchedBy
    parts: list[PartDelta]
    work: Delta
    """Durations of all work added up: with `rest` it adds up to the step on each side, too."""
    classes: list[ClassDelta]
    modules: list[ModuleDelta]
    """Empty where rows were not matched by modules."""
    rows: list[RowDelta]
    """Largest differences first, likewise in the other lists."""
    rest: list[RestDelta]
    """Also what is the same in both."""
    unchanged_ns: int
    """Time on either side of all work that is the same in both: with `rows` it adds up to `work`.
    """
    ranks: list[RankDelta]
    """Empty with one rank."""
    facts: list[Note]
    """What to doubt: of both (`DiffKind`), and of each trace (`WarningKind`, with its side)."""
    warnings: list[str] = []
    """The sentences of `facts`, for readers; filled where it is written as JSON."""


def fact(kind: DiffKind, side: Literal["", "a", "b"] = "", /, **values: int | float | str) -> Note:
    """Return a fact of a kind, with what its sentence needs."""
    return Note(kind=kind, side=side, values={**values})

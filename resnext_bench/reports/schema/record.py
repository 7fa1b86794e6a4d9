"""The versioned record of a run."""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from resnext_bench.data_formats import DataFormat
from resnext_bench.reports.schema.attribution import Attribution
from resnext_bench.reports.schema.config import Choice, Option, RunConfig
from resnext_bench.reports.schema.interval import Interval
from resnext_bench.reports.schema.kind import (
    Columns,
    Kind,
    Listing,
    Outcome,
    Row,
    Table,
    fields_of,
)
from resnext_bench.reports.schema.machine import Board
from resnext_bench.reports.schema.samples import Profiled
from resnext_bench.reports.schema.sessions import (
    OF_A_SESSION,
    SLOW_COLUMNS,
    Figures,
    Session,
    figure_row,
    session_columns,
    session_rows,
)
from resnext_bench.reports.schema.topology import Topology

VERSION = 1

Status = Literal["ok", "failed", "interrupted", "invalid"]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that belongs to the record, relative to its folder."""

    name: str
    size: int
    sha256: str


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and the software of a run, as far as they can change a number."""

    host: str
    cpu: str
    cores: int
    memory_gib: float
    gpus: tuple[str, ...]
    kernel: str
    python: str
    versions: dict[str, str]
    variables: dict[str, str]
    """The caller's environment variables that change speed, by a list of allowed names."""
    git: dict[str, str] | None
    """Commit, branch, remote (without credentials) and whether the user's folder was dirty."""
    of_ranks: dict[str, str] = {}
    """Those of the same variables that the launcher sets for the ranks, as node 0 gets them."""
    boards: tuple[Board, ...] = ()
    """The visible GPUs, grouped by their settings."""
    hypervisor: str = ""
    """Hypervisor of the machine, as far as can be seen; empty on bare metal."""
    container: str = ""
    """Kind of container, as far as can be seen."""


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """The images that a run read."""

    root: str
    images: int
    classes: int
    digest: str
    """Digest of the list of files and labels, and of places in shards, but not of the files'
    bytes."""
    left_out: int
    """Number of files that do not decode and were left out by --bad-files skip."""
    made: bool
    """Whether the program made the data set itself."""
    format: DataFormat = "folder"
    """Format: files in class folders, or shards, which are tar files or TFRecord files."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of a network: calculated exactly for the program's own, counted for others."""

    parameters: int
    training_gflop: float
    """GFLOP of training on one image: forward, input and weight gradients, each group for
    itself."""
    predicted_gib: float | None
    """Peak size of a rank's tensors, GiB; None under DeepSpeed and torch.compile, where it is not
    known."""
    peak_tflops: float | None = None
    """Most TFLOP/s that all devices of the run can do together; None where no window was
    completed."""
    peak_source: str = ""
    """Source of `peak_tflops`: a data sheet, or a matrix product measured right after the
    window."""
    peak_spread_percent: float | None = None
    """Half the range of the measured peak rate, per cent of the best: over parts of one measurement
    or over sessions, whichever is larger. None for a data sheet's rate."""
    mfu_percent: float | None = None
    """Model FLOPs utilisation: images/s times the FLOP of an image, in per cent of
    `peak_tflops`."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Limits above which a session is invalid or gets a note, as they were for this record."""

    throttled_percent: float = 1.0
    """Largest share of the window with hardware slowdown, thermal or power-brake reasons, per cent;
    above it a session is invalid."""
    foreign_gpu_percent: float = 5.0
    """Largest use of a GPU by processes that were there before the ranks, per cent; above it a
    session is invalid."""
    cores_lost_percent: float = 25.0
    """Largest share of the ranks' cores lost to others or to the hypervisor, per cent; above it a
    session is invalid."""
    cores_lost_note_percent: float = 5.0


FailureKind = Literal[
    "",
    "error",
    "out_of_memory",
    "shared_memory",
    "gpu_busy",
    "no_engine",
    "lost_gpu",
    "killed",
    "signal",
    "exit",
    "communication",
    "timeout",
    "stuck",
    "no_result",
    "script",
]
"""How something failed.

- error: an error of the program that ran.
- out_of_memory, shared_memory: too little memory, or shared memory.
- gpu_busy: a GPU that admits a single process was taken.
- no_engine: cuDNN found no plan for a convolution, though memory was not full: does it support it?
- lost_gpu: a GPU was lost.
- killed: SIGKILL, which the kernel sends when memory runs out, or what looks like it.
- signal: another signal.
- exit: a process ended itself, or ended without reporting why.
- communication: an error of communication, such as the end of another rank causes.
- timeout: a rank did not arrive in time, for which another one waited.
- stuck: no progress for long.
- no_result: no result at the end.
- script: a user's script failed.

It is empty in older records.
"""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The rank that failed first, how it failed, and the end of its log."""

    rank: int | None
    kind: str = ""
    """Kind of the failure: a `FailureKind`, or a word that only later versions know."""
    what: str
    log: str
    log_tail: tuple[str, ...]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A run. Written last and by rename, so that a folder without it is an unfinished run."""

    version: int = VERSION
    id: str
    kind: Literal["run"]
    status: Status
    why: str
    """Reason for the status, in one sentence; empty when ok."""
    tool_version: str
    created: str
    """Moment of the start: UTC, ISO 8601."""
    duration_s: float
    command: tuple[str, ...]
    requested: dict[str, Option]
    resolved: RunConfig
    choices: tuple[Choice, ...]
    topology: Topology
    environment: Environment
    data: DataSet | None
    """The data set; None for synthetic batches."""
    thresholds: Thresholds
    device_name: str = ""
    """Name of the GPU or processor, as the worker found it; empty where nothing ran."""
    weight_format: str
    """Memory format of the convolution weights as trained, read from their strides; empty where
    there are none."""
    figures: Figures | None
    """Figures over all sessions; None where no window was completed."""
    interval: Interval | None = None
    """Interval of images/s over the sessions (Student's t on their logarithms); None below two."""
    sessions: tuple[Session, ...]
    left_out: tuple[int, ...] = ()
    """Numbers of sessions that do not count in the figures over all: invalid ones of a run that is
    valid itself, and those whose other side was invalid. Older records count them."""
    notes: tuple[str, ...]
    failure: Failure | None = None
    profiled: tuple[Profiled, ...] = ()
    """Profiled passes by rank; empty where none was profiled."""
    cost: Cost | None = None
    """Cost of the network; None where it is not known, and in older records."""
    attribution: Attribution | None = None
    """Cost of loading; None where it was not requested."""
    files: tuple[File, ...] = ()
    children: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Tags that the user has given, as the note is."""
    note: str = ""

    @property
    def counted(self) -> tuple[Session, ...]:
        """Return the sessions that the figures are of."""
        return tuple(one for one in self.sessions if one.number not in self.left_out)


def _listing(record: Record) -> Listing:
    config, figures = record.resolved, record.figures
    fp32 = "tf32" if config.tf32 else "fp32"
    what = fp32 if config.amp_dtype == "none" else config.amp_dtype
    if figures is None:
        return Listing(word=record.status, what=what)
    return Listing(
        word=record.status,
        what=what,
        images_per_s=figures.images_per_s,
        images_per_s_per_device=figures.images_per_s_per_device,
        step_ms=figures.step_ms_mean,
        data_wait_percent=100 * figures.data_wait_ms / figures.parts_ms,
    )


def _outcomes(record: Record) -> frozenset[Outcome]:
    if record.status == "failed":
        return frozenset({"failed"})
    found: set[Outcome] = set()
    if record.status == "invalid":
        found.add("invalid")
    if any(not session.steadiness.steady for session in record.sessions):
        found.add("unsure")
    return frozenset(found)


def _columns() -> Columns:
    return {
        **dict.fromkeys(("images_per_s", "images_per_s_low", "images_per_s_high"), float),
        **fields_of(Figures, without={*OF_A_SESSION, "images_per_s", "slow"}),
        **SLOW_COLUMNS,
        **fields_of(Cost),
        **fields_of(RunConfig),
        **dict.fromkeys(("world_size", "global_batch_size"), int),
        **dict.fromkeys(("device_name", "weight_format"), str),
    }


def _row(record: Record) -> Row:
    interval, config = record.interval, record.resolved
    return {
        **(figure_row(record.figures) if record.figures else {}),
        **(msgspec.structs.asdict(record.cost) if record.cost else {}),
        **msgspec.structs.asdict(config),
        "world_size": config.world_size,
        "global_batch_size": config.global_batch_size,
        "images_per_s_low": interval.low if interval else None,
        "images_per_s_high": interval.high if interval else None,
        "device_name": record.device_name,
        "weight_format": record.weight_format,
    }


def _session_rows(record: Record) -> Iterator[Row]:
    return session_rows(record.sessions, run=record.id)


RUN: Final = Kind(
    name="run",
    noun="a run",
    struct=Record,
    listing=_listing,
    outcomes=_outcomes,
    columns=_columns,
    row=_row,
    tables=(Table(name="sessions", columns=session_columns, rows=_session_rows),),
)

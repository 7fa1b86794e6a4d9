"""The versioned record of a run."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

import msgspec

from resnext_bench.reports.schema.attribution import Attribution
from resnext_bench.reports.schema.config import Choice, Option, RunConfig
from resnext_bench.reports.schema.cost import Cost
from resnext_bench.reports.schema.kind import (
    Columns,
    Kind,
    Listing,
    Outcome,
    Row,
    Table,
    fields_of,
)
from resnext_bench.reports.schema.machine import Board, GpusSeen, gpu_figures
from resnext_bench.reports.schema.notes import Found
from resnext_bench.reports.schema.samples import Profiled
from resnext_bench.reports.schema.topology import Topology

VERSION = 1

Status = Literal["ok", "failed", "interrupted", "invalid"]
DataFormat = Literal["folder", "webdataset", "tfrecord"]


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


class Steadiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the step times settled, and how many steps were dropped until they did."""

    cut: int
    judged: bool
    steady: bool
    why: str
    cause: str = ""
    """What kept it from being steady: few_steps, jump or drift; empty in older records."""


class SlowSteps(msgspec.Struct, frozen=True, kw_only=True):
    """The slow steps, if they lengthen all steps together by 1 % or more."""

    every: int | None
    """Number of steps from one slow step to the next; None where they come irregularly."""
    slow: int
    """Number of slow steps."""
    steps: int
    """Number of all steps that count."""
    slow_ms: float
    """Mean of the slow steps, ms; per step even where times are per image."""
    longest_ms: float | None = None
    """Longest step, ms; None in older records."""
    cost_percent: float
    """By how many per cent the slow steps lengthen all steps together, compared with the other
    steps."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one window, or of several sessions' windows taken together.

    Throughput is all images over the longest rank's window; a step's time is the maximum over
    ranks; the split is the mean over ranks and steps, so its parts add up to the mean step.
    """

    images: int
    window_s: float
    images_per_s: float
    images_per_s_per_device: float
    steps: int
    step_ms_mean: float
    step_ms_p50: float
    step_ms_p95: float
    step_ms_p99: float
    step_ms_max: float | None = None
    """Longest step, ms; None in older records."""
    step_ms_jitter: float
    """Jitter of the steps, ms: 1.4826 times the median absolute deviation."""
    slow: SlowSteps | None = None
    """Slow steps; None where they cost less than 1 %, and in older records."""
    data_wait_ms: float
    forward_ms: float
    backward_ms: float
    optimizer_ms: float
    next_ms: float
    """Mean host time blocked in the pipeline's next(), ms; not part of the sum."""
    peak_gib: float
    """Largest peak memory of a rank, GiB: of tensors on a GPU, the resident set on a CPU."""
    reserved_gib: float | None = None
    """Largest peak memory that the allocator of a rank reserved, GiB; None on a CPU and in older
    records."""
    device_gib: float | None = None
    """Largest peak memory in use on a rank's whole GPU, by other processes too, GiB; None where it
    is not known."""
    cores_lost_percent: float
    """Share of the ranks' cores taken by others or by the hypervisor in the window, per cent."""
    others_percent: float | None = None
    """Share of it taken by other processes, per cent, on the host and in the session that lost
    most."""
    steal_percent: float | None = None
    """Share of it taken by the hypervisor, per cent."""
    joules_per_image: float | None = None
    """Energy of the whole boards of all GPUs per image, J; None on a CPU, and where not all GPUs
    report it."""

    @property
    def parts_ms(self) -> float:
        """The four parts of a step together, ms."""
        return self.data_wait_ms + self.forward_ms + self.backward_ms + self.optimizer_ms


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session: the process group from its start to its exit."""

    number: int
    started: str
    launch_s: float
    """Time from the start of the processes to the first warm-up step, s."""
    figures: Figures
    steadiness: Steadiness
    invalid: tuple[str, ...]
    notes: tuple[str, ...]
    facts: Found | None = None
    """The content of `invalid` and `notes` as kinds with values; None in older records."""
    first_loss: float | None
    """Loss of the window's first step, mean over ranks; None where it is not finite."""
    last_loss: float | None
    load_1min: float | None = None
    """The host's load average over one minute, before the ranks started."""
    gpus: GpusSeen | None = None
    """The GPUs in the window; None on a CPU, and where NVML gave no answer."""
    steps_asked: int | None = None
    """Number of steps requested, for a session that was cut short; None for a complete one."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """The interval of a figure over sessions, each of which is one replicate."""

    low: float
    high: float
    confidence_percent: float
    sessions: int


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


_OF_A_SESSION: Final = frozenset({"images", "window_s", "steps"})
"""Names of figures that mean something else, or nothing, across sessions."""
_SLOW: Final[Columns] = {"slow_every": int, "slow_cost_percent": float}
_GPU_NUMBERS: Final = ("sm_mhz", "power_w", "temperature_c", "joules")


def _columns() -> Columns:
    return {
        **dict.fromkeys(("images_per_s", "images_per_s_low", "images_per_s_high"), float),
        **fields_of(Figures, without={*_OF_A_SESSION, "images_per_s", "slow"}),
        **_SLOW,
        **fields_of(Cost),
        **fields_of(RunConfig),
        **dict.fromkeys(("world_size", "global_batch_size"), int),
        **dict.fromkeys(("device_name", "weight_format"), str),
    }


def _row(record: Record) -> Row:
    interval, config = record.interval, record.resolved
    return {
        **(_figures(record.figures) if record.figures else {}),
        **(msgspec.structs.asdict(record.cost) if record.cost else {}),
        **msgspec.structs.asdict(config),
        "world_size": config.world_size,
        "global_batch_size": config.global_batch_size,
        "images_per_s_low": interval.low if interval else None,
        "images_per_s_high": interval.high if interval else None,
        "device_name": record.device_name,
        "weight_format": record.weight_format,
    }


def _figures(figures: Figures) -> Row:
    slow = figures.slow
    return {
        **msgspec.structs.asdict(figures),
        "slow_every": slow.every if slow else None,
        "slow_cost_percent": slow.cost_percent if slow else None,
    }


def _session_columns() -> Columns:
    return {
        "run": str,
        "number": int,
        "started": datetime,
        "launch_s": float,
        **fields_of(Figures, without={"slow"}),
        **_SLOW,
        "steady": bool,
        "cut": int,
        "invalid": tuple[str, ...],
        **dict.fromkeys(("first_loss", "last_loss", "load_1min", *_GPU_NUMBERS), float),
        "lost_gpus": tuple[str, ...],
    }


def _session_rows(record: Record) -> Iterator[Row]:
    for session in record.sessions:
        yield {
            **msgspec.structs.asdict(session),
            **_figures(session.figures),
            "run": record.id,
            "steady": session.steadiness.steady,
            "cut": session.steadiness.cut,
            **(_gpus(session.gpus, session.figures) if session.gpus else {}),
        }


def _gpus(seen: GpusSeen, figures: Figures) -> Row:
    """Return a session's columns of GPUs; energy is that of the window, as images/s is."""
    each = figures.joules_per_image
    found = gpu_figures([seen])
    return {
        **(msgspec.structs.asdict(found) if found else {}),
        "joules": None if each is None else each * figures.images,
        "lost_gpus": list(seen.lost),
    }


RUN: Final = Kind(
    name="run",
    noun="a run",
    struct=Record,
    listing=_listing,
    outcomes=_outcomes,
    columns=_columns,
    row=_row,
    tables=(Table(name="sessions", columns=_session_columns, rows=_session_rows),),
)

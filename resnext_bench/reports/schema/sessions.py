"""The sessions of a run: their figures, whether they settled, and what was found about them."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from resnext_bench.reports.schema.kind import Columns, Row, fields_of
from resnext_bench.reports.schema.machine import GpusSeen, gpu_figures
from resnext_bench.reports.schema.notes import Found


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


OF_A_SESSION: Final = frozenset({"images", "window_s", "steps"})
"""Names of figures that mean something else, or nothing, across sessions."""
SLOW_COLUMNS: Final[Columns] = {"slow_every": int, "slow_cost_percent": float}
_GPU_NUMBERS: Final = ("sm_mhz", "power_w", "temperature_c", "joules")


def figure_row(figures: Figures) -> Row:
    """Return the columns of figures, with those of slow steps beside the others."""
    slow = figures.slow
    return {
        **msgspec.structs.asdict(figures),
        "slow_every": slow.every if slow else None,
        "slow_cost_percent": slow.cost_percent if slow else None,
    }


def session_columns() -> Columns:
    """Return the columns of the table `sessions`."""
    return {
        "run": str,
        "number": int,
        "started": datetime,
        "launch_s": float,
        **fields_of(Figures, without={"slow"}),
        **SLOW_COLUMNS,
        "steady": bool,
        "cut": int,
        "invalid": tuple[str, ...],
        **dict.fromkeys(("first_loss", "last_loss", "load_1min", *_GPU_NUMBERS), float),
        "lost_gpus": tuple[str, ...],
    }


def session_rows(sessions: Iterable[Session], *, run: str) -> Iterator[Row]:
    """Yield the rows of a run's sessions in the table `sessions`."""
    for session in sessions:
        yield {
            **msgspec.structs.asdict(session),
            **figure_row(session.figures),
            "run": run,
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

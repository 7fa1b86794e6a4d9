"""What NVML said during a run, from its answers to record and table: recordings are played back."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from resnext_bench.job import SessionFolder
from resnext_bench.launch.watch import Listener, Progress, SessionFailed
from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.facts import Silence
from resnext_bench.machine.gpu.stock import Stock
from resnext_bench.machine.gpu.vendors import NVIDIA
from resnext_bench.machine.gpu.watch import GpuWatch, open_watch
from resnext_bench.rankfile import Phase
from resnext_bench.reports.render.run import sections
from resnext_bench.reports.schema.record import Failure, Record
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.store import runs
from resnext_bench.session import watching
from resnext_bench.session.runs import run as session_run
from resnext_bench.session.runs.run import execute
from tests.machine.made_machines import made_machine
from tests.machine.recorded_nvml import (
    NOT_SUPPORTED,
    QUIET,
    RESET_REQUIRED,
    RecordedNvml,
    Recording,
    always,
    lost_at,
    without,
)
from tests.reports.drawn import drawn
from tests.reports.made_results import even_samples, made_result
from tests.session.made_script import Silent

REQUEST = {
    "model": "resnext14_4x4d",
    "pipeline": "synthetic",
    "batch_size": 64,
    "nproc_per_node": 2,
    "image_size": 32,
}
STEPS, STEP_MS = 40, 500
"""A window of 20 s, in which 2 x 64 x 40 images are trained."""
IMAGES = 2 * 64 * STEPS
WARM_UP_S, WINDOW_S = 3.0, STEPS * STEP_MS / 1000
END_S = WARM_UP_S + WINDOW_S


class Played:
    """A run on two GPUs whose ranks are made up and whose NVML is a recording."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.fails, self.end_s = "", END_S
        self.machine = made_machine(cores=4, gpus=2)
        self.watched = slice(None)
        self.library: RecordedNvml
        self._patch = monkeypatch
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(session_run, "run_session", self._run_session)
        monkeypatch.setattr(watching, "open_watch", self._open_watch)
        monkeypatch.setattr(session_run, "measuring", lambda what: nullcontext())

    def __call__(self, recording: Recording) -> tuple[Record, str]:
        """The record as it lies in its folder, and its table as one line."""
        self.library = RecordedNvml(recording)
        self._patch.setattr(nvml, "session", self.library.session)
        written = execute(REQUEST, self.machine, root=self.root, command=("run",), display=Silent())
        found = runs.load(self.root / written.id)
        assert isinstance(found, Record)
        assert found == written
        return found, table(found)

    def _open_watch(self, monitor: Any, visible: Sequence[int]) -> GpuWatch:
        watch = open_watch(monitor, visible[self.watched])
        watch.clock = lambda: self.library.now_s
        return watch

    def _run_session(
        self, plan: object, folder: SessionFolder, listener: Listener
    ) -> SessionResult:
        while self.library.now_s < self.end_s:
            phase = Phase.WARM_UP if self.library.now_s < WARM_UP_S else Phase.TIMED
            listener(Progress(phase=phase, done=0, total=STEPS, rate=0.0))
            self.library.now_s += 0.5
        if self.fails:
            raise SessionFailed(Failure(rank=1, what=self.fails, log="", log_tail=()))
        return made_result(*(even_samples(rank, [STEP_MS] * STEPS) for rank in range(2)))


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Recording], Any]:
    return Played(tmp_path, monkeypatch)


def table(record: Record) -> str:
    return " ".join(" ".join(drawn(sections(record), 120)).replace("│", " ").split())


def of(from_s: float, answer: Any, *, before: Any, until: float = 1e9) -> list[list[Any]]:
    """An answer that changes for a while."""
    return [[0.0, before], [from_s, answer], [until, before]]


def test_a_quiet_run(played: Played) -> None:
    record, text = played(QUIET)
    (session,) = record.sessions
    seen = session.gpus
    assert seen is not None
    assert (record.status, session.invalid, session.notes) == ("ok", (), ())
    assert (seen.index, seen.samples, seen.watched_s) == ((0, 1), (40, 40), (19.5, 19.5))
    assert (seen.sm_mhz, seen.memory_mhz, seen.temperature_c) == (
        (1980, 1980),
        (3201, 3201),
        (54, 54),
    )
    assert (seen.power_w, seen.power_peak_w, seen.use_percent) == ((650, 650), (650, 650), (99, 99))
    assert (seen.energy_by, seen.energy_j) == ("counter", (650 * 19.5, 650 * 19.5))
    assert (seen.reasons_percent, seen.foreign_percent, seen.lost) == ({}, (), {})
    joules = 2 * 650 * WINDOW_S / IMAGES
    assert record.figures is not None
    assert record.figures.joules_per_image == pytest.approx(joules)
    assert session.figures.joules_per_image == pytest.approx(joules)
    assert "GPU 1,980 MHz (max 1,980) 1,300 W of 1,400 on 2 GPUs 54 °C 5.08 J/image" in text
    assert "note" not in text


def test_every_answer_lies_beside_the_record(played: Played) -> None:
    """What is asked for seldom is NULL in between, and what the board does not tell always."""
    record, _ = played(without("nvmlDeviceGetClockInfo(2)"))
    name = "session-1/gpus.parquet"
    assert name in [file.name for file in record.files]
    path = str(played.root / record.id / name)
    asked = "SELECT at_s, sm_mhz, power_w, temperature_c, memory_mhz, reasons FROM read_parquet(?)"
    spent = "SELECT max(energy_j) - min(energy_j) FROM read_parquet(?) WHERE gpu = 0"
    # A connection of its own: what is left unfinished on the common one fails in other tests.
    with duckdb.connect() as connection:
        rows = connection.execute(f"{asked} WHERE gpu = 1 ORDER BY at_s", [path]).fetchall()
        ((energy,),) = connection.execute(spent, [path]).fetchall()
    assert len(rows) == 40
    assert rows[:2] == [(0.0, 1980, 650, 54, None, 0), (0.5, 1980, 650, None, None, 0)]
    assert energy == pytest.approx(650 * 19.5)


def test_the_environment_has_driver_and_boards(played: Played) -> None:
    record, _ = played(QUIET)
    (board,) = record.environment.boards
    assert (board.gpus, board.uuids) == ((0, 1), ("GPU-00000000", "GPU-00000001"))
    assert (board.name, board.sm_max_mhz, board.memory_max_mhz) == ("NVIDIA H200", 1980, 3201)
    assert (board.power_limit_w, board.default_limit_w) == (700, 700)
    assert (board.ecc, board.persistence, board.mig) == (True, True, False)
    assert board.compute_mode == "default"
    versions = record.environment.versions
    assert (versions["driver"], versions["driver's CUDA"]) == ("610.43.02", "13.2")


@pytest.mark.parametrize(
    ("bit", "reason"),
    [
        (0x08, "hardware slowdown"),
        (0x20, "software thermal slowdown"),
        (0x40, "hardware thermal slowdown"),
        (0x80, "power brake"),
    ],
)
def test_throttling_on_one_gpu(played: Played, bit: int, reason: str) -> None:
    """For the last quarter of the window."""
    hot = {"*": [[0.0, 0]], "1": of(END_S - 5, bit, before=0)}
    clocks = {"*": [[0.0, 1980]], "1": of(END_S - 5, 1200, before=1980)}
    heat = {"*": [[0.0, 54]], "1": of(END_S - 5, 88, before=54)}
    record, text = played(
        QUIET
        | {"nvmlDeviceGetCurrentClocksEventReasons": hot}
        | {"nvmlDeviceGetClockInfo(1)": clocks, "nvmlDeviceGetTemperature": heat}
    )
    (session,) = record.sessions
    assert session.gpus is not None
    assert record.status == "invalid"
    assert record.why == f"GPU clocks were throttled for 25 % ({reason})"
    assert session.gpus.reasons_percent == {reason: (0, 25)}
    assert session.gpus.sm_least_mhz == (1980, 1200)
    assert session.gpus.temperature_c == (54, 88)
    assert f"INVALID: GPU clocks were throttled for 25 % ({reason})" in text
    assert "88 °C" in text


def test_throttling_in_warm_up_is_not_counted(played: Played) -> None:
    bits = {"*": of(0.0, 0x40, before=0x40, until=WARM_UP_S)}
    bits["*"][-1][1] = 0
    record, _ = played(QUIET | {"nvmlDeviceGetCurrentClocksEventReasons": bits})
    assert record.status == "ok"


def test_the_power_cap_is_a_note(played: Played) -> None:
    record, text = played(
        QUIET
        | {"nvmlDeviceGetCurrentClocksEventReasons": always(0x04)}
        | {"nvmlDeviceGetClockInfo(1)": {"0": [[0.0, 1700]], "1": [[0.0, 1755]]}}
    )
    (session,) = record.sessions
    assert session.gpus is not None
    assert (record.status, session.invalid) == ("ok", ())
    assert session.gpus.reasons_percent == {"power cap": (100, 100)}
    assert "note the power cap held clocks down for 100 %" in text
    assert "GPU 1,700 to 1,755 MHz (max 1,980)" in text


@pytest.mark.parametrize(("use", "status"), [(5, "ok"), (6, "invalid"), (40, "invalid")])
def test_a_process_of_before(played: Played, use: int, status: str) -> None:
    """It was there before the ranks; theirs come later and are not foreign."""
    there = {"*": [[0.0, []]], "1": [[0.0, [77]], [1.0, [77, 200]]]}
    uses = {"*": [[0.0, []]], "1": [[0.0, [[77, use], [200, 60]]]]}
    record, text = played(
        QUIET
        | {"nvmlDeviceGetComputeRunningProcesses": there}
        | {"nvmlDeviceGetProcessUtilization": uses}
    )
    (session,) = record.sessions
    assert session.gpus is not None
    assert (record.status, session.gpus.foreign_percent) == (status, (0, use))
    assert (f"INVALID: another process used {use} % of a GPU" in text) == (status == "invalid")


@pytest.mark.parametrize(
    ("error", "said"), [(15, "GPU is lost"), (RESET_REQUIRED, "GPU requires restart")]
)
def test_a_gpu_lost_in_the_window(played: Played, error: int, said: str) -> None:
    record, text = played(lost_at(WARM_UP_S + 12, gpu=1, error=error))
    (session,) = record.sessions
    why = f"GPU 1 was lost 12 s into the window ({said})"
    assert session.gpus is not None
    assert (record.status, session.invalid) == ("invalid", (why,))
    assert (session.gpus.samples, session.gpus.lost) == ((40, 24), {"1": said})
    assert f"INVALID: {why}" in text


def test_ranks_that_fail_with_their_gpu(played: Played) -> None:
    played.fails = "rank 1: AcceleratorError: CUDA error: unspecified launch failure"
    record, text = played(lost_at(WARM_UP_S + 12, gpu=1))
    why = f"GPU 1 was lost 12 s into the window (GPU is lost); {played.fails}"
    assert (record.status, record.why) == ("failed", why)
    assert record.failure is not None
    assert record.failure.rank == 1
    assert f"FAILED {why}" in text


@pytest.mark.parametrize(
    ("end_s", "when"), [(WARM_UP_S, ""), (END_S, " 20 s into the window")], ids=["warm-up", "end"]
)
def test_a_lost_gpu_is_looked_for(played: Played, end_s: float, when: str) -> None:
    """Nothing is sampled in warm-up, and ranks may fail sooner than the next sample is taken."""
    played.fails, played.end_s = "rank 1: AcceleratorError: CUDA error: unknown error", end_s
    record, _ = played(lost_at(end_s, gpu=1))
    assert record.why == f"GPU 1 was lost{when} (GPU is lost); {played.fails}"
    assert record.failure.kind == "lost_gpu"


def test_ranks_that_fail_on_sound_gpus(played: Played) -> None:
    played.fails = "rank 1: ValueError: no"
    record, _ = played(QUIET)
    assert record.why == "rank 1: ValueError: no"


def test_energy_from_power_where_there_is_no_counter(played: Played) -> None:
    """As on Pascal and on some GeForce boards."""
    power = {"*": of(WARM_UP_S + 10, 300_000, before=500_000)}
    found = without("nvmlDeviceGetTotalEnergyConsumption") | {"nvmlDeviceGetPowerUsage": power}
    record, text = played(found)
    seen = record.sessions[0].gpus
    assert seen is not None
    assert seen.energy_by == "power samples"
    # 9.5 s at 500 W, half a second between the two, and 9.5 s at 300 W.
    assert seen.energy_j == (pytest.approx(7800, abs=0.1),) * 2
    assert "J/image (from power samples)" in text


def test_a_board_that_tells_little(played: Played) -> None:
    """As a MIG device or a vGPU: each question fails by itself, and what is left is shown."""
    told = (
        *("nvmlDeviceGetClockInfo(1)", "nvmlDeviceGetClockInfo(2)", "nvmlDeviceGetPowerUsage"),
        *("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetUtilizationRates"),
        *("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetTemperature"),
        *("nvmlDeviceGetMaxClockInfo(1)", "nvmlDeviceGetEnforcedPowerLimit"),
    )
    record, text = played(without(*told))
    (session,) = record.sessions
    assert session.gpus is not None
    assert (record.status, session.notes) == ("ok", ())
    assert (session.gpus.sm_mhz, session.gpus.power_w, session.gpus.energy_j) == ((), (), ())
    assert session.gpus.energy_by == "none: not reported"
    assert record.figures is not None
    assert record.figures.joules_per_image is None
    assert " GPU " not in text.partition("ms/step")[2].partition("data wait")[0]
    unsupported = played.library.asked.count("nvmlDeviceGetPowerUsage")
    assert unsupported == 2, "once a GPU: what is not supported is not asked for again"


def test_reasons_that_are_not_told(played: Played) -> None:
    names = "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"
    record, text = played(without(*names))
    assert record.status == "ok"
    assert "note the driver does not report what holds clocks down" in text
    assert "1,980 MHz" in text


def test_gpus_out_of_sight(played: Played) -> None:
    """As those of ranks that somebody else has started: each is beside a program of its own."""
    played.watched = slice(1)
    record, text = played(QUIET)
    assert record.figures is not None
    assert (record.status, record.figures.joules_per_image) == ("ok", None)
    assert "note only 1 of 2 GPUs were watched: throttling of the others would go unnoticed" in text


def test_a_driver_that_answers_nothing(played: Played) -> None:
    silent = {name: always({"error": NOT_SUPPORTED}) for name in QUIET}
    record, text = played(silent)
    assert (record.status, record.sessions[0].gpus) == ("ok", None)
    assert not list(played.root.rglob("gpus.parquet"))
    assert (
        "the GPUs were not watched: the driver did not answer during the window of 20.0 s"
    ) in text


def test_gpus_that_torch_alone_knows(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their driver's library is not there: the run goes on, and says why nobody watched."""
    silence = Silence(vendor=NVIDIA, cause="no library", said="NVML Shared Library Not Found")
    stock = Stock(silences=(silence,), told_by="torch")
    played.machine = replace(played.machine, stock=stock)
    silent = {name: always({"error": NOT_SUPPORTED}) for name in QUIET}
    record, text = played(silent)
    assert record.status == "ok"
    assert "during the window of 20.0 s (NVML Shared Library Not Found)" in text


def test_memory_errors_in_the_window_spoil_it(played: Played) -> None:
    errors = {"*": [[0.0, 5]], "1": of(WARM_UP_S + 10, 8, before=5)}
    record, text = played(QUIET | {"nvmlDeviceGetTotalEccErrors": errors})
    (session,) = record.sessions
    assert (record.status, record.why) == (
        "invalid",
        "GPU 1 counted 3 more errors (ECC, uncorrected)",
    )
    assert session.notes == ("GPU 1 counted 3 more errors (ECC, corrected)",)
    assert session.gpus is not None
    assert session.gpus.errors_before["ECC, corrected"] == (5, 5)
    assert session.gpus.errors_after["ECC, corrected"] == (5, 8)
    assert "GPU 1 counted 3 more errors (ECC, uncorrected)" in text

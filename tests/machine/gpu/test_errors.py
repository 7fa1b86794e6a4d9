"""Errors that boards and drivers count: what is more than before makes a session doubtful."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from resnext_bench.machine.gpu.monitor import monitor
from resnext_bench.machine.gpu.nvml import Nvml
from resnext_bench.machine.gpu.watch import GpuWatch, open_watch
from resnext_bench.reports.figures.validity import judge
from resnext_bench.reports.render.notes import sentences
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.record import Thresholds
from tests.machine.gpu.ready import A10X4, H100X8, MIG_PAIR
from tests.machine.gpu.scripted import LOST, Refused, ScriptedMachine, scripted
from tests.machine.gpu.scripted_nvml import ScriptedNvml
from tests.reports.made_results import even_samples, made_facts, made_result

CORRECTED, UNCORRECTED = "nvmlDeviceGetTotalEccErrors(0, 0)", "nvmlDeviceGetTotalEccErrors(1, 0)"


def changed(machine: ScriptedMachine, gpu: int, **answers: object) -> ScriptedMachine:
    """The machine with other answers of one board."""
    boards = list(machine.boards)
    told = {**boards[gpu].answers, **answers}
    boards[gpu] = replace(boards[gpu], answers=told)
    return machine.with_boards(*boards)


def started(library: ScriptedNvml, gpus: int) -> GpuWatch:
    watch = open_watch(Nvml(library), range(gpus))
    watch.note_residents()
    watch.start()
    watch.sample()
    return watch


@pytest.fixture(autouse=True)
def _all_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def judged(watch: GpuWatch) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Reasons why a session does not count, and notes on it, in words."""
    result = made_result(even_samples(0, [100] * 100), facts=(made_facts(0),))
    found = judge(result, watch.report(), Thresholds())
    return sentences(found.invalid), sentences(found.notes)


def test_counts_that_stay_say_nothing() -> None:
    """A board may have had errors months ago."""
    machine = changed(H100X8, 3, nvmlDeviceGetTotalEccErrors=7)
    watch = started(ScriptedNvml(machine), 8)
    use = watch.report()
    assert use.errors == ()
    assert use.seen
    sevens = (0, 0, 0, 7, 0, 0, 0, 0)
    assert use.seen.errors_before == {"ECC, corrected": sevens, "ECC, uncorrected": sevens}
    assert use.seen.errors_after == use.seen.errors_before


@pytest.mark.parametrize(
    ("answers", "of", "count", "fatal"),
    [
        ({CORRECTED: 12}, "ECC, corrected", 12, False),
        ({UNCORRECTED: 1}, "ECC, uncorrected", 1, True),
        ({"nvmlDeviceGetRemappedRows": (2, 0, 0, 0)}, "rows remapped, corrected", 2, False),
        ({"nvmlDeviceGetRemappedRows": (0, 1, 1, 0)}, "rows remapped, uncorrected", 1, True),
        ({"nvmlDeviceGetNvLinkErrorCounter(17, 1)": 5}, "NVLink", 5, False),
        ({"nvmlDeviceGetNvLinkErrorCounter(17, 3)": 6001}, "NVLink CRC", 6001, False),
        ({"nvmlDeviceGetPcieReplayCounter": 9}, "PCIe replays", 9, False),
    ],
    ids=str,
)
def test_errors_that_rise(answers: dict[str, object], of: str, count: int, fatal: bool) -> None:
    before = changed(H100X8, 2, nvmlDeviceGetPcieReplayCounter=0)
    library = ScriptedNvml(before)
    watch = started(library, 8)
    library.machine = changed(before, 2, **answers)
    invalid, notes = judged(watch)
    told = f"GPU 2 counted {count:,} more errors ({of})"
    assert (invalid, notes) == (((told,), ()) if fatal else ((), (told,)))
    assert judged(watch) == ((), ()), "the next window begins with what this one had"


@pytest.mark.parametrize(
    ("xid", "fatal"), [(79, True), (48, True), (74, True), (13, False), (31, False), (43, False)]
)
def test_critical_errors_that_the_driver_reports(xid: int, fatal: bool) -> None:
    library = ScriptedNvml(H100X8)
    watch = started(library, 8)
    library.xids = [(5, xid), (5, xid)]
    invalid, notes = judged(watch)
    whose = "of the board, its links or the driver" if fatal else "of a program"
    told = f"the driver reported Xid {xid} of GPU 5, an error {whose}"
    assert (invalid, notes) == (((told,), ()) if fatal else ((), (told,)))
    library.xids = [(5, xid)]
    use = watch.report()
    assert use.seen
    assert use.seen.xids == ((), (), (), (), (), (xid,), (), ())


def test_errors_of_boards_that_nobody_uses() -> None:
    library = ScriptedNvml(H100X8)
    watch = started(library, 4)
    library.machine = changed(H100X8, 6, **{UNCORRECTED: 1})
    library.xids = [(6, 79)]
    assert watch.report().errors == ()


def test_a_counter_that_begins_anew() -> None:
    """The driver was loaded again, or the board reset."""
    library = ScriptedNvml(changed(A10X4, 0, nvmlDeviceGetTotalEccErrors=9))
    watch = started(library, 4)
    library.machine = A10X4
    assert watch.report().errors == ()


@pytest.mark.parametrize("code", [3, 4, LOST])
def test_boards_that_count_nothing(code: int) -> None:
    refused: dict[str, object] = {
        name: Refused(code) for name in ("nvmlDeviceGetTotalEccErrors", "nvmlDeviceGetRemappedRows")
    }
    machine = changed(A10X4, 0, **refused)
    use = started(ScriptedNvml(machine), 1).report()
    assert [one.kind for one in use.errors] == []


def test_a_board_that_is_lost_tells_that_alone() -> None:
    library = ScriptedNvml(H100X8)
    watch = started(library, 8)
    library.machine = H100X8.with_boards(*H100X8.boards[:7], replace(H100X8.boards[7], lost=LOST))
    use = watch.report()
    assert [(one.kind, one.values["gpu"]) for one in use.lost_gpus] == [("lost_gpu", 7)]
    assert use.errors == ()


def test_slices_share_the_errors_of_their_board() -> None:
    library = ScriptedNvml(MIG_PAIR)
    watch = started(library, 2)
    library.machine = changed(MIG_PAIR, 0, **{UNCORRECTED: 1})
    errors: tuple[Note, ...] = watch.report().errors
    assert [one.values["gpu"] for one in errors] == [0, 0]


def test_a_library_without_events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """VGPUs and older libraries have none."""
    library = scripted(A10X4, monkeypatch, tmp_path)
    refuse: Callable[..., object] = lambda *_: library.nvmlDeviceGetMood()  # noqa: E731
    monkeypatch.setattr(library, "nvmlEventSetCreate", refuse, raising=False)
    with monitor() as found:
        watch = open_watch(found, [0])
        watch.note_residents()
        watch.start()
        watch.sample()
        assert watch.report().errors == ()


@pytest.mark.parametrize(("minutes", "replays", "notes"), [(0.5, 8, 0), (3, 24, 0), (3, 25, 1)])
def test_what_a_sound_link_repeats_is_no_note(minutes: float, replays: int, notes: int) -> None:
    """A link repeats what was lost when its rate changes, as at the beginning of each run."""
    machine = changed(A10X4, 0, nvmlDeviceGetPcieReplayCounter=100)
    library, now_s = ScriptedNvml(machine), [1000.0]
    watch = open_watch(Nvml(library), range(1))
    watch.clock = lambda: now_s[0]
    watch.note_residents()
    watch.start()
    watch.sample()
    now_s[0] += 60 * minutes
    library.machine = changed(A10X4, 0, nvmlDeviceGetPcieReplayCounter=100 + replays)
    use = watch.report()
    assert len(use.errors) == notes
    assert use.seen
    assert use.seen.errors_after["PCIe replays"] == (100 + replays,), "the record has it anyway"


def test_the_server_of_mps_is_no_other_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there before the ranks, and computes for them."""
    answers = {"nvmlDeviceGetComputeRunningProcesses": [41, 42]}
    library = ScriptedNvml(changed(A10X4, 0, **answers))
    names = {41: "/usr/bin/nvidia-cuda-mps-server", 42: "python"}
    monkeypatch.setattr(library, "nvmlSystemGetProcessName", names.__getitem__, raising=False)
    assert started(library, 1).tracks[0].before == {42}

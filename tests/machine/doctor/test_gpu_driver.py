"""The doctor's findings on what drivers count, and on drivers that do not answer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from resnext_bench.machine.doctor.checks import examine
from resnext_bench.machine.doctor.findings import Activity, Finding, Severity
from resnext_bench.machine.host.sources import here
from tests.machine.gpu.ready import (
    A10X4,
    GB10,
    H100X8,
    LOST_OF_EIGHT,
    MI300X8,
    MIG_PAIR,
    MIG_POD,
    NO_GPU,
    NO_UTILITY,
    READY,
    UNMATCHED,
    V100X4,
)
from tests.machine.gpu.scripted import (
    NO_PERMISSION,
    UNKNOWN,
    Board,
    Refused,
    ScriptedMachine,
    scripted,
)
from tests.machine.gpu.scripted_nvml import QUIET

SPOILS, DISTURBS, NOTE, FINE, HIDDEN = Severity
Look = Callable[..., list[Finding]]


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Look:
    """The findings on the GPUs of a scripted machine."""

    def found(machine: ScriptedMachine, visible: str | None = None) -> list[Finding]:
        scripted(machine, monkeypatch, tmp_path)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        quiet = Activity(seconds=1.0)
        condition = examine(here(), sampler=lambda _: quiet, holder=lambda: None)
        return [one for one in condition.findings if one.check.lower().startswith("gpu")]

    return found


def one(board: Board, **answers: object) -> ScriptedMachine:
    return replace(A10X4, boards=(replace(board, answers={**board.answers, **answers}),))


def named(found: list[Finding], check: str) -> list[tuple[Severity, str]]:
    return [(one.severity, one.value) for one in found if one.check == check]


@pytest.mark.parametrize("name", READY)
def test_no_machine_makes_the_doctor_fail(name: str, look: Look) -> None:
    found = look(READY[name])
    assert found
    assert not [one for one in found if "failed" in one.value]


def test_a_quiet_machine(look: Look) -> None:
    assert named(look(H100X8), "GPU errors") == [(FINE, "GPU 0-7: none counted")]
    assert named(look(A10X4), "GPU MIG") == [(FINE, "GPU 0-3: not supported")]


def test_gb10_says_what_its_driver_does_not(look: Look) -> None:
    found = look(GB10)
    (ecc,) = named(found, "GPU ECC")
    assert ecc == (HIDDEN, "the board has none, or the driver does not report it (Not Supported)")
    assert named(found, "GPU power limit") == [
        (HIDDEN, "the driver does not report it (Not Supported)")
    ]
    assert named(found, "GPU temperature") == [(FINE, "31 °C now")]


def test_a_board_of_which_nothing_may_be_asked(look: Look) -> None:
    """Each answer is hidden for the driver's reason, and none of them counts as good."""
    refused = {name: Refused(NO_PERMISSION) for name in QUIET} | {
        f"nvmlDeviceGet{name}": Refused(NO_PERMISSION) for name in ("MigMode", "MemoryInfo")
    }
    found = look(one(A10X4.boards[0], **refused))
    told = {one.check: one for one in found if "Insufficient Permissions" in one.value}
    assert {
        *("GPU use", "GPU throttling", "GPU persistence", "GPU clocks", "GPU power limit"),
        *("GPU temperature", "GPU compute mode", "GPU ECC", "GPU MIG", "GPU errors"),
    } <= told.keys()
    assert {finding.severity for finding in told.values()} == {HIDDEN}


def test_a_vgpu_that_tells_its_name_alone(look: Look) -> None:
    silent = {name: Refused() for name in QUIET}
    found = look(one(replace(A10X4.boards[0], name="GRID T4-16Q"), **silent))
    assert named(found, "GPU clocks") == [(HIDDEN, "the driver does not report it (Not Supported)")]


def test_one_question_that_fails_costs_no_other(look: Look) -> None:
    board = A10X4.boards[0]
    found = look(one(board, nvmlDeviceGetPersistenceMode=Refused(UNKNOWN)))
    assert named(found, "GPU persistence") == [
        (HIDDEN, "the driver does not report it (Unknown Error)")
    ]
    assert named(found, "GPU compute mode") == [(FINE, "default")]


def test_a_lost_gpu_costs_the_others_nothing(look: Look) -> None:
    found = look(LOST_OF_EIGHT)
    assert (SPOILS, "GPU 5: GPU is lost") in named(found, "GPU driver")
    assert (FINE, "GPU 0-4,6-7: 31 °C now") in named(found, "GPU temperature")
    lost = "GPU 5: the driver does not report it (GPU is lost)"
    assert (HIDDEN, lost) in named(found, "GPU temperature")


def test_a_driver_that_does_not_match(look: Look) -> None:
    (finding,) = [one for one in look(UNMATCHED) if one.check == "GPU driver"]
    assert finding.severity is SPOILS
    assert finding.value == (
        "NVML: RM has detected an NVML/RM version mismatch; a GPU is here (/dev/nvidia0, "
        "/dev/nvidia1, /dev/nvidia2 …)"
    )
    assert "restart the machine" in finding.advice


def test_a_container_without_the_capability(look: Look) -> None:
    (finding,) = [one for one in look(NO_UTILITY) if one.check == "GPU driver"]
    assert (finding.severity, finding.value.partition(";")[0]) == (
        DISTURBS,
        "NVML Shared Library Not Found",
    )
    assert "NVIDIA_DRIVER_CAPABILITIES" in finding.advice


def test_a_host_whose_gpus_are_others(look: Look) -> None:
    (finding,) = look(replace(NO_UTILITY, nodes_made=False))
    assert (finding.check, finding.severity) == ("GPU driver", NOTE)


@pytest.mark.parametrize(
    ("names", "severity"), [("4", SPOILS), ("0,0", SPOILS), ("0,4", DISTURBS), ("0,-1", None)]
)
def test_names_of_gpus(names: str, severity: Severity | None, look: Look) -> None:
    """What a run is refused for spoils it; fewer GPUs than were named disturb."""
    found = look(A10X4, visible=names)
    assert [one.severity for one in found if one.check == "GPU names"] == (
        [] if severity is None else [severity]
    )


def test_gpus_of_several_kinds(look: Look) -> None:
    ten = A10X4.boards[0]
    found = look(A10X4.with_boards(ten, replace(ten, name="NVIDIA L4"), ten))
    assert named(found, "GPU kinds") == [(DISTURBS, "2 x NVIDIA A10, 1 x NVIDIA L4")]
    assert named(look(A10X4), "GPU kinds") == []


def test_all_hidden_is_said(look: Look) -> None:
    (finding,) = [one for one in look(A10X4, visible="") if one.check == "gpus"]
    assert finding.value.endswith("(CUDA_VISIBLE_DEVICES= hides all)")


def test_no_gpu_at_all(look: Look) -> None:
    assert [(one.check, one.severity, one.value) for one in look(NO_GPU)] == [
        ("gpus", HIDDEN, "no GPU is visible (NVML Shared Library Not Found)")
    ]


def test_slices(look: Look) -> None:
    assert named(look(MIG_PAIR), "GPU MIG") == [(DISTURBS, "GPU 0: on")]
    board = replace(MIG_POD.boards[0], slices=())
    told = "GPU 0 is in MIG mode and has no slice for this program"
    assert (SPOILS, told) in named(look(MIG_POD.with_boards(board)), "GPU MIG")
    beside = look(MIG_POD.with_boards(board, replace(board, mig=False)))
    assert (NOTE, told) in named(beside, "GPU MIG")


def test_boards_of_others(look: Look) -> None:
    boards = (replace(A10X4.boards[0], denied=True), A10X4.boards[1])
    assert named(look(A10X4.with_boards(*boards)), "GPU access") == [
        (NOTE, "GPU 0 is not this program's (Insufficient Permissions)")
    ]


@pytest.mark.parametrize(
    ("answers", "severity", "told"),
    [
        ({"nvmlDeviceGetTotalEccErrors(0, 0)": 12}, NOTE, "12 ECC, corrected"),
        ({"nvmlDeviceGetTotalEccErrors(1, 0)": 1}, DISTURBS, "1 ECC, uncorrected"),
        ({"nvmlDeviceGetPcieReplayCounter": 3}, NOTE, "3 PCIe replays"),
        # Ever, and repaired since.
        ({"nvmlDeviceGetRemappedRows": (0, 1, 0, 0)}, NOTE, "1 rows remapped, uncorrected"),
    ],
    ids=str,
)
def test_errors_that_were_counted(
    answers: dict[str, object], severity: Severity, told: str, look: Look
) -> None:
    ((found, value),) = named(look(one(A10X4.boards[0], **answers)), "GPU errors")
    assert (found, value.partition(" (")[0]) == (severity, told)


@pytest.mark.parametrize(
    ("rows", "severity"), [((1, 0, 1, 0), DISTURBS), ((0, 2, 0, 1), SPOILS), ((3, 0, 0, 0), None)]
)
def test_memory_that_waits_for_repair(
    rows: tuple[int, ...], severity: Severity | None, look: Look
) -> None:
    found = look(one(A10X4.boards[0], nvmlDeviceGetRemappedRows=rows))
    assert [one for one, _ in named(found, "GPU memory")] == ([severity] if severity else [])


def test_the_multi_process_service_is_seen(look: Look) -> None:
    process = type("Process", (), {"pid": 7})()
    found = look(one(A10X4.boards[0], nvmlDeviceGetMPSComputeRunningProcesses=[process]))
    assert [severity for severity, _ in named(found, "GPU MPS")] == [NOTE]
    assert named(look(A10X4), "GPU MPS") == []


def test_a_board_in_exclusive_mode(look: Look) -> None:
    found = look(one(A10X4.boards[0], nvmlDeviceGetComputeMode=3))
    assert named(found, "GPU compute mode") == [(DISTURBS, "exclusive process")]


def test_an_idle_board(look: Look) -> None:
    """Its clocks are low because nothing runs: no throttling."""
    found = look(A10X4)
    assert named(found, "GPU throttling") == [(FINE, "GPU 0-3: none now")]


def test_boards_of_amds_are_experimental(look: Look) -> None:
    """And no command of another vendor's tool is of use there."""
    found = look(MI300X8)
    assert named(found, "GPU driver") == [(FINE, "GPU 0-7: amdgpu 6.14.14")]
    assert named(found, "GPU monitor") == [(NOTE, "GPU 0-7: AMD SMI, experimental")]
    assert not [one.command for one in found if "nvidia" in one.command]


def test_an_old_driver_is_told(look: Look) -> None:
    assert named(look(V100X4), "GPU driver") == [(FINE, "GPU 0-3: 550.127.05, CUDA 12.4")]

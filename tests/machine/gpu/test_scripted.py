"""The scripted machines answer as nvidia-ml-py would: same names, types and errors."""

from pathlib import Path

import pynvml
import pytest

from resnext_bench.machine.inventory import inspect
from tests.machine.gpu.ready import (
    DGX_A100,
    GB10,
    H100X8,
    LOST_OF_EIGHT,
    MIG_PAIR,
    MIG_POD,
    NO_UTILITY,
    READY,
    UNMATCHED,
)
from tests.machine.gpu.scripted import Board, Refused, ScriptedMachine, scripted
from tests.machine.gpu.scripted_nvml import QUIET, ScriptedNvml


def test_each_answer_is_to_a_question_that_can_be_asked() -> None:
    machines = [board for machine in READY.values() for board in machine.boards]
    asked = {*QUIET, *(name for board in machines for name in board.answers)}
    assert {name for name in asked if not hasattr(pynvml, name.partition("(")[0])} == set()


def test_types_are_nvmls() -> None:
    library = ScriptedNvml(H100X8)
    handle = library.nvmlDeviceGetHandleByIndex(2)
    assert library.nvmlDeviceGetMemoryInfo(handle).total == int(79.65 * 2**30)
    assert library.nvmlDeviceGetUtilizationRates(handle).gpu == 0
    assert library.nvmlDeviceGetPciInfo(handle).busId == "00000000:28:00.0"
    assert library.nvmlDeviceGetNvLinkState(handle, 17) == 1
    with pytest.raises(pynvml.NVMLError_NotSupported):
        library.nvmlDeviceGetNvLinkState(handle, 18)
    with pytest.raises(AttributeError):
        library.nvmlDeviceGetMood(handle)


def test_places_of_the_boards() -> None:
    library = ScriptedNvml(DGX_A100)
    handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(8)]
    assert [library.nvmlDeviceGetNumaNodeId(one) for one in handles] == [3, 3, 1, 1, 7, 7, 5, 5]
    (first, *rest) = library.nvmlDeviceGetCpuAffinity(handles[2], 4)
    assert (first, rest) == (0xFFFF << 16, [0, 0xFFFF << 16, 0])


def test_slices() -> None:
    library = ScriptedNvml(MIG_PAIR)
    board = library.nvmlDeviceGetHandleByIndex(0)
    second = library.nvmlDeviceGetMigDeviceHandleByIndex(board, 1)
    assert library.nvmlDeviceGetName(second) == "NVIDIA A100-SXM4-40GB MIG 3g.20gb"
    assert library.nvmlDeviceGetHandleByUUID(library.nvmlDeviceGetUUID(second)) == second
    assert library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(second) == board
    with pytest.raises(pynvml.NVMLError_NotFound):
        library.nvmlDeviceGetMigDeviceHandleByIndex(board, 2)
    with pytest.raises(pynvml.NVMLError_NotSupported):
        library.nvmlDeviceGetUtilizationRates(board)
    with pytest.raises(pynvml.NVMLError_NoPermission):
        ScriptedNvml(MIG_POD).nvmlDeviceGetMemoryInfo(board)


@pytest.mark.parametrize(
    ("machine", "error"),
    [(UNMATCHED, "LibRmVersionMismatch"), (NO_UTILITY, "LibraryNotFound")],
)
def test_a_library_that_does_not_start(machine: ScriptedMachine, error: str) -> None:
    with pytest.raises(getattr(pynvml, f"NVMLError_{error}")):
        ScriptedNvml(machine).nvmlInit()


def test_a_lost_board_has_no_handle() -> None:
    library = ScriptedNvml(H100X8)
    handle = library.nvmlDeviceGetHandleByIndex(5)
    library.machine = LOST_OF_EIGHT
    with pytest.raises(pynvml.NVMLError_GpuIsLost):
        library.nvmlDeviceGetName(handle)
    with pytest.raises(pynvml.NVMLError_GpuIsLost):
        library.nvmlDeviceGetHandleByIndex(5)
    assert library.nvmlDeviceGetHandleByIndex(6)


def test_one_answer_may_be_an_error() -> None:
    board = Board(answers={"nvmlDeviceGetClockInfo(1)": Refused()})
    library = ScriptedNvml(ScriptedMachine(boards=(board,)))
    handle = library.nvmlDeviceGetHandleByIndex(0)
    assert library.nvmlDeviceGetClockInfo(handle, 2)
    with pytest.raises(pynvml.NVMLError_NotSupported):
        library.nvmlDeviceGetClockInfo(handle, 1)


def test_errors_of_the_kernel_are_fetched_once() -> None:
    library = ScriptedNvml(H100X8)
    library.xids = [(3, 79), (0, 13)]
    events = library.nvmlEventSetCreate()
    xid = pynvml.nvmlEventTypeXidCriticalError
    library.nvmlDeviceRegisterEvents(library.nvmlDeviceGetHandleByIndex(0), xid, events)
    assert library.nvmlEventSetWait_v2(events, 0).eventData == 13
    with pytest.raises(pynvml.NVMLError_Timeout):
        library.nvmlEventSetWait_v2(events, 0)


def test_it_stands_in_the_place_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted(H100X8, monkeypatch, tmp_path)
    machine = inspect()
    assert (len(machine.cores), machine.physical_cores, machine.cpu_name) == (
        224,
        112,
        "Scripted CPU",
    )
    assert machine.cores[:4] == (0, 112, 1, 113)
    assert [gpu.name for gpu in machine.gpus] == ["NVIDIA H100 80GB HBM3"] * 8


def test_files_of_the_boards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted(GB10, monkeypatch, tmp_path)
    device = tmp_path / "sys/bus/pci/devices/000f:01:00.0"
    assert (device / "vendor").read_text() == "0x10de\n"
    assert (device / "numa_node").read_text() == "0\n"
    assert (tmp_path / "dev/nvidia0").exists()

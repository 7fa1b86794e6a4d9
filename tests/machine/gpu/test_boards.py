"""Boards and their driver, from answers played back."""

import pytest
from msgspec.structs import replace

from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.boards import read_boards, together
from resnext_bench.reports.schema.machine import Board
from tests.machine.recorded_nvml import QUIET, RecordedNvml, always, lost_at, without
from tests.reports.made_results import made_board


@pytest.fixture(autouse=True)
def _all_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def read(library: RecordedNvml, monkeypatch: pytest.MonkeyPatch) -> tuple[Board, ...]:
    monkeypatch.setattr(nvml, "session", library.session)
    return read_boards()[1]


def test_boards_set_alike_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    uuids = tuple(f"GPU-{index:08x}" for index in range(8))
    assert read(RecordedNvml(QUIET, gpus=8), monkeypatch) == (made_board(8, uuids=uuids),)


def test_one_set_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"*": [[0.0, 700_000]], "2": [[0.0, 500_000]]}
    library = RecordedNvml(QUIET | {"nvmlDeviceGetEnforcedPowerLimit": limits}, gpus=4)
    first, second = read(library, monkeypatch)
    assert (first.gpus, first.power_limit_w) == ((0, 1, 3), 700)
    assert (second.gpus, second.power_limit_w) == ((2,), 500)


def test_only_those_that_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    (board,) = read(RecordedNvml(QUIET, gpus=4), monkeypatch)
    assert board.gpus == (3, 1)


@pytest.mark.parametrize(("mode", "word"), [(0, "default"), (2, "prohibited"), (9, "mode 9")])
def test_compute_modes(monkeypatch: pytest.MonkeyPatch, mode: int, word: str) -> None:
    library = RecordedNvml(QUIET | {"nvmlDeviceGetComputeMode": always(mode)}, gpus=1)
    (board,) = read(library, monkeypatch)
    assert board.compute_mode == word


def test_a_driver_that_tells_little(monkeypatch: pytest.MonkeyPatch) -> None:
    assert nvml.Nvml(RecordedNvml(without("nvmlSystemGetCudaDriverVersion_v2"))).versions() == {
        "driver": "610.43.02"
    }
    assert nvml.Nvml(RecordedNvml({})).versions() == {}
    (board,) = read(RecordedNvml({}, gpus=1), monkeypatch)
    assert replace(board, unanswered=()) == Board(gpus=(0,), uuids=("GPU-00000000",))
    assert ("ECC mode", "Not Supported") in board.unanswered


def test_boards_are_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    there, lost = read(RecordedNvml(lost_at(0.0, gpu=1)), monkeypatch)
    assert (there.gpus, there.name, there.lost) == ((0,), "NVIDIA H200", "")
    assert (lost.gpus, lost.name, lost.lost) == ((1,), "", "GPU is lost")
    assert together([]) == ()

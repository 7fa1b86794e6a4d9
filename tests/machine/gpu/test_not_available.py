"""Numbers that stand for no answer, of which none becomes a figure."""

import pytest

from resnext_bench.machine.gpu.nvml import Nvml
from resnext_bench.machine.gpu.nvml_gpu import Gpu
from tests.machine.gpu.ready import H100X8, NOT_AVAILABLE
from tests.machine.gpu.scripted import Board
from tests.machine.gpu.scripted_nvml import ScriptedNvml


def gpu(board: Board) -> Gpu:
    (found,) = Nvml(ScriptedNvml(H100X8.with_boards(board))).gpus()
    return found


@pytest.fixture(autouse=True)
def _all_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_minus_one_is_no_answer() -> None:
    one = gpu(NOT_AVAILABLE.boards[0])
    facts, board = one.facts(), one.board()
    assert (facts.memory_gib, facts.capability) == (None, None)
    assert (one.sm_mhz(), one.memory_mhz(), one.power_w()) == (None, None, None)
    assert (one.temperature_c(), one.energy_j(), one.use_percent()) == (None, None, None)
    assert (one.clocks_down(), one.free_gib(), one.link()) == (None, None, (None, None))
    assert (board.sm_max_mhz, board.power_limit_w) == (None, None)
    assert "ECC, uncorrected" not in one.errors()
    assert one.unanswered["power"] == "N/A"


def test_zero_is_an_answer_where_it_can_be_one() -> None:
    limits = ("nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetPowerManagementDefaultLimit")
    one = gpu(Board(memory_gib=0, answers=dict.fromkeys(limits, 0)))
    assert (one.facts().memory_gib, one.free_gib()) == (None, 0.0)
    assert (one.board().power_limit_w, one.board().default_limit_w) == (None, None)
    assert one.use_percent() == 0
    assert one.errors()["ECC, corrected"] == 0

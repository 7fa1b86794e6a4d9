"""GPUs that cannot be used are refused before anything starts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from resnext_bench.config import gpu_fit
from resnext_bench.config.gpu_fit import UnfitGpu, exclusive_gpus, gpu_lacks, require_gpus
from resnext_bench.config.resolve import resolve
from resnext_bench.launch.topology import place_ranks
from resnext_bench.machine.host.memory import SharedMemory
from resnext_bench.machine.inventory import Machine, inspect
from tests.machine.gpu.ready import A10X4, H100X8, V100X4
from tests.machine.gpu.scripted import ScriptedMachine, scripted

COMPUTE_MODE = "nvmlDeviceGetComputeMode"
Told = Callable[..., Machine]


def lacks(machine: Machine, **request: str | int) -> list[str]:
    config = resolve({"pipeline": "synthetic", **request}, machine, None).config
    return list(gpu_lacks(config, place_ranks(config, machine), machine))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    """Return what a scripted machine comes to, with a compute mode on some of its boards."""

    def of(machine: ScriptedMachine, mode: int = 0, boards: tuple[int, ...] = ()) -> Machine:
        answered = (
            replace(board, answers={**board.answers, COMPUTE_MODE: mode}) if at in boards else board
            for at, board in enumerate(machine.boards)
        )
        scripted(machine.with_boards(*answered), monkeypatch, tmp_path)
        return inspect()

    return of


def test_gpus_that_can_be_used(told: Told) -> None:
    assert lacks(told(H100X8)) == []


def test_an_old_gpu_with_an_old_driver(told: Told) -> None:
    """The installed build is for CUDA 13 and has nothing for Volta."""
    machine = told(V100X4)
    (lack,) = lacks(machine)
    assert "no kernels for Tesla V100-SXM2-32GB (capability 7.0)" in lack
    assert "driver 550.127.05 supports CUDA 12.4" in lack
    assert "whl/cu126" in lack
    assert lacks(machine, device="cpu") == []


def test_a_refusal_before_the_launch(told: Told) -> None:
    machine = told(V100X4)
    config = resolve({"pipeline": "synthetic"}, machine, None).config
    with pytest.raises(UnfitGpu, match="no kernels") as refused:
        require_gpus(config, place_ranks(config, machine), machine)
    assert refused.value.exit_code == 5
    assert "\n" not in str(refused.value)


def test_only_the_gpus_in_use_count(told: Told) -> None:
    machine = told(A10X4, 2, (3,))
    assert lacks(machine, nproc_per_node=2) == []
    (lack,) = lacks(machine)
    assert lack.startswith("GPU 3: compute mode prohibited")
    assert "sudo nvidia-smi --compute-mode=DEFAULT" in lack


def test_an_exclusive_gpu_takes_one_rank(told: Told) -> None:
    machine = told(A10X4, 3, (0, 1, 2, 3))
    assert lacks(machine) == []
    first, *_ = lacks(machine, nodes=2, nproc_per_node=4)
    assert first.startswith("2 ranks share GPU 0, which takes one process at a time")


def test_an_exclusive_gpu_plays_no_duet(told: Told) -> None:
    machine = told(A10X4, 3, (1,))
    plans = [
        place_ranks(
            resolve({"pipeline": "synthetic", "nproc_per_node": n}, machine, None).config, machine
        )
        for n in (1, 2, 2)
    ]
    assert exclusive_gpus(plans[:2], machine) == ""
    assert exclusive_gpus(plans, machine) == (
        "GPU 1 takes one process at a time (compute mode exclusive process), and 2 sides would "
        "use it at once"
    )


def test_nccl_needs_shared_memory(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = SharedMemory(total=0, free=0, problem="/dev/shm is missing")
    monkeypatch.setattr(gpu_fit, "shared_memory", lambda: missing)
    machine = told(A10X4)
    (lack,) = lacks(machine)
    assert lack.startswith("/dev/shm is missing, but NCCL")
    assert lacks(machine, nproc_per_node=1) == []
    monkeypatch.setenv("NCCL_SHM_DISABLE", "1")
    assert lacks(machine) == []


def test_ranks_that_share_a_gpu_under_mps(
    told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """NVIDIA advises exclusive process with the Multi-Process Service, whose clients share it."""
    machine = told(A10X4, 3, (0, 1, 2, 3))
    config = resolve({"pipeline": "synthetic", "nodes": 2, "nproc_per_node": 4}, machine, None)
    places = place_ranks(config.config, machine)
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path / "mps"))
    assert len(list(gpu_lacks(config.config, places, machine))) == 4
    assert exclusive_gpus([places, places], machine)
    (tmp_path / "mps").mkdir()
    (tmp_path / "mps/control").touch()
    assert list(gpu_lacks(config.config, places, machine)) == []
    assert exclusive_gpus([places, places], machine) == ""

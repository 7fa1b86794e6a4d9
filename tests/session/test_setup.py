"""What is refused before a folder is made or an image decoded."""

from dataclasses import replace
from pathlib import Path

import pytest

from resnext_bench.config.gpu_fit import UnfitGpu
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.config import Request
from resnext_bench.session.setup import Setup, set_up
from resnext_bench.session.turns.room import NoRoom, require_shared_gpus
from tests.machine.gpu.ready import A10X4, V100X4
from tests.machine.gpu.scripted import ScriptedMachine, scripted


def made(root: Path, nproc: int) -> Setup:
    request: Request = {"pipeline": "synthetic", "nproc_per_node": nproc}
    return set_up(request, inspect(), root=root, command=(), tell=lambda *_: None)


def exclusive(machine: ScriptedMachine) -> ScriptedMachine:
    return machine.with_boards(
        *(replace(board, answers={"nvmlDeviceGetComputeMode": 3}) for board in machine.boards)
    )


def test_a_gpu_that_torch_has_no_kernels_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted(V100X4, monkeypatch, tmp_path)
    with pytest.raises(UnfitGpu, match="no kernels for Tesla V100"):
        made(tmp_path / "runs", 1)
    assert not (tmp_path / "runs").exists()


def test_two_sides_on_an_exclusive_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = replace(exclusive(A10X4), driver="580.95.05", cuda=13000)
    scripted(machine, monkeypatch, tmp_path)
    run = made(tmp_path / "runs", 2)
    require_shared_gpus(run)
    with pytest.raises(
        NoRoom, match="use --design relaunch, or allow more processes: sudo nv"
    ) as no:
        require_shared_gpus(run, run, instead="use --design relaunch, or")
    assert no.value.why.startswith("GPU 0 takes one process at a time")
    with pytest.raises(NoRoom, match="at once; allow more processes"):
        require_shared_gpus(run, run, run)

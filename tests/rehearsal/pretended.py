"""A whole run on a scripted machine: all its processes get the script's answers about GPUs.

Python imports `sitecustomize` of the folder `hook` in each of them, which calls `begin`. The ranks
compute on the CPU: where they would take their GPU and join NCCL's group, the hook gives them the
CPU and gloo's. The program itself knows of none of this.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.machine.gpu.ready import A10X4, H100X8
from tests.machine.gpu.scripted import LOST, Board, ScriptedMachine, scripted
from tests.machine.gpu.scripted_nvml import Handle, ScriptedNvml

RANK: Final = "resnext_bench.worker.session"
"""The module in which a rank takes its device and joins the others."""
THERMAL_SLOWDOWN: Final = 0x40
"""nvmlClocksEventReasonHwThermalSlowdown."""
WATCHED: Final = "nvmlDeviceGetCurrentClocksEventReasons"
"""What the watch asks first of a GPU at each moment."""
MOMENTS: Final = 3
"""Moments of the watch after which the second GPU is lost."""

_HOT: Final = {
    WATCHED: THERMAL_SLOWDOWN,
    "nvmlDeviceGetClockInfo(1)": 1110,
    "nvmlDeviceGetPowerUsage": 402_500,
    "nvmlDeviceGetTemperature": 91,
    "nvmlDeviceGetUtilizationRates": [97, 40],
}
_H100: Final = replace(H100X8.boards[0], answers=_HOT)
HOT_PAIR: Final = ScriptedMachine(
    boards=(replace(_H100, node=1), replace(_H100, node=0)),
    cores=8,
    siblings=False,
    numa_nodes=2,
    torch=H100X8.torch[:2],
)
"""Two boards that are too hot, the first of them on the second socket."""
LOSING_PAIR: Final = ScriptedMachine(boards=A10X4.boards[:2], cores=4, torch=A10X4.torch[:2])
"""Two boards, of which the second falls off its bus while the run is watched."""
MACHINES: Final = {"hot": HOT_PAIR, "losing": LOSING_PAIR}


def variables(name: str, root: Path) -> dict[str, str]:
    """Return the variables with which a program runs on a machine; its files lie below `root`."""
    here = Path(__file__).parent
    paths = (here / "hook", here.parent.parent)
    return {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "SCRIPTED_MACHINE": name,
        "SCRIPTED_FILES": str(root),
    }


def begin(name: str, root: str) -> None:
    """Put the machine in the place of this one, for the life of this process."""
    patch = pytest.MonkeyPatch()
    library = scripted(MACHINES[name], patch, Path(root))
    if name == "losing":
        patch.setitem(sys.modules, "pynvml", Losing(library.machine))
    _bind_to_scripted_cores(patch)
    sys.meta_path.insert(0, AfterImport(RANK, compute_on_cpu))


class Losing(ScriptedNvml):
    """Loses the second GPU after it has answered the watch a few times."""

    def __init__(self, machine: ScriptedMachine) -> None:
        super().__init__(machine)
        self._left = MOMENTS

    def _answer(self, name: str, handle: Handle, *arguments: Any) -> Any:
        if name == WATCHED and handle.board == 1:
            self._left -= 1
            if self._left < 0:
                first, second = self.machine.boards
                self.machine = self.machine.with_boards(first, lost(second))
        return super()._answer(name, handle, *arguments)


def lost(board: Board) -> Board:
    """Return the board as it is after it fell off its bus."""
    return replace(board, lost=LOST)


def _bind_to_scripted_cores(patch: pytest.MonkeyPatch) -> None:
    """Let a process be bound to cores that this host may not have, and say that it is."""

    def bind(pid: int, cores: Any) -> None:
        bound = set(cores)
        patch.setattr(os, "sched_getaffinity", lambda _: bound)

    patch.setattr(os, "sched_setaffinity", bind)


def compute_on_cpu(session: ModuleType) -> None:
    """Give a rank the CPU in the place of its GPU, and gloo in that of NCCL."""
    import torch

    join = session.group.join
    session._device = lambda job, place: torch.device("cpu")  # type: ignore[attr-defined]
    session.group.join = lambda backend, device, timeout: join("gloo", device, timeout)


class AfterImport(MetaPathFinder):
    """Changes a module as soon as it is imported."""

    def __init__(self, name: str, change: Callable[[ModuleType], None]) -> None:
        self._name, self._change, self._looks = name, change, False

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        """Find the module as Python does otherwise, and have it changed when it has run."""
        if fullname != self._name or self._looks:
            return None
        self._looks = True
        spec = importlib.util.find_spec(fullname)
        assert spec is not None
        loader: Any = spec.loader
        run = loader.exec_module

        def execute(module: ModuleType) -> None:
            run(module)
            self._change(module)

        loader.exec_module = execute
        return spec

"""Room for both sides: judged by the first one, and by what becomes of the second."""

import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.config import memory as config_memory
from resnext_bench.config.memory import NoSharedMemory
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.host import memory as machine_memory
from resnext_bench.machine.host.memory import SharedMemory
from resnext_bench.reports.schema.record import Failure, FailureKind
from resnext_bench.session.turns import room
from resnext_bench.session.turns.room import Free, NoRoom, memory_sought, no_room
from tests.machine.recorded_nvml import RecordedNvml, lost_at
from tests.session.made_duets import made_setup

PIDS = (1, 2)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """GiB: what the first side took, what is left, and what is left on the GPU."""
    found = {"taken": 1.0, "left": 100.0, "gpu_left": math.inf}
    monkeypatch.setattr(room, "peak_resident_gib", lambda pids: found["taken"])
    monkeypatch.setattr(machine_memory, "available_memory_gib", lambda: found["left"])
    monkeypatch.setattr(room, "gpu_free_gib", lambda indices: found["gpu_left"])
    monkeypatch.setattr(
        machine_memory.cgroup, "free_memory_gib", lambda sources: found.get("allowed")
    )
    return found


def require_room(root: Path, gpu_free: float = math.inf, **second: int) -> None:
    before = Free(gpus=(0,), gpu_gib=gpu_free)
    room.require_room(PIDS, made_setup(root), made_setup(root, **second), before)


@pytest.mark.parametrize(
    ("second", "needed"),
    [
        ({}, 1.25),
        ({"batch_size": 8}, 5.0),  # four times the images, and a quarter to be safe
        ({"image_size": 64}, 5.0),  # four times the pixels
        ({"batch_size": 1}, 1.25),  # fewer images do not make the program smaller
        ({"batch_size": 4, "nodes": 2}, 5.0),
    ],
    ids=str,
)
def test_memory_for_the_second_side(
    tmp_path: Path, memory: dict[str, float], second: dict[str, int], needed: float
) -> None:
    memory["left"] = needed
    require_room(tmp_path, **second)
    memory["left"] = needed - 0.01
    with pytest.raises(NoRoom, match=rf"memory .* about {needed:.1f} GiB, and"):
        require_room(tmp_path, **second)


def test_gpu_memory_is_judged_by_what_the_first_side_took(
    tmp_path: Path, memory: dict[str, float]
) -> None:
    memory["gpu_left"] = 6.0  # of 10: it took 4, so the second one may take 5
    require_room(tmp_path, gpu_free=10.0)
    memory["gpu_left"] = 5.0  # it took 5, and 6.25 are not there
    expected = (
        r"GPU memory cannot hold both sides: .* about 6\.2 GiB, and 5\.0 GiB are free; use --des"
    )
    with pytest.raises(NoRoom, match=expected):
        require_room(tmp_path, gpu_free=10.0)


def test_a_control_group_may_allow_less_than_the_machine_has(
    tmp_path: Path, memory: dict[str, float]
) -> None:
    memory["allowed"] = 1.25
    require_room(tmp_path)
    memory["allowed"] = 1.24
    with pytest.raises(NoRoom, match=r"about 1\.2 GiB, and 1\.2 GiB are free"):
        require_room(tmp_path)


@pytest.mark.parametrize(
    ("kind", "is_room"),
    [("killed", True), ("out_of_memory", True), ("signal", False), ("error", False)],
)
def test_a_side_that_ends_for_want_of_memory_has_no_room(kind: FailureKind, is_room: bool) -> None:
    failure = Failure(rank=0, kind=kind, what="rank 0: gone", log="", log_tail=())
    expected: Any = NoRoom if is_room else SessionFailed
    with pytest.raises(expected) as found, memory_sought(no_room):
        raise SessionFailed(failure)
    assert "rank 0: gone" in str(found.value)


def test_a_gpu_that_does_not_answer_has_unknown_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was lost: what its ranks say of their end counts."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    library = RecordedNvml(lost_at(5.0, gpu=1))
    monkeypatch.setattr(nvml, "session", library.session)
    assert room.gpu_free_gib([0, 1]) == pytest.approx(140.4, abs=0.1)
    library.now_s = 5.0
    assert room.gpu_free_gib([0, 1]) == math.inf


@pytest.mark.parametrize(
    ("b", "is_refused"),
    [
        ({"pipeline": "torchvision"}, True),
        ({"pipeline": "torchvision", "prefetch": 1}, False),
        ({"pipeline": "synthetic"}, False),
    ],
    ids=str,
)
def test_shared_memory_for_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, b: dict[str, Any], is_refused: bool
) -> None:
    """Alone each of them has enough: 2 x 512 pictures of 32 x 32 take 1.5 MiB each."""
    a: dict[str, Any] = {"pipeline": "torchvision"}
    sides = [made_setup(tmp_path, batch_size=512, **side) for side in (a, b)]
    there = SharedMemory(total=8 * 2**20, free=8 * 2**20)
    monkeypatch.setattr(config_memory, "shared_memory", lambda: there)
    expected = pytest.raises(NoRoom, match=r"^2 sides at once: .* use --design relaunch$")
    with expected if is_refused else nullcontext(), room.no_room_told():
        room.require_shared_memory_for(*sides)


def test_a_second_loader_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_setup(tmp_path, batch_size=512, pipeline="torchvision")
    there = SharedMemory(total=8 * 2**20, free=8 * 2**20)
    monkeypatch.setattr(config_memory, "shared_memory", lambda: there)
    room.require_shared_memory_for(run)
    with pytest.raises(NoSharedMemory):
        room.require_shared_memory_for(replace(run, other_threads=2))


def test_memory_for_several_more_sides(memory: dict[str, float]) -> None:
    """The first took 4 GiB of the GPU: two more need 10."""
    before = Free(gpus=(0,), gpu_gib=14.0)
    memory["gpu_left"] = 10.0
    assert room.lack_for_more(PIDS, before, 2) == ""
    memory["gpu_left"] = 9.9
    before = Free(gpus=(0,), gpu_gib=13.9)
    assert room.lack_for_more(PIDS, before, 2) == (
        "GPU memory cannot hold 3 sides: 2 more need about 10.0 GiB, and 9.9 GiB are free"
    )

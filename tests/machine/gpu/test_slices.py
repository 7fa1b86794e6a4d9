"""MIG: slices are devices, and each rank sees its own alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from resnext_bench.launch.commands import commands
from resnext_bench.launch.topology import place_member, place_ranks
from resnext_bench.machine.gpu import torch_devices
from resnext_bench.machine.gpu.boards import read_boards
from resnext_bench.machine.gpu.facts import GpuFacts, LeftOut
from resnext_bench.machine.gpu.monitor import monitor, visible_gpus
from resnext_bench.machine.gpu.nvml_list import visible
from resnext_bench.machine.inventory import inspect
from tests.machine.gpu.ready import A10X4, MIG_MIXED, MIG_PAIR, MIG_POD, a100_slice
from tests.machine.gpu.scripted import NO_PERMISSION, Refused, ScriptedMachine, scripted
from tests.machine.gpu.scripted_nvml import ScriptedNvml, uuid_of
from tests.machine.made_members import made_member
from tests.reports.made_results import made_config

BOARD = uuid_of(MIG_PAIR, 0)
FIRST, SECOND = (one.uuid for one in MIG_PAIR.boards[0].slices)


def named(machine: ScriptedMachine) -> list[str]:
    return [gpu.uuid for gpu in visible(ScriptedNvml(machine)).gpus]


@pytest.fixture(autouse=True)
def _all_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("names", "devices"),
    [
        (None, [FIRST, SECOND, uuid_of(MIG_MIXED, 1), uuid_of(MIG_MIXED, 2)]),
        ("0", [FIRST, SECOND]),
        (BOARD, [FIRST, SECOND]),
        (SECOND, [SECOND]),
        (f"{SECOND},{FIRST}", [SECOND, FIRST]),
        (f"MIG-{BOARD}/8/0", [SECOND]),
        (f"MIG-{BOARD}/9/0,1", []),
        ("2,0", [uuid_of(MIG_MIXED, 2), FIRST, SECOND]),
        (f"{FIRST},1", [FIRST, uuid_of(MIG_MIXED, 1)]),
        ("MIG-gone,1", []),
    ],
)
def test_devices_in_the_order_of_the_variable(
    names: str | None, devices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if names is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", names)
    assert named(MIG_MIXED) == devices


def test_slices_whose_board_the_driver_does_not_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They may be of one board, so NCCL is not tried, and each rank sees its own all the same."""
    library = scripted(MIG_PAIR, monkeypatch, tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{SECOND},{FIRST}")

    def refused(handle: object) -> object:
        return library.nvmlDeviceGetHandleByIndex(99)

    library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle = refused
    config = made_config(device="cuda", nodes=1, nproc_per_node=2, engine="ddp")
    topology = place_ranks(config, inspect())
    assert [place.alone for place in topology.places] == [SECOND, FIRST]
    assert topology.backend == "gloo"


def test_numbers_of_slices_have_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    library = ScriptedNvml(MIG_PAIR)
    one = library.nvmlDeviceGetMigDeviceHandleByIndex

    def gapped(handle: object, index: int) -> object:
        return one(handle, {0: 9, 2: 0, 5: 1}.get(index, 9))

    library.nvmlDeviceGetMigDeviceHandleByIndex = gapped
    assert [gpu.uuid for gpu in visible(library).gpus] == [FIRST, SECOND]


def test_a_slice_has_its_own_memory_and_its_boards_clocks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the driver refuses of the board, as others compute on it too, is no slice's."""
    scripted(MIG_POD, monkeypatch, tmp_path)
    (facts,) = visible_gpus().gpus
    assert (facts.name, facts.memory_gib, facts.capability) == (
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        4.75,
        (8, 0),
    )
    assert (facts.uuid, facts.board) == (a100_slice(0).uuid, uuid_of(MIG_POD, 0))
    with monitor() as found:
        assert found
        (gpu,) = found.gpus()
        assert (gpu.index, gpu.sm_mhz(), gpu.use_percent()) == (0, 345, None)
        assert gpu.free_gib() == pytest.approx(4.25)
        assert gpu.residents() == set()
    _, (board,) = read_boards()
    assert (board.mig, board.sm_max_mhz, board.uuids) == (True, 1410, (facts.uuid,))


def test_a_board_whose_slices_the_driver_does_not_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers = {"nvmlDeviceGetMaxMigDeviceCount": Refused(NO_PERMISSION)}
    board = replace(MIG_POD.boards[0], slices=(), answers=answers)
    scripted(MIG_POD.with_boards(board), monkeypatch, tmp_path)
    seen = visible_gpus()
    assert (seen.gpus, [one.why for one in seen.left_out]) == ((), ["no slices"])


def test_each_rank_sees_its_own_slice_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted(MIG_PAIR, monkeypatch, tmp_path)
    config = made_config(device="cuda", nodes=1, nproc_per_node=2, engine="ddp")
    topology = place_ranks(config, inspect())
    assert [place.alone for place in topology.places] == [FIRST, SECOND]
    assert [place.device_shared_by for place in topology.places] == [1, 1]
    assert topology.backend == "gloo"  # NCCL refuses two ranks on one board
    (command,) = commands(config, topology, folder=Path("f"), run_id="ID", port=1)
    assert command.environment["CUDA_VISIBLE_DEVICES"] == f"{FIRST},{SECOND}"


def test_a_board_beside_slices_is_seen_alone_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CUDA shows a process that sees a slice nothing else."""
    scripted(MIG_MIXED, monkeypatch, tmp_path)
    machine = inspect()
    four = made_config(device="cuda", nodes=1, nproc_per_node=4, engine="ddp")
    places = place_ranks(four, machine).places
    assert [place.alone for place in places] == [
        *(FIRST, SECOND),
        *(uuid_of(MIG_MIXED, 1), uuid_of(MIG_MIXED, 2)),
    ]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{SECOND},1,2")
    three = made_config(device="cuda", nodes=1, nproc_per_node=3, engine="ddp")
    topology = place_ranks(three, inspect())
    assert topology.backend == "nccl"  # each rank has a board of its own
    (command,) = commands(three, topology, folder=Path("f"), run_id="ID", port=1)
    assert command.environment["CUDA_VISIBLE_DEVICES"] == ",".join(
        (SECOND, uuid_of(MIG_MIXED, 1), uuid_of(MIG_MIXED, 2))
    )


def test_a_rank_of_another_launcher_has_its_slice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted(MIG_PAIR, monkeypatch, tmp_path)
    config = made_config(device="cuda", nodes=1, nproc_per_node=2, launcher="joined")
    machine = inspect()
    mine = replace(machine, gpus=machine.gpus[1:])
    place = place_member(config, mine, made_member(1)).place(0, 1)
    assert (place.alone, place.board) == (SECOND, BOARD)


def test_a_member_on_a_board_beside_slices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By its number in our list, CUDA would give it another one."""
    scripted(MIG_MIXED, monkeypatch, tmp_path)
    config = made_config(device="cuda", nodes=1, nproc_per_node=4, launcher="joined")
    machine = inspect()
    mine = replace(machine, gpus=machine.gpus[2:3])
    place = place_member(config, mine, made_member(2, world=4, each=4)).place(0, 2)
    assert (place.alone, place.board) == (uuid_of(MIG_MIXED, 1),) * 2


def test_boards_beside_one_that_is_cut_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A board in MIG mode without a slice: whether CUDA counts it is not known."""
    cut = replace(MIG_MIXED.boards[0], slices=())
    scripted(MIG_MIXED.with_boards(cut, *MIG_MIXED.boards[1:]), monkeypatch, tmp_path)
    config = made_config(device="cuda", nodes=1, nproc_per_node=2, engine="ddp")
    topology = place_ranks(config, inspect())
    assert [place.alone for place in topology.places] == [
        uuid_of(MIG_MIXED, 1),
        uuid_of(MIG_MIXED, 2),
    ]
    assert topology.backend == "nccl"


def test_boards_as_a_whole_need_no_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = MIG_MIXED.with_boards(*MIG_MIXED.boards[1:])
    scripted(whole, monkeypatch, tmp_path)
    config = made_config(device="cuda", nodes=1, nproc_per_node=2, engine="ddp")
    topology = place_ranks(config, inspect())
    assert {(place.alone, place.board) for place in topology.places} == {("", "")}
    (command,) = commands(config, topology, folder=Path("f"), run_id="ID", port=1)
    assert command.environment["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_what_is_no_device_is_named() -> None:
    board = replace(MIG_MIXED.boards[0], slices=())
    listing = visible(ScriptedNvml(MIG_MIXED.with_boards(board, MIG_MIXED.boards[1])))
    assert listing.left_out == [LeftOut(index=0, why="no slices")]
    assert [gpu.index for gpu in listing.gpus] == [1]


def test_a_slice_that_torch_alone_tells_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Torch's UUID of it has no prefix: taken for a board's, it would hide the slice from CUDA."""
    answers = {"nvmlDeviceGetMaxMigDeviceCount": Refused(NO_PERMISSION)}
    board = replace(MIG_POD.boards[0], slices=(), answers=answers)
    scripted(MIG_POD.with_boards(board), monkeypatch, tmp_path)
    told = GpuFacts(name="a slice", memory_gib=4.75, capability=(8, 0), uuid=f"GPU-{FIRST[4:]}")
    monkeypatch.setattr(torch_devices, "ask_torch", lambda: (told,))
    config = made_config(device="cuda", nodes=1, nproc_per_node=1, engine="none")
    topology = place_ranks(config, inspect())
    assert [(place.device, place.alone) for place in topology.places] == [("cuda:0", "")]
    (command,) = commands(config, topology, folder=Path("f"), run_id="ID", port=1)
    assert command.environment["CUDA_VISIBLE_DEVICES"] == "0"


@pytest.mark.parametrize(
    ("wanted", "indices"), [("0,0", []), ("1,1,0", []), ("1,0", [1, 0]), ("0,-1,-1", [0])]
)
def test_a_gpu_that_is_named_twice(
    wanted: str, indices: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA then shows none."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", wanted)
    assert [gpu.index for gpu in visible(ScriptedNvml(A10X4)).gpus] == indices

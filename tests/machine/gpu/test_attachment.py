"""Where GPUs are attached, by NVML's answers and by files of the kernel made by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from resnext_bench.machine.gpu.attachment import SWITCH, Attachment, Pcie, completed, kernel_address
from resnext_bench.machine.gpu.boards import read_boards
from resnext_bench.machine.gpu.monitor import visible_gpus
from resnext_bench.machine.gpu.nvml import Nvml
from resnext_bench.machine.gpu.torch_devices import read_answer
from resnext_bench.machine.gpu.track import RARELY
from resnext_bench.machine.gpu.watch import open_watch
from tests.machine.gpu.ready import A10X4, DGX_A100, H100X8, MIG_POD
from tests.machine.gpu.scripted import Board, Refused, scripted

ADDRESS = "0000:1b:00.0"
BRIDGE = "devices/pci0000:16/0000:16:01.0"


class Bus:
    """The kernel's files of one board and of the bridge above it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.board = root / BRIDGE / ADDRESS
        self.board.mkdir(parents=True)
        link = root / "bus/pci/devices" / ADDRESS
        link.parent.mkdir(parents=True)
        link.symlink_to(self.board)

    def lanes(self, folder: Path, *, now: tuple[str, int], most: tuple[str, int]) -> None:
        for when, (speed, width) in {"current": now, "max": most}.items():
            (folder / f"{when}_link_speed").write_text(f"{speed}\n")
            (folder / f"{when}_link_width").write_text(f"{width}\n")


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


@pytest.mark.parametrize(
    ("told", "kernel"),
    [
        ("00000000:1B:00.0", ADDRESS),
        ("0000000F:01:00.0", "000f:01:00.0"),
        ("00010000:3D:00.0", "10000:3d:00.0"),
        ("", ""),
        ("\ufffdzz:", ""),
        ("00000000:1B", ""),
    ],
)
def test_addresses_as_the_kernel_writes_them(told: str, kernel: str) -> None:
    assert kernel_address(told) == kernel


@pytest.mark.parametrize(
    ("told", "file", "node"),
    [(None, "1", 1), (None, "-1", None), (None, "", None), (0, "1", 0), (None, None, None)],
)
def test_the_kernel_knows_what_the_driver_does_not(
    bus: Bus, told: int | None, file: str | None, node: int | None
) -> None:
    """Minus one is its word for an unknown node."""
    if file is not None:
        (bus.board / "numa_node").write_text(f"{file}\n")
    assert completed(Attachment(address=ADDRESS, node=told), bus.root).node == node


def test_a_board_that_the_kernel_does_not_show(tmp_path: Path) -> None:
    told = Attachment(address=ADDRESS, node=1)
    assert completed(told, tmp_path) == told
    assert completed(Attachment(), tmp_path) == Attachment()


def test_both_ends_of_a_link_count(bus: Bus) -> None:
    """The slot has 8 lanes of generation 4, the board 16 of generation 5."""
    bus.lanes(bus.board, now=("2.5 GT/s PCIe", 8), most=("32.0 GT/s PCIe", 16))
    bus.lanes(bus.board.parent, now=("2.5 GT/s PCIe", 8), most=("16.0 GT/s PCIe", 8))
    link = completed(Attachment(address=ADDRESS), bus.root).pcie
    assert link == Pcie(
        generation=1, width=8, most_generation=4, most_width=8, board_width=16, slot_width=8
    )
    assert not link.is_narrow


def test_lanes_that_nobody_knows(bus: Bus) -> None:
    """A guest's bridge is the hypervisor's, and says nothing, or nonsense."""
    bus.lanes(bus.board, now=("Unknown", 0), most=("Unknown", 255))
    assert completed(Attachment(address=ADDRESS), bus.root).pcie == Pcie()


def test_a_narrow_link() -> None:
    assert Pcie(width=8, most_width=16).is_narrow
    assert not Pcie(width=16, most_width=16).is_narrow
    assert not Pcie(width=8).is_narrow


def test_what_nvml_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted(DGX_A100, monkeypatch, tmp_path)
    places = [gpu.attachment for gpu in visible_gpus().gpus]
    assert [place.node for place in places] == [3, 3, 1, 1, 7, 7, 5, 5]
    assert places[2].address == "0000:47:00.0"
    assert places[0].pcie == Pcie(generation=4, width=16, most_generation=4, most_width=16)


def test_a_slice_is_where_its_board_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted(MIG_POD, monkeypatch, tmp_path)
    (one,) = visible_gpus().gpus
    assert (one.attachment.node, one.attachment.address) == (0, "0000:18:00.0")


def test_links_are_in_the_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted(H100X8, monkeypatch, tmp_path)
    first, second = read_boards()[1]  # alike but for their nodes
    assert (first.gpus, first.numa_node) == ((0, 1, 2, 3), 0)
    assert (second.gpus, second.numa_node) == ((4, 5, 6, 7), 1)
    assert first.nvlinks == (("switch", 18),)
    assert (first.pcie_generation, first.pcie_width, first.pcie_most_width) == (5, 16, 16)


def test_links_between_pairs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two bridges over four boards, the other end of one of which this program may not see."""
    boards = [replace(A10X4.boards[0], nvlinks=4, peer=peer) for peer in (1, 0, 3, 2)]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    scripted(A10X4.with_boards(*boards), monkeypatch, tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    assert [board.nvlinks for board in read_boards()[1]] == [
        (("1", 4),),
        (("0", 4),),
        (("other", 4),),
    ]


def test_a_link_that_is_not_active(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    board = replace(H100X8.boards[0], answers={"nvmlDeviceGetNvLinkState(3)": 0})
    library = scripted(H100X8.with_boards(board), monkeypatch, tmp_path)
    (gpu,) = Nvml(library).gpus()
    assert (gpu.attachment().peers, gpu.attachment().idle_links) == ({SWITCH: 17}, 1)


def test_links_are_not_asked_for_a_plan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = scripted(H100X8, monkeypatch, tmp_path)
    visible_gpus()
    assert "nvmlDeviceGetNvLinkState" not in library.asked


def test_a_driver_that_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refused = ("PciInfo", "CurrPcieLinkWidth", "CurrPcieLinkGeneration", "MaxPcieLinkWidth")
    answers = {f"nvmlDeviceGet{name}": Refused() for name in (*refused, "MaxPcieLinkGeneration")}
    scripted(A10X4.with_boards(Board(node=None, answers=answers)), monkeypatch, tmp_path)
    (one,) = visible_gpus().gpus
    assert one.attachment == Attachment()


def test_torch_knows_the_address() -> None:
    device = '{"name": "x", "bytes": 1, "uuid": "", "capability": [9, 0], "bus": [0, 27, 0]}'

    def address(text: str) -> str:
        found = read_answer(f'{{"runtime": "cuda", "devices": [{text}]}}', "")
        assert not isinstance(found, str)
        return found[0].attachment.address

    assert address(device) == ADDRESS
    assert address(device.replace("27", "null")) == ""  # an older release


def test_the_link_under_load_is_watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Generation 4 of 5 while it trains; the board's own line says what it could."""
    loaded = replace(H100X8.boards[0], pcie=(4, 16))
    library = scripted(H100X8.with_boards(loaded), monkeypatch, tmp_path)
    watch = open_watch(Nvml(library), [0])
    watch.start()
    for _ in range(RARELY + 1):
        watch.sample()
    use = watch.report()
    assert use.seen
    assert (use.seen.pcie_generation, use.seen.pcie_width) == ((4,), (16,))
    assert use.moments["pcie_width"] == [16, *[None] * (RARELY - 1), 16]


def test_a_port_that_a_hypervisor_made_up(bus: Bus) -> None:
    """It claims one lane of generation 1, and the board below it uses 16."""
    bus.lanes(bus.board, now=("16.0 GT/s PCIe", 16), most=("16.0 GT/s PCIe", 16))
    bus.lanes(bus.board.parent, now=("2.5 GT/s PCIe", 1), most=("2.5 GT/s PCIe", 1))
    found = completed(Attachment(address=ADDRESS), bus.root).pcie
    assert (found.most_generation, found.most_width, found.slot_width) == (4, 16, None)

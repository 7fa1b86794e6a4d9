"""How a GPU is attached to its host: which NUMA node, which lanes, which other GPUs.

The driver's answers are completed by the kernel's files, which exist for boards of all vendors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from resnext_bench.machine.host.sources import read, read_number

SWITCH: Final = "a switch"
"""The other end of links that lead to a switch, to which all of its GPUs are linked."""
_GENERATIONS: Final = {
    "2.5": 1,
    "5.0": 2,
    "5": 2,
    "8.0": 3,
    "8": 3,
    "16.0": 4,
    "32.0": 5,
    "64.0": 6,
}
"""Generations of PCIe by the rate of a lane in GT/s, as the kernel writes it."""


_ADDRESS: Final = re.compile(r"([0-9a-f]{1,8}):([0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])")
"""Domain, bus, device and function; what a driver says otherwise is no address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pcie:
    """A link: its generation and its lanes, now and at most; None where it is not known.

    "At most" is what both ends can: the board, and the slot or switch above it. A GPU without work
    lowers the generation, and some give up lanes, too (nvidia-smi's manual).
    """

    generation: int | None = None
    width: int | None = None
    most_generation: int | None = None
    most_width: int | None = None
    board_width: int | None = None
    """Lanes of the board alone, whatever it is plugged into."""
    slot_width: int | None = None
    """Lanes of the slot or switch above it; None in a guest, which sees no more of it."""

    @property
    def is_narrow(self) -> bool:
        """Whether it has fewer lanes than both ends can."""
        return None not in (self.width, self.most_width) and (self.width or 0) < (
            self.most_width or 0
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """What is known of one GPU's place in its host."""

    address: str = ""
    """Its address as the kernel writes it, "0000:1b:00.0"; empty where it is not known."""
    node: int | None = None
    """NUMA node to which it is attached."""
    pcie: Pcie = field(default_factory=Pcie)
    peers: Mapping[str, int] = field(default_factory=dict)
    """Active links of the GPU's own kind (NVLink) by where they lead: an address, or `SWITCH`."""
    idle_links: int = 0
    """Such links that it has, and that are not active."""


def kernel_address(address: str) -> str:
    """Return an address as the kernel writes it: NVML's has a domain of 8 digits, in capitals."""
    found = _ADDRESS.fullmatch(address.lower())
    return f"{int(found[1], 16):04x}:{found[2]}" if found else ""


def completed(told: Attachment, sys: Path) -> Attachment:
    """Return the driver's answers, with those of the kernel where it gave none."""
    folder = sys / "bus/pci/devices" / told.address
    if not told.address or not folder.is_dir():
        return told
    node = read_number(folder / "numa_node")
    return replace(
        told,
        node=told.node if told.node is not None or node is None or node < 0 else node,
        pcie=_both(told.pcie, _lanes(folder), _slot(folder)),
    )


def _slot(folder: Path) -> Pcie:
    """Return the link of what is above a board.

    A guest sees a port that its hypervisor made up, often of fewer lanes than the board uses.
    """
    found, used = _lanes(folder.resolve().parent), _lanes(folder).width
    is_real = None in (found.most_width, used) or (used or 0) <= (found.most_width or 0)
    return found if is_real else Pcie()


def _lanes(folder: Path) -> Pcie:
    """Return the link of one device by the kernel."""
    most = _lane_count(folder / "max_link_width")
    return Pcie(
        generation=_generation(folder / "current_link_speed"),
        width=_lane_count(folder / "current_link_width"),
        most_generation=_generation(folder / "max_link_speed"),
        most_width=most,
        board_width=most,
    )


def _both(told: Pcie, board: Pcie, above: Pcie) -> Pcie:
    """Combine the driver's answers with what the kernel says of both ends."""
    return Pcie(
        generation=_first(told.generation, board.generation),
        width=_first(told.width, board.width),
        most_generation=_least(told.most_generation, board.most_generation, above.most_generation),
        most_width=_least(told.most_width, board.most_width, above.most_width),
        board_width=_first(board.board_width, told.most_width),
        slot_width=above.most_width,
    )


def _first(*numbers: int | None) -> int | None:
    return next((number for number in numbers if number is not None), None)


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def _generation(path: Path) -> int | None:
    """Read the generation: the kernel writes "16.0 GT/s PCIe", or "Unknown"."""
    return _GENERATIONS.get((read(path) or "").partition(" ")[0])


def _lane_count(path: Path) -> int | None:
    """Read a number of lanes; 0 and 255 are the kernel's words for an unknown one."""
    found = read_number(path)
    return found if found and found < 255 else None

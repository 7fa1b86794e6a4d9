"""Whether a GPU is plainly there, whatever its driver's library says: by the kernel's files."""

import errno
import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from resnext_bench.machine.gpu.vendors import NVIDIA, VENDORS, Vendor
from resnext_bench.machine.host.sources import Sources, read

_DISPLAY: Final = ("0x0300", "0x0302", "0x0380", "0x1200")
"""Classes of boards on the bus: VGA, 3D, other displays, accelerators."""
_MOST_NAMED: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """What of a GPU can be seen without its driver's library."""

    nodes: tuple[str, ...] = ()
    """Device nodes that this program has: the GPU was given to it."""
    driver: str = ""
    """Version of the kernel's driver."""
    bus: tuple[str, ...] = ()
    """Addresses of boards on the bus; in a container, of boards that may be others'."""
    vendor: Vendor = NVIDIA
    """The vendor whose GPUs are meant; NVIDIA where none is seen."""
    window: str = ""
    """WSL's device node, by which programs reach the GPUs of Windows, of whatever vendor."""

    def __bool__(self) -> bool:
        return bool(self.nodes or self.driver or self.bus or self.window)

    def told(self) -> str:
        """Return that it is here, and where it was seen."""
        if self.nodes:
            return f"a GPU is here ({_some(self.nodes)})"
        if self.bus:
            return f"a GPU is here ({_some(self.bus)} on the bus)"
        if self.window:
            return f"a GPU of Windows may be here ({self.window})"
        return "a GPU is here (the kernel's driver is loaded)"


def _some(names: tuple[str, ...]) -> str:
    more = " …" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def find_gpus(sources: Sources) -> Presence:
    """Look for GPUs of each vendor that is always looked for, or that PyTorch is built for."""
    built = _torch_version()
    vendors = [one for one in VENDORS if one.build in built]
    nodes = {one: _nodes(sources.dev, one) for one in vendors}
    bus = {one: _on_bus(sources.sys, one) for one in vendors}
    meant = [one for one in vendors if nodes[one]] or [one for one in vendors if bus[one]]
    return Presence(
        nodes=tuple(node for one in vendors for node in nodes[one]),
        driver=next(filter(None, (_driver(sources.proc, one) for one in vendors)), ""),
        bus=tuple(sorted(board for one in vendors for board in bus[one])),
        vendor=meant[-1] if meant else NVIDIA,
        window="/dev/dxg" if (sources.dev / "dxg").exists() else "",
    )


def _torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def _nodes(dev: Path, vendor: Vendor) -> list[str]:
    paths = (path for pattern in vendor.nodes for path in dev.glob(pattern))
    return sorted(f"/dev/{path.name}" for path in paths if _is_allowed(path))


def _is_allowed(node: Path) -> bool:
    """Return whether this program's control group lets it open a node.

    Slurm leaves the nodes of other jobs' GPUs in /dev, and forbids to open them.
    """
    try:
        os.close(os.open(node, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return error.errno != errno.EPERM
    return True


def _driver(proc: Path, vendor: Vendor) -> str:
    text = read(proc / vendor.driver_file) if vendor.driver_file else None
    return (text or "").partition("\n")[0]


def _on_bus(sys: Path, vendor: Vendor) -> list[str]:
    return [
        device.name
        for device in (sys / "bus/pci/devices").glob("*")
        if (read(device / "vendor") or "") == vendor.bus
        and (read(device / "class") or "").startswith(_DISPLAY)
    ]

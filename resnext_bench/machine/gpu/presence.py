"""Whether a GPU is plainly there, whatever its driver's library says: by the kernel's files."""

import errno
import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from resnext_bench.machine.host.sources import Sources, read

_NVIDIA, _AMD = "0x10de", "0x1002"
"""Numbers of the vendors on the bus."""
_DISPLAY: Final = ("0x0300", "0x0302", "0x0380", "0x1200")
"""Classes of boards on the bus: VGA, 3D, other displays, accelerators."""
_NODES: Final = ("nvidia[0-9]*", "nvhost-gpu", "nvgpu")
"""Device nodes of NVIDIA's GPUs in /dev, those of Jetson boards too."""
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
    """Look for GPUs of NVIDIA, and of AMD where PyTorch is built for them.

    Nearly every AMD processor has a small GPU, so that one alone says nothing.
    """
    rocm = "rocm" in _torch_version()
    nodes = [*_nodes(sources.dev), *(["/dev/kfd"] if rocm and _is_there(sources.dev) else [])]
    vendors = (_NVIDIA, _AMD) if rocm else (_NVIDIA,)
    return Presence(
        nodes=tuple(nodes),
        driver=_driver(sources.proc),
        bus=tuple(_on_bus(sources.sys, vendors)),
        window="/dev/dxg" if (sources.dev / "dxg").exists() else "",
    )


def _torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def _nodes(dev: Path) -> list[str]:
    return sorted(
        f"/dev/{path.name}" for pattern in _NODES for path in dev.glob(pattern) if _is_allowed(path)
    )


def _is_allowed(node: Path) -> bool:
    """Return whether this program's control group lets it open a node.

    Slurm leaves the nodes of other jobs' GPUs in /dev, and forbids to open them.
    """
    try:
        os.close(os.open(node, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return error.errno != errno.EPERM
    return True


def _is_there(dev: Path) -> bool:
    return (dev / "kfd").exists()


def _driver(proc: Path) -> str:
    return (read(proc / "driver/nvidia/version") or "").partition("\n")[0]


def _on_bus(sys: Path, vendors: tuple[str, ...]) -> list[str]:
    return sorted(
        device.name
        for device in (sys / "bus/pci/devices").glob("*")
        if (read(device / "vendor") or "") in vendors
        and (read(device / "class") or "").startswith(_DISPLAY)
    )

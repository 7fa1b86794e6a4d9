"""Whether a GPU is plainly there, by files alone."""

import errno
import os
from pathlib import Path

import pytest

from resnext_bench.machine.gpu import presence
from resnext_bench.machine.gpu.presence import Presence, find_gpus
from resnext_bench.machine.gpu.vendors import AMD
from resnext_bench.machine.host.sources import Sources


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """A machine without a single file, and torch for NVIDIA."""
    monkeypatch.setattr(presence, "_torch_version", lambda: "2.15.0+cu132")
    return Sources(
        proc=tmp_path / "proc",
        sys=tmp_path / "sys",
        dev=tmp_path / "dev",
        environ={},
        cores=(0,),
        pid=1,
        torch=None,
    )


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def plug_in(sources: Sources, vendor: str, kind: str, bus: str = "0000:01:00.0") -> None:
    device = sources.sys / "bus/pci/devices" / bus
    write(device / "vendor", f"{vendor}\n")
    write(device / "class", f"{kind}\n")


def test_the_window_of_wsl(sources: Sources) -> None:
    """It shows GPUs of all vendors: torch is asked, and nothing is refused for it alone."""
    write(sources.dev / "dxg")
    seen = find_gpus(sources)
    assert seen
    assert not seen.nodes
    assert seen.told() == "a GPU of Windows may be here (/dev/dxg)"


def test_nothing(sources: Sources) -> None:
    assert find_gpus(sources) == Presence()
    assert not find_gpus(sources)


@pytest.mark.parametrize(
    ("node", "is_gpu"),
    [
        ("nvidia0", True),
        ("nvidia12", True),
        ("nvhost-gpu", True),  # Jetson
        ("nvidiactl", False),  # there as soon as the driver is, with or without a board
        ("nvidia-uvm", False),
        ("dri", False),
    ],
)
def test_device_nodes(node: str, is_gpu: bool, sources: Sources) -> None:
    write(sources.dev / node)
    assert bool(find_gpus(sources).nodes) is is_gpu


@pytest.mark.parametrize(
    ("vendor", "kind", "is_gpu"),
    [
        ("0x10de", "0x030200", True),  # a board without a screen
        ("0x10de", "0x030000", True),
        ("0x10de", "0x040300", False),  # its sound
        ("0x10de", "0x068000", False),  # an NVSwitch
        ("0x8086", "0x030000", False),
        ("0x1002", "0x030000", False),  # a processor's own graphics
    ],
)
def test_boards_on_the_bus(vendor: str, kind: str, is_gpu: bool, sources: Sources) -> None:
    plug_in(sources, vendor, kind)
    assert bool(find_gpus(sources)) is is_gpu


def test_the_kernels_driver(sources: Sources) -> None:
    version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05"
    write(sources.proc / "driver/nvidia/version", f"{version}\nGCC version: 13\n")
    assert find_gpus(sources) == Presence(driver=version)
    assert find_gpus(sources).told() == "a GPU is here (the kernel's driver is loaded)"


def test_amds_count_where_torch_is_built_for_them(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(sources, "0x1002", "0x120000")
    write(sources.dev / "kfd")
    assert not find_gpus(sources)
    monkeypatch.setattr(presence, "_torch_version", lambda: "2.15.0+rocm7.1")
    assert find_gpus(sources) == Presence(nodes=("/dev/kfd",), bus=("0000:01:00.0",), vendor=AMD)


def test_where_it_was_seen() -> None:
    assert Presence(nodes=("/dev/nvidia0",), bus=("b",)).told() == "a GPU is here (/dev/nvidia0)"
    assert Presence(bus=("a", "b")).told() == "a GPU is here (a, b on the bus)"
    four = Presence(nodes=tuple(f"/dev/nvidia{index}" for index in range(4)))
    assert four.told() == "a GPU is here (/dev/nvidia0, /dev/nvidia1, /dev/nvidia2 …)"


def test_nodes_that_a_control_group_keeps_closed(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of other jobs on a node of Slurm's: a job without a GPU trains on the CPU."""
    write(sources.dev / "nvidia0")
    write(sources.dev / "nvidia1")
    real = os.open

    def opened(path: Path, flags: int) -> int:
        if path.name == "nvidia1":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return real(path, flags)

    monkeypatch.setattr(os, "open", opened)
    assert find_gpus(sources).nodes == ("/dev/nvidia0",)


def test_nodes_that_this_user_may_not_open_are_there(sources: Sources) -> None:
    """Their permissions are what the advice is about."""
    write(sources.dev / "nvidia0")
    (sources.dev / "nvidia0").chmod(0)
    assert find_gpus(sources).nodes == ("/dev/nvidia0",)

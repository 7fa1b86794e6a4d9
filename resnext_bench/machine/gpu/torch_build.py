"""What the installed build of PyTorch was made for, read from its files: nothing is imported.

Whether a GPU and its driver suit it is known from these facts, before a process starts.
"""

import mmap
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from resnext_bench.machine.gpu.vendors import NVIDIA, VENDORS, Vendor

Capability = tuple[int, int]

_VERSION: Final = re.compile(r"^__version__\s*=\s*['\"]([^'\"]+)", re.MULTILINE)
_CUDA: Final = re.compile(r"^cuda\b[^=\n]*=\s*['\"](\d+)\.(\d+)", re.MULTILINE)
_RELEASE: Final = r"^{}\b[^=\n]*=\s*['\"]([^'\"]+)"
_ARCHITECTURE: Final = re.compile(rb"(sm|compute)_(\d+)(\d)([af]?)")
_LIST: Final = re.compile(rb"(?:sm|compute)_\d+[af]?(?: (?:sm|compute)_\d+[af]?)*")
_LIBRARY: Final = Path("lib/libtorch_python.so")
"""The library that answers torch.cuda.get_arch_list(); it holds the list as one text."""
_LONGEST: Final = 400
"""Longest text that may be such a list."""
_UNIVERSAL_DRIVERS: Final = {11: 450, 12: 525, 13: 580}
"""First driver for any release of a major version of CUDA: drivers from there on run programs that
were built for later releases of it (NVIDIA, CUDA Compatibility, minor version compatibility)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """One architecture for which there are kernels."""

    capability: Capability
    is_virtual: bool = False
    """Whether the driver compiles it (PTX), which any later GPU's can."""
    kind: str = ""
    """"a": for this GPU alone; "f": for its family; empty: for later GPUs of the same major too."""

    def runs_on(self, capability: Capability) -> bool:
        """Return whether a GPU of this capability can run it."""
        if self.kind == "a":
            return capability == self.capability
        if self.is_virtual and not self.kind:
            return capability >= self.capability
        return capability[0] == self.capability[0] and capability >= self.capability


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchBuild:
    """The installed build."""

    version: str
    cuda: tuple[int, int] | None
    """The release of CUDA that it was built with; None: it has no CUDA."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Releases of other vendors' runtimes that it was built with, by their names in it (hip)."""
    architectures: tuple[Architecture, ...] = ()
    """What it has kernels for; empty where that is not known."""

    def runs_on(self, capability: Capability) -> bool:
        """Return whether it has kernels for a GPU; True where that is not known."""
        known = self.architectures
        return not known or any(one.runs_on(capability) for one in known)

    def release(self, vendor: Vendor) -> str:
        """Return the release of a vendor's platform that it was built with; empty: none."""
        if vendor == NVIDIA:
            return f"{self.cuda[0]}.{self.cuda[1]}" if self.cuda else ""
        return self.others.get(vendor.runtime, "")

    @property
    def made_for(self) -> str:
        """Return the platform that it was built for, with its release; empty for CPUs alone."""
        releases = ((vendor, self.release(vendor)) for vendor in VENDORS)
        return next((f"{one.platform} {release}" for one, release in releases if release), "")


def read_build(folder: Path | None) -> TorchBuild | None:
    """Return what is in torch's folder; None where torch or the file of its version is missing."""
    try:
        text = (folder / "version.py").read_text() if folder else ""
    except OSError:
        text = ""
    version, cuda = (pattern.search(text) for pattern in (_VERSION, _CUDA))
    if folder is None or version is None:
        return None
    return TorchBuild(
        version=version[1],
        cuda=(int(cuda[1]), int(cuda[2])) if cuda else None,
        others={
            one.runtime: found[1]
            for one in VENDORS
            if one != NVIDIA
            and (found := re.search(_RELEASE.format(one.runtime), text, re.MULTILINE))
        },
        architectures=_architectures(folder / _LIBRARY) if cuda else (),
    )


@lru_cache(maxsize=1)
def _architectures(library: Path) -> tuple[Architecture, ...]:
    """Return the one list of architectures in the library; nothing where it has none, or several.

    Looking takes some ms: the library has 35 MB, and ranks load it right afterwards.
    """
    try:
        with (
            library.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            lists = {one for one in _texts(content) if _LIST.fullmatch(one)}
    except (OSError, ValueError):  # an empty file cannot be mapped
        return ()
    longest = max(map(len, lists), default=0)
    found = [one for one in lists if len(one) == longest]
    return tuple(map(_architecture, found[0].split())) if len(found) == 1 else ()


def _texts(content: mmap.mmap) -> Iterator[bytes]:
    """Yield all short texts that begin with the name of an architecture."""
    for name in (b"\0sm_", b"\0compute_"):
        at = content.find(name)
        while at >= 0:
            end = content.find(b"\0", at + 1, at + _LONGEST)
            if end > 0:
                yield content[at + 1 : end]
            at = content.find(name, at + 1)


def _architecture(name: bytes) -> Architecture:
    found = _ARCHITECTURE.fullmatch(name)
    assert found, name  # a part of a list that was matched
    return Architecture(
        capability=(int(found[2]), int(found[3])),
        is_virtual=found[1] == b"compute",
        kind=found[4].decode(),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A build of PyTorch that can be installed."""

    name: str
    """Its folder at download.pytorch.org/whl."""
    cuda: int
    """Major version of its CUDA."""
    capabilities: dict[str, tuple[int, ...]]
    """Capabilities of its kernels by the host's architecture, as 75 for 7.5."""

    def runs_on(self, capability: Capability) -> bool:
        """Return whether it has kernels for a GPU in a host like this one."""
        kernels = self.capabilities.get(platform.machine(), ())
        return any(Architecture(capability=divmod(one, 10)).runs_on(capability) for one in kernels)

    @property
    def command(self) -> str:
        """The command that installs its newest release."""
        return f"pip install torch torchvision --index-url https://download.pytorch.org/whl/{self.name}"


PUBLISHED: Final = (
    Published(
        name="cu130",
        cuda=13,
        capabilities={
            "x86_64": (75, 80, 86, 90, 100, 120),
            "aarch64": (80, 90, 100, 110, 120),
        },
    ),
    Published(
        name="cu126",
        cuda=12,
        capabilities={"x86_64": (50, 60, 70, 75, 80, 86, 90), "aarch64": (80, 90)},
    ),
)
"""Builds to advise, newest CUDA first: PyTorch's support matrix (its RELEASE.md) for 2.11 to 2.14.

For 2.15 its maintainers have proposed to end cu126; that index then keeps the releases before.
"""


def least_driver(cuda_major: int) -> int | None:
    """Return the first branch of the driver that serves this CUDA; None where it is not known."""
    return _UNIVERSAL_DRIVERS.get(cuda_major)


def build_for(capabilities: Sequence[Capability], driver_cuda: int | None) -> Published | None:
    """Return the newest build that has kernels for all these GPUs, under a driver's CUDA."""
    for build in PUBLISHED:
        served = driver_cuda is None or build.cuda <= driver_cuda
        if served and all(build.runs_on(one) for one in capabilities):
            return build
    return None

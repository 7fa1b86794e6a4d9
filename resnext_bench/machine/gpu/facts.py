"""What all GPU monitors share: facts of a GPU, what slows it down, what was not answered."""

from dataclasses import dataclass, field
from typing import Final, Literal

from resnext_bench.machine.gpu.attachment import Attachment
from resnext_bench.machine.gpu.vendors import NVIDIA, Vendor

SLOWDOWN_REASONS: Final = {
    "hardware slowdown": 0x08,
    "software thermal slowdown": 0x20,
    "hardware thermal slowdown": 0x40,
    "power brake": 0x80,
}
"""Bits of what holds the clocks down that make a run invalid; the numbers are those of
nvmlDeviceGetCurrentClocksEventReasons (NVML reference), to which other vendors' are mapped."""
USER_SETTING: Final = 0x02
"""Bit for clocks that are held by a user's setting."""
POWER_CAP: Final = 0x04

Errors = dict[str, int]
"""Counts of errors since some fixed moment, by kind: "ECC, corrected", "ECC, uncorrected", "rows
remapped, corrected", "rows remapped, uncorrected", "NVLink", "NVLink CRC", "PCIe replays"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuFacts:
    """What must be known of a GPU before anything is planned for it."""

    name: str
    vendor: Vendor = NVIDIA
    memory_gib: float | None = None
    """None where neither driver nor torch reports it."""
    capability: tuple[int, int] | None = None
    """CUDA's compute capability; None where it is not reported, and for other vendors."""
    bf16: bool | None = None
    """Whether it multiplies bf16, where that does not follow from the capability."""
    uuid: str = ""
    board: str = ""
    """UUID of the board that it is a slice of; empty for a whole board."""
    lost: str = ""
    """The driver's message where it does not respond."""
    compute_mode: str = ""
    """Who may compute on it, in nvidia-smi's words; empty where it is not known."""
    attachment: Attachment = field(default_factory=Attachment)
    """Where it is attached, without its links to other GPUs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A board that is no device to this program."""

    index: int
    """The index in the vendor's own tool."""
    why: Literal["denied", "no slices"]
    """Denied: it belongs to others. No slices: it is cut in slices, none of which is ours."""
    said: str = ""
    """The driver's message, if it had one."""


SilenceCause = Literal[
    "not installed", "no library", "no driver", "mismatch", "no permission", "failed"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """Why a vendor's library cannot be asked at all."""

    vendor: Vendor
    cause: SilenceCause
    said: str
    """The library's own message."""
    package: str = ""
    """Python package that has the library."""

    @property
    def library(self) -> str:
        """Return the library's name."""
        return self.vendor.library


XIDS_OF_PROGRAMS: Final = frozenset({13, 31, 43, 45})
"""Critical errors that a program's own fault causes, be it another tenant's: an exception of its
kernels, a page fault, and how it was ended (NVIDIA's documentation of Xid errors). All others are
the board's, its links' or the driver's."""
USUAL_ERRORS: Final = {"PCIe replays": 8, "NVLink CRC": 6000}
"""Errors a minute up to which a link is sound, as each is repeated at once: the limits by which
NVIDIA's DCGM judges the health of links (8 replays a minute, 100 CRC errors a second)."""
UNCORRECTED: Final = "ECC, uncorrected"
FATAL_ERRORS: Final = frozenset({UNCORRECTED, "rows remapped, uncorrected"})
"""Those after which figures are not believed: data were lost, or memory was taken away."""

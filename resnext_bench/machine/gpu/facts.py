"""What all GPU monitors share: facts of a GPU, what holds its clocks down, when it is lost."""

from typing import Final

GpuFacts = tuple[str, float, tuple[int, int]]
"""Name, memory in GiB and compute capability of a GPU."""

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


class GpuLost(Exception):
    """A GPU went away, so that the driver no longer lists it."""

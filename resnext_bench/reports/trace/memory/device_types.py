"""PyTorch's types of devices: its numbers of them, which the profiler writes, and their names."""

from collections.abc import Mapping
from typing import Final

from resnext_bench.reports.trace.reading.trace import device_of

NUMBERS: Final[Mapping[str, int]] = {
    "cpu": 0,
    "cuda": 1,
    "hip": 6,
    "xpu": 12,
    "mps": 13,
    "hpu": 15,
    "privateuseone": 20,
}
"""By `torch.device.type`."""
CPU: Final = NUMBERS["cpu"]
_CALLED: Final = {"cuda": "GPU", "hip": "GPU", "privateuseone": "device"}
_NAMES: Final = {number: _CALLED.get(name, name.upper()) for name, number in NUMBERS.items()}


def device_name(device: int) -> str:
    """Return what a device, by its `device_key`, is called: `CPU`, `GPU 0`."""
    kind, number = device_of(device)
    name = _NAMES.get(kind, f"device of type {kind}")
    return name if number < 0 else f"{name} {number}"

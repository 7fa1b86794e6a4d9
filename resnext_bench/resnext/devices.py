"""The most that devices can do, from their makers' data sheets (no torch).

Rates are those of dense products (vendors also print twice as much, for weights of which half are
zero), with sums in fp32, at boost clock. A run rarely reaches more than 90 % of either figure.
"""

import re
from dataclasses import dataclass
from typing import Final

from resnext_bench.resnext.traffic import Dtype
from resnext_bench.wording import nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device, with the most that it can do."""

    key: str
    """Key by which --device names it."""
    name: str
    tflops: dict[Dtype, float]
    """Dense TFLOP/s by type; a type that is missing is not supported."""
    gb_per_s: float
    """Bandwidth of its memory, 10^9 bytes/s."""
    pattern: str
    """Regular expression for the names by which CUDA or ROCm knows it."""
    source: str

    @property
    def link_gb_per_s(self) -> float | None:
        """Return what its links to other devices carry in one direction, 10^9 bytes/s.

        Data sheets give both directions together; None where they tell of none.
        """
        return _LINKS.get(self.key)


_LINKS: Final = {
    "v100": 150.0,
    "a100-40gb": 300.0,
    "a100": 300.0,
    "h100": 450.0,
    "h200": 450.0,
    "b200": 900.0,
    "b300": 900.0,
    "mi300x": 448.0,
}
"""Half of NVLink's 300, 600, 900 and 1800 GB/s, and of Infinity Fabric's seven links of 128."""


def _device(
    key: str,
    name: str,
    rates: tuple[float, float, float, float],
    gb_per_s: float,
    pattern: str,
    source: str,
) -> Device:
    """Return a device; `rates` are for fp32, tf32, bf16 and fp16, 0 for types without one."""
    kinds: tuple[Dtype, ...] = ("fp32", "tf32", "bf16", "fp16")
    return Device(
        key=key,
        name=name,
        tflops={kind: rate for kind, rate in zip(kinds, rates, strict=True) if rate},
        gb_per_s=gb_per_s,
        pattern=pattern,
        source=source,
    )


DEVICES: Final[tuple[Device, ...]] = (
    _device(
        *("v100", "NVIDIA V100 SXM2", (15.7, 0, 0, 125), 900, r"V100-SXM2"),
        "NVIDIA V100 data sheet",
    ),
    _device(*("t4", "NVIDIA T4", (8.1, 0, 0, 65), 320, r"\bT4\b"), "NVIDIA T4 data sheet"),
    _device(
        *("a100-40gb", "NVIDIA A100 SXM 40 GB", (19.5, 156, 312, 312), 1555, r"A100-SXM4-40GB"),
        "NVIDIA A100 data sheet",
    ),
    _device(
        *("a100", "NVIDIA A100 SXM 80 GB", (19.5, 156, 312, 312), 2039, r"A100-SXM4-80GB"),
        "NVIDIA A100 data sheet",
    ),
    _device(
        *("a100-pcie-40gb", "NVIDIA A100 PCIe 40 GB", (19.5, 156, 312, 312), 1555),
        *(r"A100-PCIE-40GB", "NVIDIA A100 data sheet"),
    ),
    _device(
        *("a100-pcie", "NVIDIA A100 PCIe 80 GB", (19.5, 156, 312, 312), 1935),
        *(r"A100 80GB PCIe", "NVIDIA A100 data sheet"),
    ),
    _device(*("a30", "NVIDIA A30", (10.3, 82, 165, 165), 933, r"\bA30\b"), "NVIDIA A30 data sheet"),
    _device(
        *("a40", "NVIDIA A40", (37.4, 74.8, 149.7, 149.7), 696, r"\bA40\b"),
        "NVIDIA A40 data sheet",
    ),
    _device(
        *("a10", "NVIDIA A10", (31.2, 62.5, 125, 125), 600, r"\bA10\b"), "NVIDIA A10 data sheet"
    ),
    _device(
        *("l4", "NVIDIA L4", (30.3, 60, 121, 121), 300, r"\bL4\b"),
        "NVIDIA L4 data sheet, without sparsity",
    ),
    _device(
        *("l40s", "NVIDIA L40S", (91.6, 183, 362, 362), 864, r"\bL40S\b"),
        "NVIDIA L40S data sheet",
    ),
    _device(
        *("h100-pcie", "NVIDIA H100 PCIe", (51.2, 378, 756, 756), 2039, r"H100 PCIe"),
        "NVIDIA H100 data sheet, without sparsity",
    ),
    _device(
        *("h100-nvl", "NVIDIA H100 NVL", (60, 417.5, 835.5, 835.5), 3900, r"H100 NVL"),
        "NVIDIA H100 data sheet, without sparsity",
    ),
    _device(
        *("h100", "NVIDIA H100 SXM", (66.9, 494.7, 989.4, 989.4), 3352, r"H100 80GB HBM3"),
        "NVIDIA H100 architecture white paper",
    ),
    _device(
        *("h200", "NVIDIA H200 SXM", (66.9, 494.7, 989.4, 989.4), 4800, r"\bH200\b(?! NVL)"),
        "NVIDIA H200 data sheet, without sparsity",
    ),
    _device(
        *("gh200", "NVIDIA GH200 96 GB", (66.9, 494.7, 989.4, 989.4), 4000, r"GH200 480GB"),
        "NVIDIA GH200 data sheet, without sparsity",
    ),
    _device(
        *("gh200-144gb", "NVIDIA GH200 144 GB", (66.9, 494.7, 989.4, 989.4), 4900, r"GH200 144G"),
        "NVIDIA GH200 data sheet, without sparsity",
    ),
    _device(
        *("b200", "NVIDIA B200 SXM", (75, 1125, 2250, 2250), 8000, r"\bB200\b"),
        "NVIDIA HGX B200 data sheet, an eighth, without sparsity",
    ),
    _device(
        *("b300", "NVIDIA B300 SXM", (75, 1125, 2250, 2250), 8000, r"\bB300\b"),
        "NVIDIA HGX B300 data sheet, an eighth, without sparsity",
    ),
    _device(
        *("rtx3090", "NVIDIA GeForce RTX 3090", (35.6, 35.6, 71, 71), 936, r"RTX 3090$"),
        "NVIDIA GA102 white paper, sums in fp32",
    ),
    _device(
        *("rtx4090", "NVIDIA GeForce RTX 4090", (82.6, 82.6, 165.2, 165.2), 1008, r"RTX 4090$"),
        "NVIDIA Ada white paper, sums in fp32",
    ),
    _device(
        *("rtx5090", "NVIDIA GeForce RTX 5090", (104.8, 104.8, 209.5, 209.5), 1792, r"RTX 5090$"),
        "NVIDIA RTX Blackwell white paper, sums in fp32",
    ),
    _device(
        *("mi300x", "AMD Instinct MI300X", (163.4, 653.7, 1307.4, 1307.4), 5300, r"MI300X"),
        "AMD MI300X data sheet",
    ),
)


_PART: Final = re.compile(r"\bMIG\b|\bGRID\b|-\d+[ABCQ]\b")
"""What only names of slices contain: "NVIDIA H200 MIG 1g.18gb", "NVIDIA A10-24Q", "GRID T4-16Q"."""


_ALIASES: Final = {"a100-80gb": "a100"}


class UnknownDevice(ValueError):
    """Raised for an unknown key; lists the known ones, and suggests the nearest."""

    def __init__(self, given: str) -> None:
        keys = [device.key for device in DEVICES]
        near = nearest(given.lower(), keys)
        hint = f"; did you mean {near}?" if near else "."
        super().__init__(f"unknown device {given!r}{hint} Allowed: {', '.join(keys)}")


def described(key: str) -> Device:
    """Return the device with a key, or raise UnknownDevice."""
    wanted = _ALIASES.get(key.lower(), key.lower())
    found = next((device for device in DEVICES if device.key == wanted), None)
    if found is None:
        raise UnknownDevice(key)
    return found


def recognised(name: str) -> Device | None:
    """Return the device that CUDA or ROCm knows by a name; None if its data sheet is uncertain.

    Slices of a device, by MIG or as a virtual GPU, have less than its data sheet says.
    """
    if _PART.search(name):
        return None
    return next((device for device in DEVICES if re.search(device.pattern, name)), None)

"""Rates of calls, and the most that a device can reach by its data sheet."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.names.classes import TensorCore
from resnext_bench.resnext.devices import Device, recognised
from resnext_bench.resnext.traffic import Dtype

_NO: Final = tuple(TensorCore).index(TensorCore.NO)
_TYPES: Final[dict[str, Dtype]] = {"bf16": "bf16", "fp16": "fp16"}


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Of the device that a trace is of."""

    device: Device | None
    """None where no data sheet is known for certain."""

    def of(self, dtype: str, core: NDArray[np.int8]) -> float | None:
        """Return TFLOP/s at most of numbers of a type; None where it is not known.

        `core` tells of each kernel whether it uses tensor cores: fp32 that may be computed on them
        is TF32 there.
        """
        if self.device is None:
            return None
        rates = self.device.tflops
        if dtype == "fp32":
            plain = rates.get("fp32")
            return plain if (core == _NO).all() else rates.get("tf32", plain)
        return rates.get(_TYPES[dtype]) if dtype in _TYPES else None


def peaks(name: str) -> Peaks:
    """Return those of a device by the name that its driver gives it."""
    return Peaks(device=recognised(name))


def rate(flops: int | None, ns: float) -> float | None:
    """Return TFLOP/s; None where one of both is not known."""
    return flops / ns / 1e3 if flops and ns else None

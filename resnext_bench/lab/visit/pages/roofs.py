"""The highest rates of a device, as measured and by its data sheet, and the floors that follow."""

from dataclasses import dataclass
from functools import cache
from typing import Final

from resnext_bench.lab.visit.pages.figures import timed
from resnext_bench.lab.visit.results import Results
from resnext_bench.reports.networks.rooflines import roofline
from resnext_bench.reports.schema.networks import Roofline
from resnext_bench.resnext.cost import total_flops
from resnext_bench.resnext.devices import Device, recognised
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.roofline import Roof
from resnext_bench.resnext.traffic import Dtype

DTYPES: Final[tuple[Dtype, ...]] = ("fp32", "tf32", "bf16", "fp16")


def sheet_of(device: str) -> Device | None:
    """Return the data sheet of a device by the name that CUDA gives it."""
    return recognised(device)


def typed(text: str) -> tuple[Dtype | None, str]:
    """Return type and layout: `TF32 NHWC` is tf32 and NHWC, which is also the default layout."""
    first, _, layout = text.partition(" ")
    dtype = next((one for one in DTYPES if one == first.lower()), None)
    return dtype, layout or "NHWC"


@dataclass(frozen=True, kw_only=True)
class Roofs:
    """The highest rates of one device."""

    bytes_per_s: float | None
    """Bytes/s of a copy, read and written; None where it was not measured, or was wrong."""
    measured: dict[str, float]
    """FLOP/s of matrix products by type."""
    sheet: Device | None

    @classmethod
    def of(cls, results: Results) -> "Roofs":
        """Return the rates from the results of the part `device`."""
        told = results.told("device")
        copy, products = told.get("copy"), told.get("products")
        moved = timed(copy, results.confidence).rate("copy") if copy and not copy.wrong else None
        rates = timed(products, results.confidence) if products else None
        each = {side: rates.rate(side) for side in rates.sides} if rates else {}
        return cls(
            bytes_per_s=moved.estimate if moved else None,
            measured={side: rate.estimate for side, rate in each.items() if rate},
            sheet=sheet_of(results.facts.device),
        )

    def peak(self, dtype: Dtype) -> tuple[float, str] | None:
        """Return the FLOP/s that MFU divides by, and their source: data sheet, else measured."""
        if self.sheet and dtype in self.sheet.tflops:
            return 1e12 * self.sheet.tflops[dtype], "data sheet"
        if dtype in self.measured:
            return self.measured[dtype], "measured products"
        return None

    def floor(self, model: str, batch: int, dtype: Dtype, size: int) -> Roofline | None:
        """Return a training step's floors in NHWC under both measured rates; None without one."""
        if not layers_of(model, size) or self.bytes_per_s is None or dtype not in self.measured:
            return None
        roof = Roof(flop_per_s=self.measured[dtype], bytes_per_s=self.bytes_per_s)
        return _floor(model, size, batch, dtype, roof)


@cache
def layers_of(model: str, size: int) -> tuple[Layer, ...]:
    """Return the network as it is trained; empty for a name that this program does not know."""
    try:
        return draw(parse(model), size)
    except ValueError:
        return ()


@cache
def _floor(model: str, size: int, batch: int, dtype: Dtype, roof: Roof) -> Roofline:
    return roofline(
        layers_of(model, size),
        roof,
        model=model,
        form="c",
        batch=batch,
        dtype=dtype,
        layout="nhwc",
        device="",
        source="measured",
    )


def training_flop(model: str, size: int) -> int | None:
    """Return the FLOP of an image, forward and backward; None for an unknown name."""
    layers = layers_of(model, size)
    return total_flops(layers).total if layers else None

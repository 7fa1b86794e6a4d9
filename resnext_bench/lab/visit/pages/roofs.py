"""What a device gives at most, as measured and as its data sheet says, and floors under it."""

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
    """The data sheet of a device by the name that CUDA gives it."""
    return recognised(device)


def typed(text: str) -> tuple[Dtype | None, str]:
    """`TF32 NHWC` is tf32 and NHWC; without a layout NHWC is meant."""
    first, _, layout = text.partition(" ")
    dtype = next((one for one in DTYPES if one == first.lower()), None)
    return dtype, layout or "NHWC"


@dataclass(frozen=True, kw_only=True)
class Roofs:
    """Of one device."""

    bytes_per_s: float | None
    """Of a copy, read and written; None where it was not measured, or was wrong."""
    measured: dict[str, float]
    """FLOP/s of matrix products by type."""
    sheet: Device | None

    @classmethod
    def of(cls, results: Results) -> "Roofs":
        """From the part on the device."""
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
        """FLOP/s that MFU divides by, and where it is from: the data sheet, else measured."""
        if self.sheet and dtype in self.sheet.tflops:
            return 1e12 * self.sheet.tflops[dtype], "data sheet"
        if dtype in self.measured:
            return self.measured[dtype], "measured products"
        return None

    def floor(self, model: str, batch: int, dtype: Dtype, size: int) -> Roofline | None:
        """Of a training step in NHWC under both measured roofs; None where one is missing."""
        if not layers_of(model, size) or self.bytes_per_s is None or dtype not in self.measured:
            return None
        roof = Roof(flop_per_s=self.measured[dtype], bytes_per_s=self.bytes_per_s)
        return _floor(model, size, batch, dtype, roof)


@cache
def layers_of(model: str, size: int) -> tuple[Layer, ...]:
    """The network as it is trained; empty where the name is none of ours."""
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
    """FLOP of an image, forward and backward."""
    layers = layers_of(model, size)
    return total_flops(layers).total if layers else None

"""What is known of the arithmetic of a module: from the network where it is ours, else by shapes.

`run --profile` writes into its traces which network it trained. Its layers have the names that the
trace has, so that FLOP and bytes are those of the network's own arithmetic. Elsewhere the sizes of
recorded operators say what they compute.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from resnext_bench.resnext.cost import flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.names import formed
from resnext_bench.resnext.traffic import Dtype, Layout, traffic

TRAINED: Final = "resnext_bench"
"""Field of a trace beside its events, in which `run --profile` says what it trained."""
_AMP: Final[Mapping[str, Dtype]] = {"bf16": "bf16", "fp16": "fp16"}


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace of ours says about its training."""

    model: str
    form: str = "c"
    classes: int = 1000
    image_size: int
    batch_size: int
    """Images of one rank in one step."""
    amp_dtype: str = "none"
    tf32: bool = False
    channels_last: bool = False


@dataclass(frozen=True, kw_only=True)
class Known:
    """One call of a layer, forward and backward, for a whole batch."""

    forward_flop: int
    backward_flop: int
    forward_bytes: int
    backward_bytes: int

    def __add__(self, other: "Known") -> "Known":
        return Known(
            forward_flop=self.forward_flop + other.forward_flop,
            backward_flop=self.backward_flop + other.backward_flop,
            forward_bytes=self.forward_bytes + other.forward_bytes,
            backward_bytes=self.backward_bytes + other.backward_bytes,
        )


NOTHING: Final = Known(forward_flop=0, backward_flop=0, forward_bytes=0, backward_bytes=0)


def trained(header: Mapping[str, Any]) -> Trained | None:
    """Return what a trace says about its training; None of a trace that is not ours."""
    try:
        return msgspec.convert(header.get(TRAINED), Trained)
    except msgspec.ValidationError:
        return None


def of_network(told: Trained) -> Mapping[str, Known] | None:
    """Return what each layer computes, by its name; None where the network is not one of ours."""
    try:
        layers = draw(formed(told.model, told.form, told.classes), told.image_size)  # type: ignore[arg-type]
    except ValueError:
        return None
    dtype: Dtype = _AMP.get(told.amp_dtype, "tf32" if told.tf32 else "fp32")
    layout: Layout = "nhwc" if told.channels_last else "nchw"
    moved = traffic(layers, told.batch_size, dtype, layout)
    return {
        layer.name: _known(
            layer, told.batch_size, own.forward, own.input_gradient + own.weight_gradient
        )
        for layer, own in zip(layers, moved, strict=True)
    }


def _known(layer: Layer, batch: int, forward_bytes: int, backward_bytes: int) -> Known:
    each = flops(layer)
    return Known(
        forward_flop=batch * each.forward,
        backward_flop=batch * (each.input_gradient + each.weight_gradient),
        forward_bytes=forward_bytes,
        backward_bytes=backward_bytes,
    )

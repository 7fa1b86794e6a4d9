"""The convolutions to look at: those of a network of ours, or one that is given by hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final, Self

import msgspec

from resnext_bench.errors import UsageError
from resnext_bench.reports.schema.convs import BY_HAND, OPERATIONS, Convolution
from resnext_bench.resnext.convolutions import Operation, convolutions
from resnext_bench.resnext.layers import Layer
from resnext_bench.resnext.traffic import Dtype, Layout
from resnext_bench.wording import count_of

_NAMED: Final = 5
"""Most convolutions that a refusal names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A convolution, and the operations of it that training computes."""

    convolution: Convolution
    operations: tuple[Operation, ...] = OPERATIONS

    def in_(self, dtype: Dtype, layout: Layout) -> Self:
        """Return the same in another type and layout."""
        conv = msgspec.structs.replace(self.convolution, dtype=dtype, layout=layout)
        return replace(self, convolution=conv)


def of_network(
    layers: Sequence[Layer], *, batch: int, dtype: Dtype, layout: Layout, everything: bool
) -> list[Asked]:
    """Return a network's convolutions with groups; all where it has none, or all are wanted.

    The gradient of the images is not computed, so that layers which read them lack it.
    """
    grouped = convolutions(layers, grouped=True)
    wanted = convolutions(layers, grouped=False) if everything or not grouped else grouped
    return [
        Asked(
            convolution=_drawn(one.layer, one.names, batch, dtype, layout),
            operations=tuple(_operations(one.layer)),
        )
        for one in wanted
    ]


def _operations(layer: Layer) -> Iterator[Operation]:
    for one in OPERATIONS:
        if one != "input gradient" or layer.has_input_gradient:
            yield one


def _drawn(
    layer: Layer, names: tuple[str, ...], batch: int, dtype: Dtype, layout: Layout
) -> Convolution:
    entering = layer.entering
    return Convolution(
        layers=names,
        images=(batch, entering.channels, entering.size, entering.size),
        filters=layer.leaving.channels,
        groups=layer.groups,
        kernel=(layer.kernel, layer.kernel),
        stride=(layer.stride, layer.stride),
        padding=(layer.padding, layer.padding),
        dtype=dtype,
        layout=layout,
    )


def by_hand(
    images: tuple[int, int, int, int],
    *,
    filters: int,
    groups: int,
    kernel: int,
    stride: int,
    padding: int | None,
    dtype: Dtype,
    layout: Layout,
) -> Asked:
    """Return one convolution, or raise UsageError where there is no such one."""
    around = kernel // 2 if padding is None else padding
    channels = images[1]
    for name, count in (("channels", channels), ("--filters", filters)):
        if count % groups:
            raise UsageError(
                f"--groups {groups}: {name} {count} cannot be divided by it; give a divisor of both"
            )
    found = Convolution(
        layers=(BY_HAND,),
        images=images,
        filters=filters,
        groups=groups,
        kernel=(kernel, kernel),
        stride=(stride, stride),
        padding=(around, around),
        dtype=dtype,
        layout=layout,
    )
    if min(found.outputs) < 1:
        size = f"{images[2]}x{images[3]}"
        raise UsageError(
            f"--kernel {kernel}: images of {size} with a padding of {around} are smaller; give a "
            "smaller kernel or more padding"
        )
    return Asked(convolution=found)


def chosen(asked: Sequence[Asked], layer: str | None) -> list[Asked]:
    """Return those of one layer, by its name; all where none is named."""
    if layer is None:
        return list(asked)
    found = [one for one in asked if layer in one.convolution.layers]
    if not found:
        raise UsageError(f"--layer {layer}: not among its {_named(layer, asked)}")
    return found


def _named(layer: str, asked: Sequence[Asked]) -> str:
    """Say how many convolutions there are, and those that may be meant; all where they are few."""
    names = [name for one in asked for name in one.convolution.layers]
    many = count_of(len(names), "convolution")
    if len(names) <= _NAMED:
        return f"{many}, which {'are' if len(names) > 1 else 'is'} {', '.join(names)}"
    near = get_close_matches(layer, names, n=_NAMED)
    if near:
        return f"{many}; the nearest {'are' if len(near) > 1 else 'is'} {', '.join(near)}"
    return f"{many}, from {names[0]} to {names[-1]}"

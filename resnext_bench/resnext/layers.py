"""Layers as data: what each reads and returns at one image size, in order (no torch).

A network is a list of layers. Each names the layers it reads by their place in the list, so that
sizes, arithmetic, traffic and the life of every tensor follow from the list alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal[
    "conv",
    "linear",
    "norm",
    "relu",
    "max_pool",
    "mean_pool",
    "lrn",
    "dropout",
    "add",
    "concat",
]
"""Kinds of layers. `norm` is batch norm, `lrn` local response norm, `mean_pool` averages the whole
map; `relu` and `add` work in place, on the first map they read."""

IMAGES: Final = -1
"""Place of the network's input."""
FP32: Final = 4
"""Bytes of a value in fp32."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Map:
    """A feature map of one image: its channels, and the edge of its square in pixels."""

    channels: int
    size: int

    @property
    def elements(self) -> int:
        """The number of values for one image."""
        return self.channels * self.size**2


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer at one image size, for one image."""

    name: str
    """Name in the module tree."""
    kind: Kind
    reads: tuple[int, ...]
    """Places of the layers whose outputs it reads."""
    entering: Map
    """First map that it reads."""
    leaving: Map
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    """Pixels around the input of a convolution."""
    groups: int = 1
    bias: bool = False

    @property
    def weights(self) -> int:
        """The number of weights; a group sees only its share of the input channels."""
        if self.kind == "norm":
            return self.leaving.channels
        if self.kind not in ("conv", "linear"):
            return 0
        entering = self.entering.channels if self.kind == "conv" else self.entering.elements
        return self.kernel**2 * (entering // self.groups) * self.leaving.channels

    @property
    def parameters(self) -> int:
        """The number of trained values, with biases; two per channel for batch norm."""
        biases = self.leaving.channels if self.bias or self.kind == "norm" else 0
        return self.weights + biases

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image's forward pass; 0 except in convolutions and linear layers."""
        if self.kind not in ("conv", "linear"):
            return 0
        return self.weights * self.leaving.size**2

    @property
    def has_input_gradient(self) -> bool:
        """Whether backward computes the gradient of its input, which is not needed for images."""
        return IMAGES not in self.reads


@dataclass(kw_only=True, slots=True)
class Drawing:
    """A growing list of layers; every method but `map_of` appends one and returns its place."""

    images: Map
    layers: list[Layer] = field(default_factory=list)

    def map_of(self, place: int) -> Map:
        """Return the output of the layer at a place."""
        return self.images if place == IMAGES else self.layers[place].leaving

    def conv(
        self,
        name: str,
        reads: int,
        channels: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
        bias: bool = False,
    ) -> int:
        """Append a convolution; the default of the padding is half the kernel."""
        around = kernel // 2 if padding is None else padding
        size = _windows(name, self.map_of(reads).size, kernel, stride, around)
        return self._append(
            Layer(
                name=name,
                kind="conv",
                reads=(reads,),
                entering=self.map_of(reads),
                leaving=Map(channels=channels, size=size),
                kernel=kernel,
                stride=stride,
                padding=around,
                groups=groups,
                bias=bias,
            )
        )

    def linear(self, name: str, reads: int, channels: int) -> int:
        """Append a linear layer with a bias, over all values of a map."""
        return self._append(
            Layer(
                name=name,
                kind="linear",
                reads=(reads,),
                entering=self.map_of(reads),
                leaving=Map(channels=channels, size=1),
                bias=True,
            )
        )

    def max_pool(
        self, name: str, reads: int, *, stride: int = 2, padding: int = 0, ceil: bool = False
    ) -> int:
        """Append a 3x3 max-pool."""
        entering = self.map_of(reads)
        size = _windows(name, entering.size, 3, stride, padding, ceil=ceil)
        return self._append(
            Layer(
                name=name,
                kind="max_pool",
                reads=(reads,),
                entering=entering,
                leaving=Map(channels=entering.channels, size=size),
                kernel=3,
                stride=stride,
            )
        )

    def mean_pool(self, name: str, reads: int) -> int:
        """Append the mean of each channel."""
        entering = self.map_of(reads)
        return self._one(
            name, "mean_pool", (reads,), entering, Map(channels=entering.channels, size=1)
        )

    def same(self, name: str, kind: Kind, *reads: int) -> int:
        """Append a layer whose output has its input's shape: norm, relu, lrn, dropout, add."""
        return self._one(name, kind, reads, self.map_of(reads[0]), self.map_of(reads[0]))

    def concat(self, name: str, reads: Sequence[int]) -> int:
        """Append the channels of several maps of one size, one after another."""
        maps = [self.map_of(place) for place in reads]
        leaving = Map(channels=sum(one.channels for one in maps), size=maps[0].size)
        return self._one(name, "concat", tuple(reads), maps[0], leaving)

    def _one(
        self, name: str, kind: Kind, reads: tuple[int, ...], entering: Map, leaving: Map
    ) -> int:
        return self._append(
            Layer(name=name, kind=kind, reads=reads, entering=entering, leaving=leaving)
        )

    def _append(self, layer: Layer) -> int:
        self.layers.append(layer)
        return len(self.layers) - 1


def _windows(
    name: str, size: int, kernel: int, stride: int, padding: int, *, ceil: bool = False
) -> int:
    """Return how many windows fit along an edge; with `ceil`, a last one need only begin inside."""
    room = size + 2 * padding - kernel
    count = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= size + padding:
        count -= 1
    if count < 1:
        raise ValueError(f"the image is too small: {name} needs {kernel} pixels but gets {size}")
    return count


def map_widths(layers: Sequence[Layer], product: int) -> dict[int, int]:
    """Return the bytes of a value in each map by its place, images included.

    Convolutions and linear layers return `product` bytes. Autocast computes local response norm in
    fp32; all other layers keep the width of their input.
    """
    widths = {IMAGES: FP32}
    for place, layer in enumerate(layers):
        match layer.kind:
            case "conv" | "linear":
                widths[place] = product
            case "lrn":
                widths[place] = FP32
            case _:
                widths[place] = widths[layer.reads[0]]
    return widths

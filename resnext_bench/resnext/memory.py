"""Calculates the memory of a training step by following the life of every tensor (no torch).

The forward pass keeps what backward will read; backward frees it and makes gradients; the optimizer
needs its own. Which tensor lives when follows from the list of layers and from what PyTorch's
autograd saves for each kind of layer ("derivatives.yaml" of its source):

- a convolution and a linear layer save their input, batch norm its input, ReLU its output;
- max-pool saves its input and an int64 for every output; dropout its mask;
- local response norm saves three maps in addition to its input;
- additions and concatenations save nothing; ReLU and additions work in place.

Under autocast, maps have two bytes a value, except those of local response norm, which autocast
computes in fp32; each weight has a two-byte copy until its convolution's backward. Assumed: eager
PyTorch, gradients set to none after each step, state of the optimizer and of batch norm in fp32.
Left out: workspaces of cuDNN and oneDNN, the CUDA context, what the allocator cannot use, and the
loader.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from resnext_bench.resnext.layers import FP32, IMAGES, Layer, map_widths
from resnext_bench.resnext.optimizers import OPTIMIZERS, Update

INT64: Final = 8

_LRN_BACKWARD: Final = 3
"""Number of maps that the division of local response norm makes on the way to its two gradients."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """The settings of training that memory depends on."""

    batch: int
    """Images per rank."""
    mixed: bool = False
    """Whether autocast is used, in bf16 or fp16."""
    optimizer: str = "sgd"
    """Name of the optimizer in `optimizers`."""
    momentum: bool = True
    weight_decay: bool = True
    on_gpu: bool = False
    """Whether training runs on a GPU. There the optimizer works on all parameters at once, and a
    convolution's weight gradient is written where it stays; oneDNN passes it on through two
    copies."""
    pixel_bytes: int = FP32
    """Bytes that each value of an image takes for the whole step; for pixels in bytes, together
    with their normalised floats."""
    casts_images: bool = True
    """Whether autocast makes a copy of the images; it makes none if they have its type already."""
    buckets: Literal["none", "beside", "views"] = "none"
    """Place of DDP's buckets: none, beside the gradients, or with the gradients as views of
    them."""

    @property
    def width(self) -> int:
        """Bytes of a value in the output of a convolution or linear layer."""
        return 2 if self.mixed else FP32


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """The bytes of one rank in steady training."""

    parameters: int
    """Bytes of the parameters and batch norm's running statistics."""
    gradients: int
    """Bytes of the gradients and of DDP's buckets beside them, which stay from step to step."""
    optimizer: int
    images: int
    """Bytes of the batch."""
    activations: int
    """Bytes that the forward pass leaves for backward, with two-byte copies of weights."""
    peak: int
    """Most bytes in use at once: less than the sum, as activations go while gradients come."""
    peak_in: str
    """Where the peak is: "forward LAYER", "backward LAYER" or "optimizer"."""


def training_memory(layers: Sequence[Layer], setting: Setting) -> Memory:
    """Return the memory of a training step, by following it from layer to layer."""
    step = _Step(layers=layers, setting=setting, widths=map_widths(layers, setting.width))
    fixed = _parameters(layers) + _optimizer(layers, setting) + _images(layers, setting)
    buckets = _trained(layers) if setting.buckets != "none" else 0
    step.take(fixed + buckets, "forward")
    step.forward()
    activations = step.live - fixed - buckets
    step.backward()
    step.update()
    return Memory(
        parameters=_parameters(layers),
        gradients=_trained(layers) + (buckets if setting.buckets == "beside" else 0),
        optimizer=_optimizer(layers, setting),
        images=_images(layers, setting),
        activations=activations,
        peak=step.peak,
        peak_in=step.peak_in,
    )


def _trained(layers: Sequence[Layer]) -> int:
    return FP32 * sum(layer.parameters for layer in layers)


def _parameters(layers: Sequence[Layer]) -> int:
    norms = [layer.leaving.channels for layer in layers if layer.kind == "norm"]
    return _trained(layers) + sum(2 * FP32 * channels + INT64 for channels in norms)


def _optimizer(layers: Sequence[Layer], setting: Setting) -> int:
    chosen = OPTIMIZERS[setting.optimizer]
    is_kept = setting.momentum or not chosen.has_momentum
    return is_kept * chosen.states * _trained(layers)


def _images(layers: Sequence[Layer], setting: Setting) -> int:
    return setting.batch * (setting.pixel_bytes * layers[0].entering.elements + INT64)


@dataclass(kw_only=True, slots=True)
class _Held:
    """Bytes with any number of holders, which are freed with the last of them."""

    size: int
    holders: int = 0


@dataclass(kw_only=True, slots=True)
class _Step:
    """The bytes in use during a step, and their peak."""

    layers: Sequence[Layer]
    setting: Setting
    widths: dict[int, int]
    """Bytes of a value in each layer's output, by place."""
    live: int = 0
    peak: int = 0
    peak_in: str = ""
    maps: dict[int, _Held] = field(default_factory=dict)
    """Memory of each layer's output, by place; layers that work in place share that of their
    input."""
    saved: list[list[_Held]] = field(default_factory=list)
    """What each layer keeps for its backward."""

    def take(self, size: int, where: str) -> None:
        """Add bytes that are in use from now on."""
        self.live += size
        if self.live > self.peak:
            self.peak, self.peak_in = self.live, where

    def pass_through(self, size: int, where: str) -> None:
        """Add bytes that are in use for a moment."""
        self.take(size, where)
        self.live -= size

    def hold(self, held: _Held, where: str) -> _Held:
        """Add a holder; the first one takes the bytes."""
        if not held.holders:
            self.take(held.size, where)
        held.holders += 1
        return held

    def drop(self, held: _Held) -> None:
        """Remove a holder; the last one frees the bytes."""
        held.holders -= 1
        if not held.holders:
            self.live -= held.size

    def leaving(self, place: int) -> _Held:
        """Return the output of a layer for the whole batch, or its gradient."""
        elements = self.setting.batch * self.layers[place].leaving.elements
        return _Held(size=elements * self.widths[place])

    def forward(self) -> None:
        """Follow the forward pass: a map lives until its last reader has run, longer if saved."""
        last = {read: place for place, layer in enumerate(self.layers) for read in layer.reads}
        for place, layer in enumerate(self.layers):
            where = f"forward {layer.name}"
            in_place = layer.kind in ("relu", "add")
            held = self.maps[layer.reads[0]] if in_place else self.leaving(place)
            self.maps[place] = self.hold(held, where)
            self.saved.append([self.hold(one, where) for one in self._saves(place, layer)])
            for read in {*layer.reads} - {IMAGES}:
                if last[read] == place:
                    self.drop(self.maps[read])
        self.drop(self.maps[len(self.layers) - 1])

    def _saves(self, place: int, layer: Layer) -> list[_Held]:
        entering = [self.maps[read] for read in layer.reads[:1] if read != IMAGES]
        match layer.kind:
            case "conv" | "linear":
                return self._casts(layer) if self.setting.mixed else entering
            case "norm":
                return [*entering, _Held(size=2 * FP32 * layer.leaving.channels)]
            case "relu":
                return [self.maps[place]]
            case "max_pool":
                indices = INT64 * self.setting.batch * layer.leaving.elements
                return [*entering, _Held(size=indices)]
            case "lrn":
                return [*entering, *(self.leaving(place) for _ in range(3))]
            case "dropout":
                return [self.leaving(place)]
            case _:
                return []

    def _casts(self, layer: Layer) -> list[_Held]:
        """Return two-byte copies of the parameters, and of the input where that is in fp32."""
        parameters = _Held(size=self.setting.width * layer.parameters)
        (read,) = layer.reads
        if read == IMAGES and not self.setting.casts_images:
            return [parameters]
        if self.widths[read] == self.setting.width:
            return [parameters, self.maps[read]]
        elements = self.setting.batch * layer.entering.elements
        return [parameters, _Held(size=elements * self.setting.width)]

    def backward(self) -> None:
        """Follow the backward pass: a gradient lives until the layer it belongs to has run."""
        last = len(self.layers) - 1
        gradients: dict[int, _Held] = {}
        gradients[last] = self.hold(self.leaving(last), "loss")
        for place in range(last, -1, -1):
            layer = self.layers[place]
            where = f"backward {layer.name}"
            gradient = gradients.pop(place)
            for read in {*layer.reads} - {IMAGES}:
                shared = layer.kind in ("add", "concat")
                self._pass_on(gradients, read, gradient if shared else self.leaving(read), where)
            self._parameter_gradients(layer, where)
            if layer.kind == "lrn":
                self.pass_through(_LRN_BACKWARD * self.leaving(place).size, where)
            self.drop(gradient)
            for held in self.saved[place]:
                self.drop(held)

    def _pass_on(self, gradients: dict[int, _Held], read: int, gradient: _Held, where: str) -> None:
        """Pass a gradient on to a layer; those of all its readers are added up."""
        there = gradients.get(read)
        self.hold(gradient, where)
        if there is None:
            gradients[read] = gradient
            return
        if there.holders > 1:
            gradients[read] = self.hold(_Held(size=there.size), where)
            self.drop(there)
        self.drop(gradient)

    def _parameter_gradients(self, layer: Layer, where: str) -> None:
        """Make gradients of parameters in fp32, through copies in the convolution's own type."""
        kept = FP32 * layer.parameters
        if layer.kind == "norm":
            self.take(kept, where)
        else:
            own = self.setting.width * layer.parameters
            copies = 1 if self.setting.on_gpu or layer.kind != "conv" else 3
            self.pass_through(copies * own, where)
            self.take(kept + (own if self.setting.mixed else 0), where)
            self.live -= own if self.setting.mixed else 0
        if self.setting.buckets == "views":  # copied into its bucket, and gone
            self.live -= kept

    def update(self) -> None:
        """Make copies of parameters: of one after another or, on a GPU, of all at once."""
        if self.setting.on_gpu:
            size = FP32 * sum(layer.parameters for layer in self.layers)
        else:
            size = FP32 * max(layer.weights for layer in self.layers)
        self.take(self._copies() * size, "optimizer")

    def _copies(self) -> int:
        setting = self.setting
        update = Update(
            weight_decay=setting.weight_decay,
            momentum=setting.momentum,
            is_at_once=setting.on_gpu,
        )
        return OPTIMIZERS[setting.optimizer].copies(update)

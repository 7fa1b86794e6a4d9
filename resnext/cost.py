"""Parameters and arithmetic of a network, exact and without building it (no torch).

One multiply-add (MAC) is two FLOP everywhere; the papers call multiply-adds "FLOPs".
Batch norm, ReLU, pooling and additions are not counted, as in the papers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from resnext.spec import STEM_CHANNELS, BlockSpec, ResNeXtSpec

FLOP_PER_MULTIPLY_ADD = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ConvShape:
    """One convolution at one picture size; sizes are edge lengths in pixels."""

    name: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    groups: int
    in_size: int

    @property
    def out_size(self) -> int:
        """Edge of the output: the padding is half the kernel, so only the stride shrinks it."""
        return _strided(self.in_size, self.stride)

    @property
    def parameters(self) -> int:
        """Weights; a group sees only its share of the input channels. No bias."""
        return self.kernel**2 * (self.in_channels // self.groups) * self.out_channels

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one forward pass of one image."""
        return self.parameters * self.out_size**2


def convolutions(spec: ResNeXtSpec, image_size: int) -> Iterator[ConvShape]:
    """Yield every convolution in the order the network runs, for square images in pixels.

    A block's projection follows its other three. Names read `stages.<stage>.<block>.<part>`
    as in the module tree.
    """
    if image_size < 1:
        raise ValueError(f"image size is {image_size}, at least 1 pixel is needed")
    stem = _shape("stem", (3, STEM_CHANNELS), image_size, kernel=7, stride=2)
    yield stem
    size = _strided(stem.out_size, 2)
    for stage, blocks in enumerate(spec.stages()):
        for index, block in enumerate(blocks):
            yield from _block(f"stages.{stage}.{index}", block, size)
            size = _strided(size, block.stride)


def parameters(spec: ResNeXtSpec) -> int:
    """Return the number of trained values, batch norm and classifier bias included."""
    convs = sum(conv.parameters + 2 * conv.out_channels for conv in convolutions(spec, 1))
    return convs + (spec.out_channels[-1] + 1) * spec.classes


def multiply_adds(spec: ResNeXtSpec, image_size: int) -> int:
    """Return multiply-adds of one forward pass of one image (the papers' "FLOPs")."""
    convs = sum(conv.multiply_adds for conv in convolutions(spec, image_size))
    return convs + spec.out_channels[-1] * spec.classes


def training_flops(spec: ResNeXtSpec, image_size: int) -> int:
    """Return FLOP to train on one image: forward, input gradient and weight gradient.

    Each costs the forward's multiply-adds, but nobody computes the gradient of the image
    itself. ResNeXt-50 32x4d at 224 pixels: 25.15 GFLOP.
    """
    first = next(convolutions(spec, image_size)).multiply_adds
    return FLOP_PER_MULTIPLY_ADD * (3 * multiply_adds(spec, image_size) - first)


def _block(name: str, block: BlockSpec, size: int) -> Iterator[ConvShape]:
    entering, inner, out = block.in_channels, block.group_channels, block.out_channels
    yield _shape(f"{name}.reduce", (entering, inner), size)
    yield _shape(
        f"{name}.grouped", (inner, inner), size, kernel=3, stride=block.stride, groups=block.groups
    )
    yield _shape(f"{name}.expand", (inner, out), _strided(size, block.stride))
    if block.projects:
        yield _shape(f"{name}.shortcut", (entering, out), size, stride=block.stride)


def _shape(
    name: str,
    channels: tuple[int, int],
    size: int,
    *,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
) -> ConvShape:
    return ConvShape(
        name=name,
        in_channels=channels[0],
        out_channels=channels[1],
        kernel=kernel,
        stride=stride,
        groups=groups,
        in_size=size,
    )


def _strided(size: int, stride: int) -> int:
    return (size - 1) // stride + 1

"""Draws every architecture as a list of layers at an image size (no torch).

Names are those of the modules in `resnext_bench.resnext.modules`, which are torchvision's where
torchvision has the network.
"""

from resnext_bench.resnext.layers import IMAGES, Drawing, Layer, Map
from resnext_bench.resnext.names import Architecture
from resnext_bench.resnext.relatives import INCEPTIONS, AlexNetSpec, GoogLeNetSpec, Inception
from resnext_bench.resnext.spec import BlockSpec, ResNeXtSpec


def draw(spec: Architecture, image_size: int) -> tuple[Layer, ...]:
    """Return all layers for square images with this edge in pixels.

    Raises ValueError where the network cannot take them.
    """
    if image_size < 1:
        raise ValueError(f"image size is {image_size}, at least 1 pixel is needed")
    drawing = Drawing(images=Map(channels=3, size=image_size))
    match spec:
        case ResNeXtSpec():
            _resnext(drawing, spec)
        case AlexNetSpec():
            _alexnet(drawing, spec)
        case GoogLeNetSpec():
            _googlenet(drawing, spec)
    return tuple(drawing.layers)


def _resnext(drawing: Drawing, spec: ResNeXtSpec) -> None:
    stem = spec.stem
    x = drawing.conv(
        "conv1", IMAGES, stem.channels, stem.kernel, stride=stem.stride, bias=stem.bias
    )
    x = drawing.same("relu", "relu", drawing.same("bn1", "norm", x))
    if stem.pool:
        x = drawing.max_pool("maxpool", x, padding=1)
    for stage, blocks in enumerate(spec.stages(), 1):
        for index, block in enumerate(blocks):
            x = _block(drawing, f"layer{stage}.{index}", block, x)
    drawing.linear("fc", drawing.mean_pool("avgpool", x), spec.classes)


def _block(drawing: Drawing, name: str, block: BlockSpec, entering: int) -> int:
    if block.form == "c":
        x = _reduced(drawing, f"{name}.", block, entering, block.group_channels, block.groups)
        x = drawing.conv(f"{name}.conv3", x, block.out_channels)
    else:
        x = _paths(drawing, name, block, entering)
    x = drawing.same(f"{name}.bn3", "norm", x)
    if block.shortcut:
        shortcut = entering
        if block.projects:
            shortcut = drawing.conv(
                f"{name}.downsample.0", entering, block.out_channels, stride=block.stride
            )
            shortcut = drawing.same(f"{name}.downsample.1", "norm", shortcut)
        x = drawing.same(f"{name}.add", "add", x, shortcut)
    return drawing.same(f"{name}.relu", "relu", x)


def _reduced(
    drawing: Drawing, prefix: str, block: BlockSpec, entering: int, channels: int, groups: int
) -> int:
    """Add a 1x1 and a 3x3, each with batch norm and ReLU."""
    first, second = block.strides
    x = drawing.conv(f"{prefix}conv1", entering, channels, stride=first)
    x = drawing.same(f"{prefix}relu1", "relu", drawing.same(f"{prefix}bn1", "norm", x))
    x = drawing.conv(f"{prefix}conv2", x, channels, 3, stride=second, groups=groups)
    return drawing.same(f"{prefix}relu2", "relu", drawing.same(f"{prefix}bn2", "norm", x))


def _paths(drawing: Drawing, name: str, block: BlockSpec, entering: int) -> int:
    """Add the paths of a block: summed (figure 3(a)), or concatenated before one 1x1 (3(b))."""
    ends: list[int] = []
    total = -1
    for path in range(block.groups):
        prefix = f"{name}.paths.{path}."
        end = _reduced(drawing, prefix, block, entering, block.path_channels, 1)
        if block.form == "b":
            ends.append(end)
            continue
        end = drawing.conv(f"{prefix}conv3", end, block.out_channels)
        total = drawing.same(f"{prefix}sum", "add", total, end) if path else end
    if block.form == "a":
        return total
    return drawing.conv(f"{name}.conv3", drawing.concat(f"{name}.concat", ends), block.out_channels)


ALEXNET_EDGE = 6
"""Edge of the last map, for which the first linear layer is made."""


def _alexnet(drawing: Drawing, spec: AlexNetSpec) -> None:
    conv, same, groups = drawing.conv, drawing.same, spec.groups
    x = same("relu1", "relu", conv("conv1", IMAGES, 96, 11, stride=4, padding=0, bias=True))
    x = drawing.max_pool("pool1", same("norm1", "lrn", x))
    x = same("relu2", "relu", conv("conv2", x, 256, 5, groups=groups, bias=True))
    x = drawing.max_pool("pool2", same("norm2", "lrn", x))
    x = same("relu3", "relu", conv("conv3", x, 384, 3, bias=True))
    x = same("relu4", "relu", conv("conv4", x, 384, 3, groups=groups, bias=True))
    x = same("relu5", "relu", conv("conv5", x, 256, 3, groups=groups, bias=True))
    x = drawing.max_pool("pool5", x)
    if drawing.map_of(x).size != ALEXNET_EDGE:
        raise ValueError(
            f"{spec.name} takes images of 227 to 258 pixels, not {drawing.images.size}"
        )
    x = same("drop6", "dropout", same("relu6", "relu", drawing.linear("fc6", x, 4096)))
    x = same("drop7", "dropout", same("relu7", "relu", drawing.linear("fc7", x, 4096)))
    drawing.linear("fc8", x, spec.classes)


def _googlenet(drawing: Drawing, spec: GoogLeNetSpec) -> None:
    first, *later = spec.filter_groups
    x = _activated(drawing, "conv1", IMAGES, 64, 7, stride=2)
    x = drawing.max_pool("pool1", x, ceil=True)
    x = drawing.same("norm1", "lrn", x)
    x = _activated(drawing, "conv2_reduce", x, 64)
    x = drawing.same("norm2", "lrn", _activated(drawing, "conv2", x, 192, 3, groups=first))
    x = drawing.max_pool("pool2", x, ceil=True)
    for number, (modules, groups) in enumerate(zip(INCEPTIONS, later, strict=True), 3):
        for module in modules:
            x = _inception(drawing, module, groups, x)
        if number < 5:
            x = drawing.max_pool(f"pool{number}", x, ceil=True)
    x = drawing.same("dropout", "dropout", drawing.mean_pool("avgpool", x))
    drawing.linear("fc", x, spec.classes)


def _inception(drawing: Drawing, module: Inception, groups: int, entering: int) -> int:
    name = module.name
    direct = _activated(drawing, f"{name}.direct", entering, module.direct)
    three = _activated(drawing, f"{name}.reduce3", entering, module.reduce3)
    three = _activated(drawing, f"{name}.conv3", three, module.out3, 3, groups=groups)
    five = _activated(drawing, f"{name}.reduce5", entering, module.reduce5)
    five = _activated(drawing, f"{name}.conv5", five, module.out5, 5, groups=groups)
    pooled = drawing.max_pool(f"{name}.pool", entering, stride=1, padding=1)
    pooled = _activated(drawing, f"{name}.project", pooled, module.pool)
    return drawing.concat(f"{name}.concat", (direct, three, five, pooled))


def _activated(
    drawing: Drawing,
    name: str,
    reads: int,
    channels: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    groups: int = 1,
) -> int:
    """Add a convolution with a bias, and ReLU."""
    x = drawing.conv(name, reads, channels, kernel, stride=stride, groups=groups, bias=True)
    return drawing.same(f"{name}.relu", "relu", x)

"""ResNeXt in its grouped-convolution form, figure 3(c) of arXiv 1611.05431."""

import math

from torch import Tensor, nn
from torch.nn import functional

from resnext.spec import STEM_CHANNELS, BlockSpec, ResNeXtSpec


def _conv(entering: int, leaving: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        entering, leaving, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )


class Bottleneck(nn.Module):
    """1x1 reduce, grouped 3x3 (which carries the stride), 1x1 expand; ReLU after the addition."""

    def __init__(self, block: BlockSpec) -> None:
        """Build one block; the shortcut has weights only where the shape changes."""
        super().__init__()
        inner, out = block.group_channels, block.out_channels
        self.reduce = _conv(block.in_channels, inner, 1)
        self.reduce_norm = nn.BatchNorm2d(inner)
        self.grouped = _conv(inner, inner, 3, block.stride, block.groups)
        self.grouped_norm = nn.BatchNorm2d(inner)
        self.expand = _conv(inner, out, 1)
        self.expand_norm = nn.BatchNorm2d(out)
        self.shortcut: nn.Module = nn.Identity()
        if block.projects:
            projection = _conv(block.in_channels, out, 1, block.stride)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(out))

    def forward(self, images: Tensor) -> Tensor:
        """Map [batch, in, h, w] to [batch, out, h/stride, w/stride]."""
        x = functional.relu(self.reduce_norm(self.reduce(images)), inplace=True)
        x = functional.relu(self.grouped_norm(self.grouped(x)), inplace=True)
        x = self.expand_norm(self.expand(x))
        x += self.shortcut(images)
        return functional.relu(x, inplace=True)


class ResNeXt(nn.Module):
    """Stem, stages of bottlenecks, average pool, classifier (table 1)."""

    def __init__(self, spec: ResNeXtSpec, classes: int) -> None:
        """Build every stage the spec lists, then draw the weights."""
        super().__init__()
        self.spec = spec
        self.stem = nn.Sequential(
            _conv(3, STEM_CHANNELS, 7, 2),
            nn.BatchNorm2d(STEM_CHANNELS),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.stages = nn.Sequential(
            *(nn.Sequential(*(Bottleneck(block) for block in stage)) for stage in spec.stages())
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(spec.out_channels[-1], classes)
        self.apply(_draw)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [batch, 3, h, w] to logits [batch, classes]."""
        pooled = self.pool(self.stages(self.stem(images)))
        logits: Tensor = self.classifier(pooled.flatten(1))
        return logits


def _draw(module: nn.Module) -> None:
    """Draw convolutions as the paper's code: normal, std √(2/(k²·out channels))."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)


def build(spec: ResNeXtSpec, *, classes: int | None = None) -> nn.Module:
    """Return the network with fresh weights; `classes` replaces the spec's own number.

    Shapes: images [batch, 3, h, w] to logits [batch, classes].
    """
    count = spec.classes if classes is None else classes
    if count < 1:
        raise ValueError(f"{spec.name}: classes is {count}, at least 1 is needed")
    return ResNeXt(spec, count)

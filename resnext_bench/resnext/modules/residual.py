"""ResNeXt, ResNet and their relatives as modules, with the block in its three equivalent forms.

The forms are those of figure 3 of arXiv 1611.05431: (a) and (b) compute with C times as many
kernels what form (c) computes with one grouped convolution: their cost is the reason for form (c).

Their names are those of torchvision and timm, so that a `state_dict` of form (c) can be loaded
there, and theirs here.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from resnext_bench.resnext.spec import BlockSpec, ResNeXtSpec


class ResNeXt(nn.Module):
    """Stem, stages of bottlenecks, average pool, classifier (arXiv 1611.05431, table 1).

    With `filter_groups` it is Deep Roots' ResNet-50 (arXiv 1605.06489), with the stride on the
    first 1x1 and a bias in conv1, as in the Caffe model that was changed there; with CIFAR's stem
    it is the network of section 5.3; without shortcuts the one of section 5.1. Weights
    are drawn as in the paper's code, normal by the fan-out: with one seed they are torchvision's.
    """

    def __init__(self, spec: ResNeXtSpec) -> None:
        """Build every stage the spec lists, then draw the weights."""
        super().__init__()
        self.spec = spec
        stem = spec.stem
        self.conv1 = nn.Conv2d(
            3, stem.channels, stem.kernel, stem.stride, padding=stem.kernel // 2, bias=stem.bias
        )
        self.bn1 = nn.BatchNorm2d(stem.channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1) if stem.pool else nn.Identity()
        for number, blocks in enumerate(spec.stages(), 1):
            stage = nn.Sequential(*(block_module(block) for block in blocks))
            self.add_module(f"layer{number}", stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(spec.out_channels[-1], spec.classes)
        self.apply(_draw)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [batch, 3, h, w] to logits [batch, classes]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for number in range(1, len(self.spec.blocks) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def _draw(module: nn.Module) -> None:
    """Draw convolutions as in the paper's code: normal, std √(2/(k²·out channels))."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def block_module(block: BlockSpec) -> nn.Module:
    """Return the module of a block in its form."""
    return Bottleneck(block) if block.form == "c" else PathBottleneck(block)


class Bottleneck(nn.Module):
    """Form (c): 1x1 reduce, grouped 3x3, 1x1 expand, added to the shortcut; then ReLU.

    The shortcut has weights only where the shape changes.
    """

    def __init__(self, block: BlockSpec) -> None:
        """Build one block."""
        super().__init__()
        inner, out = block.group_channels, block.out_channels
        first, second = block.strides
        self.conv1 = _conv(block.in_channels, inner, 1, first)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = _conv(inner, inner, 3, second, block.groups)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = _conv(inner, out, 1)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = _projection(block)
        self._has_shortcut = block.shortcut

    def forward(self, images: Tensor) -> Tensor:
        """Map [batch, in, h, w] to [batch, out, h/stride, w/stride]."""
        x = functional.relu(self.bn1(self.conv1(images)), inplace=True)
        x = functional.relu(self.bn2(self.conv2(x)), inplace=True)
        x = self.bn3(self.conv3(x))
        if self._has_shortcut:
            x += images if self.downsample is None else self.downsample(images)
        return functional.relu(x, inplace=True)


class PathBottleneck(nn.Module):
    """Forms (a) and (b): C paths, summed, or concatenated before one 1x1.

    In form (a) batch norm follows the sum of the paths and precedes the addition of the shortcut,
    as the paper has it.
    """

    def __init__(self, block: BlockSpec) -> None:
        """Build one block of `groups` paths."""
        super().__init__()
        self.paths = nn.ModuleList(Path(block) for _ in range(block.groups))
        together = block.form == "b"
        self.conv3 = _conv(block.group_channels, block.out_channels, 1) if together else None
        self.bn3 = nn.BatchNorm2d(block.out_channels)
        self.downsample = _projection(block)
        self._has_shortcut = block.shortcut

    def forward(self, images: Tensor) -> Tensor:
        """Map [batch, in, h, w] to [batch, out, h/stride, w/stride]."""
        x = self.bn3(self._summed(images) if self.conv3 is None else self._concatenated(images))
        if self._has_shortcut:
            x += images if self.downsample is None else self.downsample(images)
        return functional.relu(x, inplace=True)

    def _summed(self, images: Tensor) -> Tensor:
        first, *others = self.paths
        x: Tensor = first(images)
        for path in others:
            x += path(images)
        return x

    def _concatenated(self, images: Tensor) -> Tensor:
        assert self.conv3 is not None
        x: Tensor = self.conv3(torch.cat([path(images) for path in self.paths], dim=1))
        return x


class Path(nn.Module):
    """One of the C transformations: 1x1, 3x3 and, in form (a), a 1x1 back to full width."""

    def __init__(self, block: BlockSpec) -> None:
        """Build one path of d channels."""
        super().__init__()
        width = block.path_channels
        first, second = block.strides
        self.conv1 = _conv(block.in_channels, width, 1, first)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, 3, second)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _conv(width, block.out_channels, 1) if block.form == "a" else None

    def forward(self, images: Tensor) -> Tensor:
        """Map [batch, in, h, w] to [batch, d or out, h/stride, w/stride]."""
        x = functional.relu(self.bn1(self.conv1(images)), inplace=True)
        x = functional.relu(self.bn2(self.conv2(x)), inplace=True)
        if self.conv3 is not None:
            x = self.conv3(x)
        return x


def _conv(entering: int, leaving: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        entering, leaving, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )


def _projection(block: BlockSpec) -> nn.Sequential | None:
    """Return the shortcut's 1x1 if the shape changes, else None."""
    if not block.projects:
        return None
    return nn.Sequential(
        _conv(block.in_channels, block.out_channels, 1, block.stride),
        nn.BatchNorm2d(block.out_channels),
    )

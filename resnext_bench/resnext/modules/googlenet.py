"""GoogLeNet with Inception modules as in its paper, and Deep Roots' grouped versions of it."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from resnext_bench.resnext.relatives import INCEPTIONS, GoogLeNetSpec, Inception

LRN: Final = {"size": 5, "alpha": 1e-4, "beta": 0.75}
"""Local response norm: the paper gives no values; these are from the later Caffe model."""


def _conv(
    entering: int, leaving: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    return nn.Conv2d(entering, leaving, kernel, stride, padding=kernel // 2, groups=groups)


def _relu(x: Tensor) -> Tensor:
    return functional.relu(x, inplace=True)


class InceptionModule(nn.Module):
    """Four branches from one map, concatenated (arXiv 1409.4842, figure 2b)."""

    def __init__(self, module: Inception, entering: int, groups: int) -> None:
        """Build the branches; `groups` are those of the 3x3 and the 5x5."""
        super().__init__()
        self.direct = _conv(entering, module.direct)
        self.reduce3 = _conv(entering, module.reduce3)
        self.conv3 = _conv(module.reduce3, module.out3, 3, groups=groups)
        self.reduce5 = _conv(entering, module.reduce5)
        self.conv5 = _conv(module.reduce5, module.out5, 5, groups=groups)
        self.pool = nn.MaxPool2d(3, 1, padding=1)
        self.project = _conv(entering, module.pool)

    def forward(self, images: Tensor) -> Tensor:
        """Map [batch, in, h, w] to [batch, sum of the branches, h, w]."""
        direct = _relu(self.direct(images))
        three = _relu(self.conv3(_relu(self.reduce3(images))))
        five = _relu(self.conv5(_relu(self.reduce5(images))))
        pooled = _relu(self.project(self.pool(images)))
        return torch.cat([direct, three, five, pooled], dim=1)


class GoogLeNet(nn.Module):
    """Table 1 of arXiv 1409.4842: 22 layers with weights, true 5x5, biases, no batch norm.

    It departs from the paper in leaving out the two auxiliary classifiers. With filter groups it is
    Deep Roots' (arXiv 1605.06489), which groups the 3x3 and 5x5 alike.
    """

    def __init__(self, spec: GoogLeNetSpec) -> None:
        """Build every stage, then draw the weights."""
        super().__init__()
        first, *later = spec.filter_groups
        self.conv1 = _conv(3, 64, 7, stride=2)
        self.norm1 = nn.LocalResponseNorm(**LRN)  # type: ignore[arg-type]
        self.conv2_reduce = _conv(64, 64)
        self.conv2 = _conv(64, 192, 3, groups=first)
        self.norm2 = nn.LocalResponseNorm(**LRN)  # type: ignore[arg-type]
        self.pool1, self.pool2, self.pool3, self.pool4 = (
            nn.MaxPool2d(3, 2, ceil_mode=True) for _ in range(4)
        )
        entering = 192
        for modules, groups in zip(INCEPTIONS, later, strict=True):
            for module in modules:
                self.add_module(module.name, InceptionModule(module, entering, groups))
                entering = module.channels
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.4)
        self.fc = nn.Linear(entering, spec.classes)
        self.apply(_draw)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [batch, 3, h, w] to logits [batch, classes]."""
        x = self.norm1(self.pool1(_relu(self.conv1(images))))
        x = _relu(self.conv2_reduce(x))
        x = self.norm2(_relu(self.conv2(x)))
        pools = (self.pool2, self.pool3, self.pool4)
        for pool, modules in zip(pools, INCEPTIONS, strict=True):
            x = pool(x)
            for module in modules:
                x = self.get_submodule(module.name)(x)
        logits: Tensor = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return logits


def _draw(module: nn.Module) -> None:
    """Draw the weights as in the Caffe model, as the paper gives no way.

    It is Xavier with biases of 0.2, and 0 for the classifier's.
    """
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        assert module.bias is not None
        nn.init.constant_(module.bias, 0.2 if isinstance(module, nn.Conv2d) else 0.0)

"""The original AlexNet: two towers as two filter groups."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from resnext_bench.resnext.draw import ALEXNET_EDGE
from resnext_bench.resnext.relatives import AlexNetSpec

LRN: Final = {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2.0}
"""Local response norm of the paper: k=2, n=5, alpha=1e-4, beta=0.75; torch divides alpha by the
size."""


class AlexNet(nn.Module):
    """Five convolutions and three linear layers (Krizhevsky et al., NIPS 2012, section 3.5).

    It follows the paper: local response norm after conv1 and conv2, overlapping 3x3/2 pools,
    dropout of one half before fc7 and fc8. It departs from it in having its two towers in one
    network, conv2, conv4 and conv5 with two filter groups, and in taking images of 227 pixels.
    """

    def __init__(self, spec: AlexNetSpec) -> None:
        """Build all layers and draw the weights."""
        super().__init__()
        groups = spec.groups
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.norm1 = nn.LocalResponseNorm(**LRN)  # type: ignore[arg-type]
        self.norm2 = nn.LocalResponseNorm(**LRN)  # type: ignore[arg-type]
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=groups)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=groups)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=groups)
        self.pool1, self.pool2, self.pool5 = (nn.MaxPool2d(3, 2) for _ in range(3))
        self.fc6 = nn.Linear(256 * ALEXNET_EDGE**2, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, spec.classes)
        self.dropout = nn.Dropout(0.5)
        self._draw()

    def forward(self, images: Tensor) -> Tensor:
        """Map images [batch, 3, 227, 227] to logits [batch, classes]."""
        x = self.pool1(self.norm1(functional.relu(self.conv1(images), inplace=True)))
        x = self.pool2(self.norm2(functional.relu(self.conv2(x), inplace=True)))
        x = functional.relu(self.conv3(x), inplace=True)
        x = functional.relu(self.conv4(x), inplace=True)
        x = self.pool5(functional.relu(self.conv5(x), inplace=True)).flatten(1)
        x = self.dropout(functional.relu(self.fc6(x), inplace=True))
        x = self.dropout(functional.relu(self.fc7(x), inplace=True))
        logits: Tensor = self.fc8(x)
        return logits

    def _draw(self) -> None:
        """Draw the weights as in section 5: normal, std 0.01.

        Biases are 1 in conv2, conv4, conv5, fc6 and fc7, and 0 elsewhere.
        """
        ones = (self.conv2, self.conv4, self.conv5, self.fc6, self.fc7)
        for layer in self.children():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.normal_(layer.weight, std=0.01)
                assert layer.bias is not None
                with torch.no_grad():
                    layer.bias.fill_(1.0 if layer in ones else 0.0)

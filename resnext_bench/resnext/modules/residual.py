"""ResNeXt, ResNet and their relatives as modules.

Their names are those of torchvision and timm, so that a `state_dict` of form (c) can be loaded
there, and theirs here.
"""

import math

from torch import Tensor, nn

from resnext_bench.resnext.modules.blocks import block_module
from resnext_bench.resnext.spec import ResNeXtSpec


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

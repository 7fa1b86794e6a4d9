"""From an architecture to its module."""

from dataclasses import replace

from torch import nn

from resnext.modules.alexnet import AlexNet
from resnext.modules.googlenet import GoogLeNet
from resnext.modules.residual import ResNeXt
from resnext.names import Architecture
from resnext.relatives import AlexNetSpec, GoogLeNetSpec
from resnext.spec import ResNeXtSpec


def build(spec: Architecture, *, classes: int | None = None) -> nn.Module:
    """Return the network with fresh weights; `classes` replaces the spec's own number.

    Shapes: images [batch, 3, h, w] to logits [batch, classes].
    """
    wanted = spec if classes is None else replace(spec, classes=classes)
    match wanted:
        case ResNeXtSpec():
            return ResNeXt(wanted)
        case AlexNetSpec():
            return AlexNet(wanted)
        case GoogLeNetSpec():
            return GoogLeNet(wanted)

"""Builds the module of an architecture."""

from dataclasses import replace

from torch import nn

from resnext_bench.resnext.modules.alexnet import AlexNet
from resnext_bench.resnext.modules.googlenet import GoogLeNet
from resnext_bench.resnext.modules.residual import ResNeXt
from resnext_bench.resnext.names import Architecture
from resnext_bench.resnext.relatives import AlexNetSpec, GoogLeNetSpec
from resnext_bench.resnext.spec import ResNeXtSpec


def build(spec: Architecture, *, classes: int | None = None) -> nn.Module:
    """Return the network with fresh weights; `classes` replaces the spec's own number.

    It maps images [batch, 3, h, w] to logits [batch, classes].
    """
    wanted = spec if classes is None else replace(spec, classes=classes)
    match wanted:
        case ResNeXtSpec():
            return ResNeXt(wanted)
        case AlexNetSpec():
            return AlexNet(wanted)
        case GoogLeNetSpec():
            return GoogLeNet(wanted)

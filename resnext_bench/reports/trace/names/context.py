"""What is around a kernel, and what that adds to its name."""

import re
from dataclasses import replace
from typing import Final

from resnext_bench.reports.trace.names.classes import CONVS, PRODUCTS, Class, Kernel
from resnext_bench.reports.trace.names.operators import operator as class_of_operator

_CONVOLUTION: Final = re.compile(r"(?i)\bconv(?:olution|\d?d|_|\b)|_conv(?:olution|_|\d)")
_WHOLE_CONVOLUTION: Final = re.compile(
    r"(?i)(?:aten|mkldnn|onednn|miopen|cudnn|quantized|xnnpack|nnpack|prepacked|torch_ipex)::"
    r"\w*conv(?:olution|_|\d)\w*$|\w*Convolution\w*Backward\d*$"
)
_NORM: Final = re.compile(r"(?:batch|layer|group|instance|rms)_?norm")
_TELLING: Final = frozenset(Class) - {
    Class.OTHER,
    Class.FRAMEWORK,
    Class.COMMUNICATION,
    Class.OPTIMIZER,
}
"""Classes of operators that say what the kernels which they launch are."""


def is_convolution(operator: str) -> bool:
    """Whether all that lies within an operator serves a convolution."""
    return bool(_WHOLE_CONVOLUTION.match(operator))


def under(found: Kernel, operator: str, convolution: str = "") -> Kernel:
    """Return what the operator that launched a kernel adds to its name.

    `convolution` is the nearest operator at or above it for which `is_convolution` holds. A matrix
    product below a convolution is a part of it, and forward is what the operator says it is: cuDNN
    computes input gradients by kernels called fprop, and transposed convolutions the other way
    round. Transposes are the convolution's there, and elsewhere copies.
    """
    around = operator if _CONVOLUTION.search(operator) else convolution
    if around:
        return _below_convolution(found, around)
    if found.without_convolution:
        return replace(found, cls=found.without_convolution)
    told = class_of_operator(operator)
    if found.cls is Class.OTHER and told in _TELLING:
        return replace(found, cls=told)
    if found.cls in CONVS and told in PRODUCTS:
        return replace(found, cls=told)
    if found.cls is Class.REDUCTION and told is Class.INDEXING:
        return replace(found, cls=told)  # sorting and counting need sums
    if found.cls in (Class.ELEMENTWISE, Class.REDUCTION) and _NORM.search(operator):
        return replace(found, cls=Class.NORM)
    return found


def without_operator(found: Kernel, *, convolutions: bool) -> Kernel:
    """Return what a kernel without a known operator is, in a trace with convolutions or not."""
    if found.without_convolution and not convolutions:
        return replace(found, cls=found.without_convolution)
    return found


def _below_convolution(found: Kernel, operator: str) -> Kernel:
    cls = found.below_convolution or found.cls
    if cls in CONVS or cls in PRODUCTS or cls is Class.OTHER:
        cls = _direction(cls, operator)
    return replace(found, cls=cls)


def _direction(cls: Class, operator: str) -> Class:
    if "backward_input" in operator:
        return Class.CONV_INPUT
    if "backward_weight" in operator:
        return Class.CONV_WEIGHT
    if "backward" in operator.lower():
        return cls if cls in (Class.CONV_INPUT, Class.CONV_WEIGHT) else Class.CONV_BACKWARD
    return Class.CONV_FORWARD

import re
from enum import StrEnum
from dataclasses import dataclass


class Class(StrEnum):
    CONV_FORWARD = "conv forward"
    CONV_INPUT = "conv input gradient"
    CONV_WEIGHT = "conv weight gradient"
    CONV_BACKWARD = "conv backward"
    CONV = "conv"
    MATMUL = "matmul"
    ELEMENTWISE = "elementwise"
    LAYOUT = "layout transform"
    OPTIMIZER = "optimizer"
    COPY = "copy"
    FILL = "fill"
    COMMUNICATION = "communication"
    OTHER = "other"


class TensorCore(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Kernel:
    cls: Class
    tensor_core: TensorCore
    grouped: bool | None


def kernel(n):
    c = Class.OTHER
    if "fprop" in n:
        c = Class.CONV_FORWARD
    elif "dgrad" in n:
        c = Class.CONV_INPUT
    elif "wgrad" in n:
        c = Class.CONV_WEIGHT
    elif "nccl" in n:
        c = Class.COMMUNICATION
    elif re.search("nchwToNhwc|nhwcToNchw|batched_transpose|SubTensorOpWithCast", n):
        c = Class.LAYOUT
    return Kernel(cls=c, tensor_core=TensorCore.UNKNOWN, grouped=None)


def under(k, o, b):
    return k


def operator(n):
    if is_communication(n):
        return Class.COMMUNICATION
    if "convolution_backward" in n:
        return Class.CONV_BACKWARD
    if "convolution" in n:
        return Class.CONV_FORWARD
    return Class.OTHER


def is_communication(n):
    return n.startswith(("gloo:", "c10d::", "nccl:")) or "nccl" in n.lower()

"""What computes the same as an operator of one library: runs anywhere, checks the other.

Also what took the place of operators that today's PyTorch has no more.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Equivalent:
    """A call of other operators, with the names of the operator's own arguments."""

    call: str
    """In Python."""
    arguments: tuple[str, ...]
    """Those that it uses."""
    library: str
    """Library that the operator itself needs."""
    build: str
    """Attribute of `torch.version` that is None where torch is built without."""
    is_gone: bool = False
    """Whether PyTorch has the operator no more."""


_BUILDS: Final = {"cudnn": ("cuDNN", "cuda"), "miopen": ("MIOpen", "hip"), "mkldnn": ("oneDNN", "")}
_ATEN: Final = "torch.ops.aten"
_ZEROS: Final = "[0] * len(stride)"
_WINDOW: Final = ("padding", "stride", "dilation", "groups")


def _of(name: str, call: str, *arguments: str, is_gone: bool = False) -> tuple[str, Equivalent]:
    library, build = _BUILDS[name.partition("_")[0]]
    return name, Equivalent(
        call=f"{_ATEN}.{call}",
        arguments=arguments,
        library=library,
        build=build,
        is_gone=is_gone,
    )


def _convolution(name: str, bias: str = "None", transposed: str = "") -> tuple[str, Equivalent]:
    biased = () if bias == "None" else (bias,)
    output = "output_padding" if transposed else _ZEROS
    call = (
        f"convolution(self, weight, {bias}, stride, padding, dilation, {bool(transposed)}, "
        f"{output}, groups)"
    )
    more = ("output_padding",) if transposed else ()
    return _of(name, call, "self", "weight", *biased, *_WINDOW, *more)


def _norm(name: str, momentum: str, epsilon: str) -> tuple[str, Equivalent]:
    order = ("input", "weight", "bias", "running_mean", "running_var", "training")
    arguments = (*order, momentum, epsilon)
    return _of(name, f"native_batch_norm({', '.join(arguments)})", *arguments)


def _norm_backward(name: str) -> tuple[str, Equivalent]:
    stats = ("weight", "running_mean", "running_var", "save_mean", "save_var")
    arguments = f"grad_output, input, {', '.join(stats)}, True, epsilon, [True] * 3"
    used = ("input", "grad_output", *stats, "epsilon")
    return _of(name, f"native_batch_norm_backward({arguments})", *used)


def _backward(library: str) -> tuple[str, Equivalent]:
    call = (
        "convolution_backward(grad_output, self, weight, [weight.size(0)], stride, padding, "
        f"dilation, False, {_ZEROS}, groups, output_mask)"
    )
    used = ("self", "grad_output", "weight", *_WINDOW, "output_mask")
    return _of(f"{library}_convolution_backward", call, *used, is_gone=True)


EQUIVALENTS: Final = dict(
    (
        _convolution("cudnn_convolution"),
        _convolution("cudnn_convolution_transpose", transposed="True"),
        _convolution("miopen_convolution", "bias"),
        _convolution("miopen_depthwise_convolution", "bias"),
        _convolution("miopen_convolution_transpose", "bias", "True"),
        _norm("cudnn_batch_norm", "exponential_average_factor", "epsilon"),
        _norm("miopen_batch_norm", "exponential_average_factor", "epsilon"),
        _norm_backward("cudnn_batch_norm_backward"),
        _norm_backward("miopen_batch_norm_backward"),
        *map(_backward, ("cudnn", "miopen", "mkldnn")),
    )
)
"""By the operator's name, without namespace."""

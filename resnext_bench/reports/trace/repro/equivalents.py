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
    others: str = "_"
    """What the others are called."""
    first: str = ""
    """A statement before it."""
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


def _of(
    name: str,
    call: str,
    *arguments: str,
    others: str = "_",
    first: str = "",
    is_gone: bool = False,
) -> tuple[str, Equivalent]:
    library, build = _BUILDS[name.partition("_")[0]]
    return name, Equivalent(
        call=f"{_ATEN}.{call}",
        arguments=arguments,
        others=others,
        first=first,
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


def _norm(name: str) -> tuple[str, Equivalent]:
    factor = "exponential_average_factor"
    call = f"native_batch_norm(**rest, momentum={factor}, eps=epsilon)"
    return _of(name, call, factor, "epsilon", others="rest")


def _norm_backward(name: str) -> tuple[str, Equivalent]:
    stats = ("weight", "running_mean", "running_var", "save_mean", "save_var")
    call = "native_batch_norm_backward(grad_output, input, *stats, True, epsilon, [True] * 3)"
    used = ("input", "grad_output", *stats, "epsilon")
    return _of(name, call, *used, first=f"stats = {', '.join(stats)}")


def _backward(library: str) -> tuple[str, Equivalent]:
    rest = f"[weight.size(0)], stride, padding, dilation, False, {_ZEROS}, groups"
    mask = "[*output_mask, False][:3]"  # cuDNN's had no bias
    used = ("self", "grad_output", "weight", *_WINDOW, "output_mask")
    return _of(
        f"{library}_convolution_backward",
        f"convolution_backward(grad_output, self, weight, *rest, {mask})",
        *used,
        first=f"rest = {rest}",
        is_gone=True,
    )


EQUIVALENTS: Final = dict(
    (
        _convolution("cudnn_convolution"),
        _convolution("cudnn_convolution_transpose", transposed="True"),
        _convolution("miopen_convolution", "bias"),
        _convolution("miopen_depthwise_convolution", "bias"),
        _convolution("miopen_convolution_transpose", "bias", "True"),
        _norm("cudnn_batch_norm"),
        _norm("miopen_batch_norm"),
        _norm_backward("cudnn_batch_norm_backward"),
        _norm_backward("miopen_batch_norm_backward"),
        *map(_backward, ("cudnn", "miopen", "mkldnn")),
    )
)
"""By the operator's name, without namespace."""

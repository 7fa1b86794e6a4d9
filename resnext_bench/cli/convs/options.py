"""Options that name convolutions, the same for all commands of `convs`, and their defaults."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.values import choice, whole
from resnext_bench.convs.plans.device_names import DEFAULT, device_names

_BY_HAND: Final = "By hand"
_MOST: Final = 1_000_000

_DEVICE: Final = "Device"
_TORCH: Final = "PyTorch"
DeviceName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"A GPU as it is described here: {', '.join(device_names())} (default: {DEFAULT})",
        rich_help_panel=_DEVICE,
    ),
]
DeviceFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A GPU as a file of --save-device describes it",
        rich_help_panel=_DEVICE,
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        help="Type of the tensors; tf32 is fp32 with TF32 allowed",
        **choice("--dtype", "fp32", "tf32", "bf16", "fp16"),
    ),
]
Layout = Annotated[
    str,
    typer.Option(
        help="Memory format: nhwc is PyTorch's channels_last",
        **choice("--layout", "nhwc", "nchw"),
    ),
]
_OPERATION: Final = choice("--operation", "forward", "input-gradient", "weight-gradient")
OneOperation = Annotated[str, typer.Option(help="What is computed of it", **_OPERATION)]
Operation = Annotated[
    str | None, typer.Option(help="Only this operation (default: all three)", **_OPERATION)
]
BenchmarkLimit = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="How many plans PyTorch times with cuDNN benchmark; 0: all",
        parser=opt.whole_of("cudnn_benchmark_limit"),
        rich_help_panel=_TORCH,
    ),
]
Errata = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Rules that block engines, instead of PyTorch's own: a file of convs block",
        rich_help_panel=_TORCH,
    ),
]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--cudnn-deterministic",
        metavar=" ",
        help="Leave out plans that are not deterministic, as PyTorch then does",
        rich_help_panel=_TORCH,
    ),
]


def _number(option: str, low: int, high: int, metavar: str, help: str) -> Any:
    """Return a number of a convolution that is given by hand."""
    parser = whole(option, low, high)
    given = typer.Option(metavar=metavar, help=help, parser=parser, rich_help_panel=_BY_HAND)
    return Annotated[int | None, given]


MODEL: Final = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help=(
            "A network that models lists, torchvision:NAME, timm:NAME, or "
            "package.module:callable; or give --shape"
        ),
    ),
]
OF_A_NETWORK: Final[dict[str, tuple[Any, object]]] = {
    "model": (MODEL, None),
    "layer": (
        Annotated[
            str | None,
            typer.Option(
                metavar="NAME", help="Only this convolution: layer1.0.conv2, ... (default: all)"
            ),
        ],
        None,
    ),
    "everything": (
        Annotated[
            bool,
            typer.Option(
                "--all",
                metavar=" ",
                help="Also convolutions without groups (where there are no others, they are shown)",
            ),
        ],
        False,
    ),
    "batch_size": (
        Annotated[
            int | None,
            typer.Option(
                metavar="N",
                help="Images per step (default: 256, and 8 where a CPU computes)",
                parser=opt.whole_of("batch_size"),
            ),
        ],
        None,
    ),
    "image_size": (
        Annotated[
            int | None,
            typer.Option(
                metavar="N",
                help="Side of the square input in pixels (default: the paper's, else 224)",
                parser=opt.whole_of("image_size"),
            ),
        ],
        None,
    ),
}
BY_HAND: Final[dict[str, tuple[Any, object]]] = {
    "shape": (
        Annotated[
            str | None,
            typer.Option(
                metavar="NxCxHxW",
                help="Input of one convolution, instead of a network's",
                rich_help_panel=_BY_HAND,
            ),
        ],
        None,
    ),
    "filters": (
        _number("--filters", 1, _MOST, "K", "Its output channels (default: as many as it reads)"),
        None,
    ),
    "groups": (_number("--groups", 1, _MOST, "G", "Its groups (default: 1)"), None),
    "kernel": (_number("--kernel", 1, 1000, "N", "Edge of its window (default: 3)"), None),
    "stride": (_number("--stride", 1, 1000, "N", "Its stride (default: 1)"), None),
    "padding": (
        _number("--padding", 0, 1000, "N", "Pixels around its input (default: half the window)"),
        None,
    ),
}


Named = Mapping[str, Any]
"""Values of these options, by name."""


def on_problems(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the options that name convolutions.

    Its parameter of the kind Named, whatever its name, gets their values.
    """
    parameters = inspect.signature(command).parameters.values()
    (ours,) = (one.name for one in parameters if one.annotation is Named)
    own = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]

    def taken(**given: Any) -> None:
        named = {name: given.pop(name) for name in (*OF_A_NETWORK, *BY_HAND)}
        command(**given, **{ours: named})

    network, by_hand = (
        [opt.parameter(name, annotation, default) for name, (annotation, default) in some.items()]
        for some in (OF_A_NETWORK, BY_HAND)
    )
    more = [one for one in own if one.name != ours]
    return opt.declared(taken, command, [*network, *more, *by_hand])

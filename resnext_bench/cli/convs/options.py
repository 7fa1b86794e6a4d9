"""Options that name convolutions, the same for all commands of `convs`, and their defaults."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.values import whole

_BY_HAND: Final = "By hand"
_MOST: Final = 1_000_000


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

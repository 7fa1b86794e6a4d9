"""The commands of `models`. Only options are declared here, as in `main`."""

from typing import Annotated, Final

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.formats import Format
from resnext_bench.cli.values import choice, number, whole
from resnext_bench.errors import UsageError

models_app = typer.Typer(help="Show the available networks: sizes, arithmetic, memory, rooflines.")

RATES: Final = (1e-6, 1e9)
"""Bounds in TFLOP/s or GB/s: from below a microcontroller to beyond all machines together."""
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A network that models lists, or one named in the same way"
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Side of the square input in pixels (default: the paper's)",
        parser=opt.whole_of("image_size"),
    ),
]


@models_app.callback(invoke_without_command=True)
@opt.in_formats
def models(
    context: typer.Context,
    image_size: ImageSize = None,
    form: Format = "table",
) -> None:
    """Show the available networks: a list, one in full, or its roofline on a device."""
    wanted = context.invoked_subcommand
    if wanted is None:
        _list(image_size, form)
    elif form != "table" or image_size is not None:
        name = f"--{form}" if form != "table" else "--image-size"
        raise UsageError(
            f"{name} stands before {wanted}; give it after the command: models {wanted} ... {name}"
        )


@models_app.command("list")
@opt.in_formats
def list_models(image_size: ImageSize = None, form: Format = "table") -> None:
    """List well-known networks: parameters, FLOP of forward and training, activation memory.

    Every figure is exact and follows from the architecture; nothing is built. The command models
    without a subcommand does the same. With --image-size, networks that do not accept such images
    are left out.
    """
    _list(image_size, form)


def _list(image_size: int | None, form: Format) -> None:
    from resnext_bench.cli.models.commands import list_command

    raise typer.Exit(list_command(image_size, form))


@models_app.command()
@opt.in_formats
def show(
    name: Name,
    form: opt.Form = None,
    image_size: ImageSize = None,
    shown: Format = "table",
) -> None:
    """Show one network as its paper's table does: stages, parameters, multiply-adds, memory.

    Example: models show resnext101_64x4d
    """
    from resnext_bench.cli.models.commands import show_command

    raise typer.Exit(show_command(name, form, image_size, shown))


@models_app.command()
@opt.in_formats
def roofline(
    name: Name,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A GPU, by the rates of its data sheet: h200, h100, a100, mi300x, ...",
        ),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(metavar="N", help="Images per step", parser=opt.whole_of("batch_size")),
    ] = 256,
    image_size: ImageSize = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            help="Data type of the products (default: bf16, or fp16 where the device lacks it)",
            **choice("--dtype", "fp32", "tf32", "bf16", "fp16"),
        ),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            help=(
                "Layout of the feature maps; in nchw, narrow convolutions transpose them on the "
                "way in and out"
            ),
            **choice("--layout", "nhwc", "nchw"),
        ),
    ] = "nhwc",
    form: opt.Form = None,
    tflops: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="TFLOP/s of the products, instead of the data sheet's",
            parser=number("--tflops", *RATES),
        ),
    ] = None,
    bandwidth: Annotated[
        float | None,
        typer.Option(
            metavar="GB/S",
            help="Memory bandwidth in GB/s, instead of the data sheet's",
            parser=number("--bandwidth", *RATES),
        ),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            metavar="N", help="Number of rows in the table; 0: all", parser=whole("--top", 0)
        ),
    ] = 20,
    shown: Format = "table",
) -> None:
    """Show how fast each layer, and thus a training step, can be at most on a device.

    A kernel takes at least its FLOP at the device's rate, and at least its bytes at the bandwidth
    of memory. This assumes that each kernel reads and writes each operand once, that nothing stays
    in a cache between kernels, and that each layer is a kernel of its own, as in eager PyTorch.

    Example: models roofline resnext50_32x4d --device h200

    Example: models roofline resnext50_32x4d --tflops 2.1 --bandwidth 40 --dtype fp32
    """
    given = dict(locals())
    from resnext_bench.cli.models.commands import roofline_command

    raise typer.Exit(roofline_command(given))

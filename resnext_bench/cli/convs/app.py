"""The commands of `convs`. Only options are declared here, as in `main`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.formats import Format
from resnext_bench.cli.values import choice, whole

convs_app = typer.Typer(
    help="Look at the convolutions of a network one by one: cuDNN's algorithms, PyTorch's choice.",
    no_args_is_help=True,
)

_BY_HAND, _DEVICE, _TORCH, _OUTPUT = "By hand", "Device", "PyTorch", "Output"
MOST = 1_000_000


def _number(option: str, low: int, high: int, metavar: str, help: str) -> Any:
    """Return a number of a convolution that is given by hand."""
    parser = whole(option, low, high)
    return typer.Option(metavar=metavar, help=help, parser=parser, rich_help_panel=_BY_HAND)


@convs_app.callback()
def convs() -> None:
    """Look at the convolutions of a network one by one: cuDNN's algorithms, PyTorch's choice."""


@convs_app.command()
@opt.in_formats
def plan(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help=(
                "A network that models lists, torchvision:NAME, timm:NAME, or "
                "package.module:callable; or give --shape"
            ),
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only this convolution, with all plans: layer1.0.conv2, ..."
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            metavar=" ",
            help="Also convolutions without groups (where there are no others, they are shown)",
        ),
    ] = False,
    batch_size: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Images per step (default: 256)", parser=opt.whole_of("batch_size")
        ),
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Side of the square input in pixels (default: the paper's, else 224)",
            parser=opt.whole_of("image_size"),
        ),
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(
            help="Type of the tensors; tf32 is fp32 with TF32 allowed",
            **choice("--dtype", "fp32", "tf32", "bf16", "fp16"),
        ),
    ] = "bf16",
    layout: Annotated[
        str,
        typer.Option(
            help="Memory format: nhwc is PyTorch's channels_last",
            **choice("--layout", "nhwc", "nchw"),
        ),
    ] = "nhwc",
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A GPU as it is described here: a100, h100, h200, b200, l4 (default: h200)",
            rich_help_panel=_DEVICE,
        ),
    ] = None,
    device_description: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A GPU as a file of --save-device describes it",
            rich_help_panel=_DEVICE,
        ),
    ] = None,
    save_device: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the description of this machine's first GPU to a file, and end",
            rich_help_panel=_DEVICE,
        ),
    ] = None,
    cudnn_benchmark_limit: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="How many plans PyTorch times with cuDNN benchmark; 0: all",
            parser=opt.whole_of("cudnn_benchmark_limit"),
            rich_help_panel=_TORCH,
        ),
    ] = 10,
    cudnn_deterministic: Annotated[
        bool,
        typer.Option(
            "--cudnn-deterministic",
            metavar=" ",
            help="Leave out plans that are not deterministic, as PyTorch then does",
            rich_help_panel=_TORCH,
        ),
    ] = False,
    shape: Annotated[
        str | None,
        typer.Option(
            metavar="NxCxHxW",
            help="Input of one convolution, instead of a network's",
            rich_help_panel=_BY_HAND,
        ),
    ] = None,
    filters: Annotated[
        int | None,
        _number("--filters", 1, MOST, "K", "Its output channels (default: as many as it reads)"),
    ] = None,
    groups: Annotated[
        int | None, _number("--groups", 1, MOST, "G", "Its groups (default: 1)")
    ] = None,
    kernel: Annotated[
        int | None, _number("--kernel", 1, 1000, "N", "Edge of its window (default: 3)")
    ] = None,
    stride: Annotated[
        int | None, _number("--stride", 1, 1000, "N", "Its stride (default: 1)")
    ] = None,
    padding: Annotated[
        int | None,
        _number("--padding", 0, 1000, "N", "Pixels around its input (default: half the window)"),
    ] = None,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """List cuDNN's plans for each convolution, in its order, and which PyTorch would take.

    No GPU is needed: cuDNN plans for a device that is described. Nothing is timed. The list is
    stored like a run.

    Example: convs plan resnext50_32x4d --device h200

    Example: convs plan resnext50_32x4d --layer layer1.0.conv2 --layout nchw

    Example: convs plan --shape 256x128x56x56 --groups 32 --dtype fp32
    """
    given = dict(locals())
    from resnext_bench.cli.convs.plan import plan_command

    raise typer.Exit(plan_command(given))

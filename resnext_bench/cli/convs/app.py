"""The commands of `convs`. Only options are declared here, as in `main`."""

from pathlib import Path
from typing import Annotated

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.convs.options import Named, on_problems
from resnext_bench.cli.formats import Format
from resnext_bench.cli.values import choice, whole

convs_app = typer.Typer(
    help="Look at the convolutions of a network one by one: algorithms, PyTorch's choice, times.",
    no_args_is_help=True,
)


def _isa(text: str) -> str:
    from resnext_bench.cli.convs.time import read_isa

    return read_isa(text)


_DEVICE, _TORCH, _SIDES = "Device", "PyTorch", "Sides"


@convs_app.callback()
def convs() -> None:
    """Look at the convolutions of a network one by one: algorithms, PyTorch's choice, times."""


@convs_app.command()
@opt.in_formats
@on_problems
def plan(
    problems: Named,
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


@convs_app.command()
@opt.in_formats
@on_problems
def time(
    problems: Named,
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            help="Type of the tensors, also several times (default on a CPU: fp32 and bf16)",
            rich_help_panel=_SIDES,
            **choice("--dtype", "fp32", "tf32", "bf16", "fp16"),
        ),
    ] = None,
    layout: Annotated[
        list[str] | None,
        typer.Option(
            help="Memory format, also several times (default: both)",
            rich_help_panel=_SIDES,
            **choice("--layout", "nchw", "nhwc"),
        ),
    ] = None,
    onednn: Annotated[
        str,
        typer.Option(
            help="Whether PyTorch may use oneDNN on a CPU; both: beside PyTorch's own loops",
            rich_help_panel=_SIDES,
            **choice("--onednn", "on", "off", "both"),
        ),
    ] = "on",
    isa: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CAP",
            help="Also with oneDNN capped to these instructions, as AVX2; also several times",
            rich_help_panel=_SIDES,
            parser=_isa,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="What computes (default: cpu)",
            rich_help_panel=_DEVICE,
            **choice("--device", "cpu", "cuda"),
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Compute threads on a CPU (default: those of a rank of run)",
            parser=opt.whole_of("threads"),
            rich_help_panel=_DEVICE,
        ),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Samples of each side, an even number; sides take turns in each round",
            parser=whole("--rounds", 2, 10_000),
        ),
    ] = 10,
    wait: opt.Wait = None,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """Time each operation of each convolution in turn: types, layouts, oneDNN on and off.

    Each result is checked against float64. Ratios are to fp32 in NCHW, with intervals. What was
    measured is stored like a run.

    Example: convs time resnext50_32x4d

    Example: convs time resnext50_32x4d --layer layer2.1.conv2 --onednn both --isa AVX2

    Example: convs time --shape 8x256x28x28 --groups 32 --dtype bf16
    """
    given = dict(locals())
    from resnext_bench.cli.convs.time import time_command

    raise typer.Exit(time_command(given))


@convs_app.command()
@opt.in_formats
@on_problems
def layouts(
    problems: Named,
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            help="Type of the tensors, also several times (default on a CPU: fp32 and bf16)",
            rich_help_panel=_SIDES,
            **choice("--dtype", "fp32", "tf32", "bf16", "fp16"),
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Compute threads on a CPU (default: those of a rank of run)",
            parser=opt.whole_of("threads"),
            rich_help_panel=_DEVICE,
        ),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Samples of each side, a multiple of 4: half of them choose, half predict",
            parser=whole("--rounds", 8, 10_000),
        ),
    ] = 12,
    steps: Annotated[
        bool,
        typer.Option(
            "--steps/--no-steps",
            metavar=" ",
            help="Measure whole steps of the best choice beside both pure layouts",
        ),
    ] = True,
    allow_invalid: opt.AllowInvalid = False,
    wait: opt.Wait = None,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """Compare NHWC with NCHW for each convolution, choose the best mix, and measure whole steps.

    Every operation is timed in both layouts in turn, and so are norms, pools and the conversions of
    maps that a mixed choice needs. The model is then trained in the best mixed choice and in both
    pure layouts, in turn: what was predicted stands beside what it gains. What was measured is
    stored like a run.

    Example: convs layouts resnext50_32x4d

    Example: convs layouts resnext50_32x4d --dtype bf16 --no-steps

    Example: convs layouts --shape 8x256x28x28 --groups 32
    """
    given = dict(locals())
    from resnext_bench.cli.convs.layouts import layouts_command

    raise typer.Exit(layouts_command(given))

"""The commands of `convs`. Only options are declared here, as in `main`."""

from pathlib import Path
from typing import Annotated

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.convs.options import (
    BenchmarkLimit,
    Deterministic,
    DeviceFile,
    DeviceName,
    Dtype,
    Errata,
    Layout,
    Named,
    OneOperation,
    Operation,
    on_problems,
)
from resnext_bench.cli.formats import Format
from resnext_bench.cli.values import choice, whole

convs_app = typer.Typer(
    help="Look at the convolutions of a network one by one: algorithms, PyTorch's choice, times.",
    no_args_is_help=True,
)

_DEVICE, _RELEASES, _SIDES = "Device", "Releases", "Sides"


def _isa(text: str) -> str:
    from resnext_bench.cli.convs.time import read_isa

    return read_isa(text)


@convs_app.callback()
def convs() -> None:
    """Look at the convolutions of a network one by one: algorithms, PyTorch's choice, times."""


@convs_app.command()
@opt.in_formats
@on_problems
def plan(
    problems: Named,
    dtype: Dtype = "bf16",
    layout: Layout = "nhwc",
    device: DeviceName = None,
    device_description: DeviceFile = None,
    save_device: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the description of this machine's first GPU to a file, and end",
            rich_help_panel=_DEVICE,
        ),
    ] = None,
    cudnn_benchmark_limit: BenchmarkLimit = 10,
    cudnn_deterministic: Deterministic = False,
    cudnn_errata: Errata = None,
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
def block(
    engines: Annotated[
        list[str],
        typer.Argument(
            metavar="ENGINE[:KNOB]...",
            help="Engines as convs plan names them: eng22, or its plans with a knob, eng22:k2=5",
        ),
    ],
    operation: Operation = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the rules (default: standard output)"),
    ] = None,
    device: DeviceName = None,
    device_description: DeviceFile = None,
) -> None:
    """Write rules with which PyTorch takes no plan of an engine, to measure what it is worth.

    A file of rules replaces PyTorch's own. So those that hold on this machine's GPU, or on the one
    that is named, are kept in it.

    Example: convs block eng22 --output without-22.json

    Example: convs block eng22:k2=5 --operation forward --device a100
    """
    given = dict(locals())
    from resnext_bench.cli.convs.block import block_command

    raise typer.Exit(block_command(given))


@convs_app.command()
@on_problems
def repro(
    problems: Named,
    operation: OneOperation = "forward",
    dtype: Dtype = "bf16",
    layout: Layout = "nhwc",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write it (default: standard output)"),
    ] = None,
) -> None:
    """Write a script that shows one convolution without this program: ready for an issue.

    It needs torch alone. It prints versions, lists cuDNN's plans where its frontend is installed,
    times what PyTorch chooses, and compares it with float64. Without a GPU it times the CPU.

    Example: convs repro resnext50_32x4d --layer layer1.0.conv2 --operation weight-gradient

    Example: convs repro --shape 8x128x56x56 --groups 32 --output repro.py
    """
    given = dict(locals())
    from resnext_bench.cli.convs.repro import repro_command

    raise typer.Exit(repro_command(given))


@convs_app.command()
@opt.in_formats
@on_problems
def releases(
    problems: Named,
    dtype: Dtype = "bf16",
    layout: Layout = "nhwc",
    cudnn: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERSION",
            help="A release, 9.17.1.4, or the newest of a version, 9.17; may be repeated",
            rich_help_panel=_RELEASES,
        ),
    ] = None,
    oldest: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="VERSION",
            help="The first version of cuDNN (default: 9.17)",
            rich_help_panel=_RELEASES,
        ),
    ] = None,
    newest: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="VERSION",
            help="The last version of cuDNN (default: the newest)",
            rich_help_panel=_RELEASES,
        ),
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all-releases",
            metavar=" ",
            help="All releases of a version, not only its newest and those that torch installs",
            rich_help_panel=_RELEASES,
        ),
    ] = False,
    cuda: Annotated[
        str,
        typer.Option(
            help="The version of CUDA for which they are built",
            rich_help_panel=_RELEASES,
            **choice("--cuda", "13", "12"),
        ),
    ] = "13",
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            metavar=" ",
            help="Remove each release once it was asked: 0.5 to 0.9 GB that are kept otherwise",
            rich_help_panel=_RELEASES,
        ),
    ] = False,
    device: DeviceName = None,
    device_description: DeviceFile = None,
    cudnn_benchmark_limit: BenchmarkLimit = 10,
    cudnn_deterministic: Deterministic = False,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """List the plans of many releases of cuDNN, and show from which to which they change.

    Each release is installed from the package index by uv, into an environment of its own in the
    cache. No GPU is needed, and nothing is timed: choices change, how fast they are is not told.

    Example: convs releases resnext50_32x4d

    Example: convs releases resnext50_32x4d --cudnn 9.20 --cudnn 9.26 --device a100 --remove

    Example: convs releases resnext50_32x4d --cuda 12 --dtype fp32 --layout nchw --from 9.20
    """
    given = dict(locals())
    from resnext_bench.cli.convs.releases import releases_command

    raise typer.Exit(releases_command(given))


@convs_app.command()
@opt.in_formats
@on_problems
def time(
    problems: Named,
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            help="Type of the tensors, also several times (default: fp32 and bf16; on a GPU bf16)",
            rich_help_panel=_SIDES,
            **choice("--dtype", "fp32", "tf32", "bf16", "fp16"),
        ),
    ] = None,
    layout: Annotated[
        list[str] | None,
        typer.Option(
            help="Memory format, also several times (default: both; on a GPU nhwc)",
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
            help="What computes (default: a GPU if there is one)",
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

    On a GPU: all plans of cuDNN's, and what PyTorch chooses among them. Each result is checked
    against float64. On a CPU, ratios are to fp32 in NCHW. What was measured is stored like a run.

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
            help="Type of the tensors, also several times (default: fp32 and bf16; on a GPU bf16 "
            "and tf32)",
            rich_help_panel=_SIDES,
            **choice("--dtype", "fp32", "tf32", "bf16", "fp16"),
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="What computes (default: a GPU if there is one)",
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

    Example: convs layouts resnext50_32x4d --device cuda --dtype bf16 --batch-size 128

    Example: convs layouts --shape 8x256x28x28 --groups 32
    """
    given = dict(locals())
    from resnext_bench.cli.convs.layouts import layouts_command

    raise typer.Exit(layouts_command(given))

"""The commands of `trace`. Only options are declared here, as in `main`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.formats import Format
from resnext_bench.cli.values import choice, number, whole

trace_app = typer.Typer(
    help="Report where the time of a profiled run went, from any traces of PyTorch's profiler.",
    no_args_is_help=True,
)

_LONGEST_MS: Final = 1e9


def _moment(option: str) -> Callable[[str | float], float]:
    """Make a reader of a moment of a trace."""
    return number(option, 0, _LONGEST_MS, what="ms since the trace began, 0 or more")


_WHAT: Final = (
    "A trace (.json, .json.gz), a folder or an archive (.zip, .tar, .tar.gz) of traces, or a run "
    "(its id, or: last)"
)
Wanted = Annotated[str, typer.Argument(metavar="WHAT", help=_WHAT)]
_Jobs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="How many traces are read at once (default: one for each core, fewer where memory "
        "would not suffice)",
        parser=whole("--jobs", 1),
    ),
]
_KeepGoing = Annotated[
    bool,
    typer.Option(
        "--keep-going/--no-keep-going",
        help="Leave traces out that are broken, say so, and end with exit code 1",
    ),
]


@trace_app.command()
@opt.in_formats
def report(
    what: Wanted,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of rows in each table (default: 15, in small ones 5; of gaps there are "
            "at most 5); --json has all of them",
            parser=whole("--top", 1),
        ),
    ] = None,
    rank: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The rank to report in full, where there are several (default: the slowest)",
            parser=whole("--rank", 0),
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Add modules up below those of level N, 1 being the outermost (default: the "
            "deepest level with at most 25 rows)",
            parser=whole("--depth", 1),
        ),
    ] = None,
    module: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="Show only modules of such names, as 'layer3.*' or '*.conv2', and their sum",
        ),
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers/--no-layers", help="Also report by module of the model")
    ] = True,
    begin: Annotated[
        float | None,
        typer.Option(
            "--from",
            metavar="MS",
            help="Report on a range instead of steps: its beginning, in ms since the trace began",
            parser=_moment("--from"),
        ),
    ] = None,
    end: Annotated[
        float | None,
        typer.Option(
            "--to",
            metavar="MS",
            help="End of the range (default: the trace's)",
            parser=_moment("--to"),
        ),
    ] = None,
    capture: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="Another trace of the same program that tells what replayed CUDA graphs compute: "
            "with their capture, or with a step that ran without them (default: the trace itself)",
        ),
    ] = None,
    jobs: _Jobs = None,
    keep_going: _KeepGoing = False,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """Where each step goes: compute, exposed communication, exposed copies, idle and why.

    Then kernels by class, by name, convolutions by shape and direction, modules of the model,
    and who pays for layout transforms. On a CPU operators by their own time. Steps are those
    that the profiler marks, else annotations or launches that repeat, else the whole. Times are
    exact; docs/traces.md says what each of them means.
    """
    from resnext_bench.cli.trace.many.reading import Reading
    from resnext_bench.cli.trace.report import report_command, span_of
    from resnext_bench.reports.render.trace.layer_rows import Chosen

    chosen = Chosen(depth=depth, module=module, is_wanted=layers)
    span = span_of(begin, end)
    reading = Reading(jobs=jobs, keep_going=keep_going)
    code = report_command(what, top, rank, output, form, span, chosen, reading, capture)
    raise typer.Exit(code)


@trace_app.command()
@opt.in_formats
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help=f"{_WHAT}; the side that was before")],
    b: Annotated[str, typer.Argument(metavar="B", help="Likewise; differences are B less A")],
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of rows in each table (default: 15, of modules and classes 8); --json "
            "has all of them",
            parser=whole("--top", 1),
        ),
    ] = None,
    rank: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The rank to compare, where there are several (default: of those that both have "
            "the one with the longest step)",
            parser=whole("--rank", 0),
        ),
    ] = None,
    paired: Annotated[
        bool,
        typer.Option(
            "--paired/--unpaired",
            help="Compare each step of B with that of the same number of A, as where both trained "
            "on the same batches of unlike sizes",
        ),
    ] = False,
    margin: opt.Margin = 2,
    jobs: _Jobs = None,
    keep_going: _KeepGoing = False,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """What makes a step of B slower or faster than one of A, to the nanosecond.

    Work is matched by module and shape, then by operator, class and kernel: faster, slower, new,
    gone, another kernel, class, type or memory format. Rows and the rest (idle, overlap) add up to
    the difference of the mean steps. Differences that the scatter of steps may have made are said
    to be noise; what differs from one launch to the next is not in that scatter. Exit code 1: B is
    slower by more than --margin, beyond noise.

    Example: trace diff runs/20260101-1 last

    Example: trace diff before.pt.trace.json.gz after.pt.trace.json.gz --margin 5 --markdown
    """
    from resnext_bench.cli.trace.diff import diff_command
    from resnext_bench.cli.trace.many.reading import Reading

    code = diff_command(
        a,
        b,
        output,
        form,
        top=top,
        rank=rank,
        margin=margin,
        is_paired=paired,
        reading=Reading(jobs=jobs, keep_going=keep_going),
    )
    raise typer.Exit(code)


@trace_app.command()
@opt.in_formats
def ranks(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="Traces of several ranks (.json, .json.gz), a folder or an archive (.zip, .tar, "
            ".tar.gz) of them, or a run (its id, or: last)",
        ),
    ],
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of rows of the tables of steps and collectives (default: 10); --json has "
            "all of them",
            parser=whole("--top", 1),
        ),
    ] = None,
    jobs: _Jobs = None,
    keep_going: _KeepGoing = False,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """Which rank the others wait for, and why; what collectives wait for; whose clock is off.

    A rank is named where it needs longer by itself than the others by more than its steps scatter:
    profile ten steps or more. Clocks of ranks are aligned by the ends of collectives, whose time
    is split into waiting and transfer. docs/traces.md says how.
    """
    from resnext_bench.cli.trace.many.reading import Reading
    from resnext_bench.cli.trace.ranks import ranks_command

    reading = Reading(jobs=jobs, keep_going=keep_going)
    raise typer.Exit(ranks_command(what, top, output, form, reading))


@trace_app.command()
@opt.in_formats
def memory(
    what: Wanted,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of rows in each table (default: 10); --json has all of them",
            parser=whole("--top", 1),
        ),
    ] = None,
    rank: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The rank to report in full, where there are several (default: the one with the "
            "highest peak)",
            parser=whole("--rank", 0),
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Report on one device alone: 'GPU 0', cuda:0, CPU"),
    ] = None,
    jobs: _Jobs = None,
    keep_going: _KeepGoing = False,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """What memory was in use, and what for, when most of it was.

    By kind (parameters, gradients, optimizer, activations, workspace), operator, module and how
    long blocks live; steps, and whether they leave more and more behind. The parts of the peak
    add up to the allocator's own total. Traces need memory recorded: run --profile-memory, or
    profile_memory=True in torch.profiler.

    Example: trace memory last --top 20
    """
    from resnext_bench.cli.trace.many.reading import Reading
    from resnext_bench.cli.trace.memory import memory_command

    reading = Reading(jobs=jobs, keep_going=keep_going)
    raise typer.Exit(memory_command(what, top, rank, device, output, form, reading))


@trace_app.command()
def query(
    what: Wanted,
    sql: Annotated[
        str | None,
        typer.Argument(help="A query over the tables kernels, ops, steps, collectives, memory"),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            help="Write each table to a file of its own instead",
            **choice("--export", "parquet", "csv"),
        ),
    ] = None,
    to: Annotated[
        str, typer.Option(metavar="FOLDER", help="Folder to which --export writes (default: .)")
    ] = ".",
    keep_going: _KeepGoing = False,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Query a trace in SQL (DuckDB), or export its tables.

    Example: trace query last "SELECT name, count(*), sum(duration_ns) / 1e6 AS ms FROM kernels
    GROUP BY name ORDER BY ms DESC LIMIT 10"

    Example: trace query last "DESCRIBE kernels"
    """
    from resnext_bench.cli.trace.query import query_command

    code = query_command(what, sql, export, to, output, as_json=json, keep_going=keep_going)
    raise typer.Exit(code)


@trace_app.command()
@opt.in_formats
def repro(
    what: Wanted,
    operator: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Write the script of this call, as the list numbers them (default: the list)",
            parser=whole("--operator", 1),
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of calls that are listed (default: 20); --json has all of them",
            parser=whole("--top", 1),
        ),
    ] = None,
    rank: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The rank to take, where there are several (default: the first)",
            parser=whole("--rank", 0),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the script (default: standard output)"),
    ] = None,
    form: Format = "table",
) -> None:
    """Write a script that makes one call of a trace again: its shapes, types, strides, numbers.

    Without --operator all calls are listed, most time first. The script needs torch alone. It
    times the operator, compares the result with float64 on the CPU, and says in its first lines
    what the trace records and what is assumed.

    Example: trace repro last

    Example: trace repro trace.json.gz --operator 3 --output repro.py
    """
    from resnext_bench.cli.trace.repro import repro_command

    raise typer.Exit(repro_command(what, operator, top, rank, output, form))


@trace_app.command("open")
def open_traces(
    what: Wanted,
    viewer: Annotated[
        str,
        typer.Option(
            "--with",
            help="What to open it in",
            **choice("--with", "perfetto", "tensorboard"),
        ),
    ] = "perfetto",
    port: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Port to serve at; 0: any free port",
            parser=opt.whole_of("port"),
        ),
    ] = 0,
    browse: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Also open the page in a browser")
    ] = True,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Look at traces in Perfetto's page or in TensorBoard, until Ctrl-C.

    Served to this machine only; from another one, use ssh -L PORT:127.0.0.1:PORT. Perfetto's page
    itself comes from the network; the trace stays in your browser.
    """
    from resnext_bench.cli.trace.open import open_command

    raise typer.Exit(open_command(what, viewer, port, output, browse=browse, as_json=json))

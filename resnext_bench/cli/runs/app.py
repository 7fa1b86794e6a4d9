"""The commands of `runs`. Only options are declared here, as in `main`."""

from typing import Annotated, Any

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.formats import Format
from resnext_bench.cli.values import whole

runs_app = typer.Typer(help="Show, compare and repeat stored runs.", no_args_is_help=True)

Wanted = Annotated[
    str, typer.Argument(metavar="ID", help="The run's id, its beginning or its end, or: last")
]
_WHICH = "Selection"


def _chosen(text: str, name: str, metavar: str) -> Any:
    return typer.Option(name, help=text, rich_help_panel=_WHICH, metavar=metavar)


StatusIs = Annotated[
    str | None,
    _chosen(
        "Status: ok, failed, interrupted, invalid, unfinished, or the verdict of a comparison",
        "--status",
        "WORD",
    ),
]
ModelIs = Annotated[
    str | None, _chosen(("The model's name, or the beginning of it"), "--model", "NAME")
]
HasTag = Annotated[
    list[str] | None,
    _chosen(("Tag of the run; if given several times, the run has all of them"), "--tag", "TAG"),
]
Since = Annotated[
    str | None,
    _chosen(
        "Started at or after this date (UTC), or within this age (90m, 12h, 7d, 2w)",
        "--since",
        "WHEN",
    ),
]
Before = Annotated[str | None, _chosen("Started before this date or age", "--before", "WHEN")]
Where = Annotated[
    str | None,
    _chosen(
        'SQL condition on the columns of the table runs (see runs query), as in "batch_size >= '
        "64 AND amp_dtype = 'bf16'\"",
        "--where",
        "SQL",
    ),
]


@runs_app.command("list")
@opt.in_formats
def list_runs(
    status: StatusIs = None,
    model: ModelIs = None,
    tag: HasTag = None,
    since: Since = None,
    before: Before = None,
    where: Where = None,
    sort: Annotated[
        str | None,
        typer.Option(
            help="Sort by a column of the table runs; -COLUMN reverses the order (default: oldest "
            "first)",
            metavar="COLUMN",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Only the newest N; with --sort, the first N",
            metavar="N",
            parser=whole("--limit", 1),
        ),
    ] = None,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """List the stored runs, oldest first.

    Example: runs list --status ok --since 7d --sort -images_per_s --limit 5
    """
    given = dict(locals())
    from resnext_bench.cli.runs.commands import list_command

    raise typer.Exit(list_command(given))


@runs_app.command("show")
@opt.in_formats
def show(
    wanted: Wanted,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """Show one run as it was shown when it ended."""
    from resnext_bench.cli.runs.commands import show_command

    raise typer.Exit(show_command(wanted, output, form))


@runs_app.command("diff")
@opt.in_formats
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A run, as for show")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another run")],
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """Show what changed between two runs: configuration, machine, software, figures.

    There is no verdict: that is what `compare` is for. Of two records of convolutions it shows the
    problems whose plans differ.
    """
    from resnext_bench.cli.runs.commands import diff_command

    raise typer.Exit(diff_command(a, b, output, form))


@runs_app.command("query")
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="A query in DuckDB's SQL")],
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Query all stored runs in SQL.

    Tables: runs (a row for each record), sessions, pairs (of comparisons), convs (plans),
    steps (a row for each step of each rank).

    Example: runs query "DESCRIBE runs"

    Example: runs query "SELECT model, max(images_per_s) FROM runs GROUP BY model"

    Example: runs query "COPY (SELECT * FROM steps) TO 'steps.csv'"
    """
    from resnext_bench.cli.runs.commands import query_command

    raise typer.Exit(query_command(sql, output, json))


@runs_app.command("tag")
def tag(
    wanted: Wanted,
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="One or more tags")],
    remove: Annotated[bool, typer.Option("--remove", help="Remove these tags instead")] = False,
    output: opt.Output = None,
) -> None:
    """Put tags on a run, or take them away. Tagged runs are not pruned."""
    from resnext_bench.cli.runs.commands import tag_command

    raise typer.Exit(tag_command(wanted, tuple(tags), remove, output))


@runs_app.command("note")
def note(
    wanted: Wanted,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help='Text of the note; "" removes the note')
    ],
    output: opt.Output = None,
) -> None:
    """Write a note on a run; it replaces an existing one."""
    from resnext_bench.cli.runs.commands import note_command

    raise typer.Exit(note_command(wanted, text, output))


@runs_app.command("prune")
def prune(
    status: StatusIs = None,
    model: ModelIs = None,
    tag: HasTag = None,
    since: Since = None,
    before: Before = None,
    where: Where = None,
    keep: Annotated[
        int,
        typer.Option(
            help="Keep the newest N of the chosen runs", metavar="N", parser=whole("--keep", 0)
        ),
    ] = 0,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove the runs; otherwise they are only shown")
    ] = False,
    output: opt.Output = None,
    json: opt.Json = False,
) -> None:
    """Remove stored runs, chosen as `runs list` chooses. Without --yes nothing is removed.

    Tagged runs are kept unless they are chosen by --tag; so are unfinished runs whose files changed
    within the last hour.

    Example: runs prune --status unfinished --yes

    Example: runs prune --before 90d --keep 20
    """
    given = dict(locals())
    from resnext_bench.cli.runs.commands import prune_command

    raise typer.Exit(prune_command(given))


@runs_app.command("rerun")
@opt.in_formats
def rerun(
    wanted: Wanted,
    output: opt.Output = None,
    form: Format = "table",
    allow_unsure: opt.AllowUnsure = False,
    allow_invalid: opt.AllowInvalid = False,
) -> None:
    """Run the resolved configuration of a stored run again."""
    from resnext_bench.cli.runs.commands import rerun_command
    from resnext_bench.cli.terminal.outcome import Pardon

    pardon = Pardon(unsure=allow_unsure, invalid=allow_invalid)
    raise typer.Exit(rerun_command(wanted, pardon, output, form))


@runs_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of record.json."""
    from resnext_bench.cli.runs.commands import schema_command

    raise typer.Exit(schema_command())

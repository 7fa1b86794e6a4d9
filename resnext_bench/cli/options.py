"""Options as Typer takes them: those of training from their table, and those of commands alone.

Values of options of training are checked in `resnext_bench.config.request`, the same for the
command line and a file.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from resnext_bench.config.options import MEASURE, OPTIONS, flag

if TYPE_CHECKING:
    from resnext_bench.cli.terminal.show import Format

_MEASURE, _SIDES, _VERDICT, _OUTPUT = MEASURE, "Sides", "Verdict", "Output"


def of_training(name: str) -> Any:
    """What Typer must know of an option of training."""
    option = OPTIONS[name]
    names: tuple[str, ...] = ()
    if option.is_switch:
        names = (f"{flag(name)}/--no-{flag(name).removeprefix('--')}",)
    return typer.Option(
        *names,
        help=option.help,
        rich_help_panel=option.group,
        metavar=option.placeholder,
    )


def _parameter(name: str) -> inspect.Parameter:
    kind = bool if OPTIONS[name].is_switch else str
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, of_training(name)],
    )


def as_run(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of `run`, which it takes by keyword.

    Typer reads a command's signature, so this one is made from the table. None means: not given.
    """
    parameters = [*(_parameter(name) for name in OPTIONS), *_of_run_alone()]

    def taken(**given: Any) -> None:
        command(**given)

    taken.__doc__ = command.__doc__
    taken.__name__ = command.__name__
    taken.__module__ = command.__module__
    taken.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    taken.__annotations__ = {one.name: one.annotation for one in parameters}
    return taken


def _option(panel: str, text: str, *names: str, metavar: str | None = None) -> Any:
    # Only switches are given by name here; they take no value, so nothing stands for one. All
    # else that names no values takes a number, read by our own checks: one voice for all errors.
    placeholder = metavar or (" " if names else "N")
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=placeholder)


Form = Annotated[str | None, of_training("form")]
NprocPerNode = Annotated[str | None, of_training("nproc_per_node")]
Device = Annotated[str | None, of_training("device")]
Split = Annotated[str | None, of_training("split")]
BadFiles = Annotated[str | None, of_training("bad_files")]
Pixels = Annotated[str | None, of_training("pixels")]
Wait = Annotated[
    str | None,
    _option(
        _MEASURE,
        "Wait up to so many minutes for another measurement on this machine to end; without it, "
        "compare is refused and run notes it",
        metavar="MINUTES",
    ),
]
Margin = Annotated[
    str,
    _option(_VERDICT, "Changes up to this many per cent do not matter", metavar="PERCENT"),
]
Design = Annotated[
    str,
    _option(
        _VERDICT,
        "Both sides resident in turn, or launched in turn; auto: duet where memory allows, and a "
        "script calls resnext_bench.step()",
        metavar="[auto|duet|relaunch]",
    ),
]
MaxSessions = Annotated[
    str, _option(_VERDICT, "Most sessions; looks at the verdict are planned for so many")
]
MaxMinutes = Annotated[
    str, _option(_VERDICT, "End after so long, with what is known then", metavar="MINUTES")
]
Blocks = Annotated[
    str | None,
    _option(
        _VERDICT,
        "Pairs of blocks in a duet session, an even number (default: 10, and more where they "
        "scatter)",
    ),
]
BlockSteps = Annotated[
    str | None,
    _option(
        _VERDICT,
        "Counted steps of a block (default: a second of them, 3 to 1000; on a CPU with synthetic "
        "batches 10 at most)",
    ),
]
SideA = Annotated[
    str | None,
    _option(_SIDES, "Options of run, or a .toml file: what b is compared with", metavar="OPTIONS"),
]
SideB = Annotated[str | None, _option(_SIDES, "Options of run, or a .toml file", metavar="OPTIONS")]
Both = Annotated[
    str, _option(_SIDES, "Options of run that both sides have", "--both", metavar="OPTIONS")
]
AgainstItself = Annotated[
    bool,
    _option(
        _VERDICT,
        "Measure one configuration against itself, as a duet and relaunched in turn",
        "--aa",
    ),
]
FloorSessions = Annotated[
    str, _option(_VERDICT, "Sessions of each design that --aa takes", "--sessions", metavar="N")
]
Script = Annotated[
    str | None,
    _option(
        _SIDES,
        "A command of yours, to which the texts of --a, --b and --both are appended; it writes "
        "step times in ns, one a line, to the file that $RESNEXT_BENCH_SAMPLES names, or calls "
        "resnext_bench.step() after each step, and then both sides may take turns",
        metavar="COMMAND",
    ),
]
RevisionA = Annotated[
    str | None,
    _option(
        _SIDES,
        "Git revision of your checkout that --script runs in; one of the two may be left out: "
        "the files as they are",
        "--a-rev",
        metavar="REV",
    ),
]
RevisionB = Annotated[str | None, _option(_SIDES, "The same, for b", "--b-rev", metavar="REV")]
Repository = Annotated[
    Path | None,
    _option(
        _SIDES,
        "Folder of the checkout in which --script starts (default: the current one)",
        "--repo",
        metavar="FOLDER",
    ),
]
AsIs = Annotated[
    bool,
    _option(
        _SIDES,
        "Start --script with your environment untouched: no heap that keeps freed memory, and "
        "nothing on PYTHONPATH",
        "--as-is",
    ),
]
RunsA = Annotated[
    str | None,
    _option(
        _SIDES,
        "Ids of stored runs, with commas between them: nothing is measured, and the design is "
        "unpaired",
        "--a-runs",
        metavar="IDS",
    ),
]
RunsB = Annotated[str | None, _option(_SIDES, "The same, for b", "--b-runs", metavar="IDS")]
Resume = Annotated[
    str | None,
    _option(
        _OUTPUT,
        "Go on with a comparison that was interrupted or killed: its id, or last",
        metavar="ID",
    ),
]
AllowUnsure = Annotated[
    bool,
    _option(_MEASURE, "Exit 0 where it would be 3, as it was never steady", "--allow-unsure"),
]
AllowUnsureVerdict = Annotated[
    bool,
    _option(_VERDICT, "Exit 0 where it would be 3: can't tell, never steady", "--allow-unsure"),
]
AllowInvalid = Annotated[
    bool,
    _option(_MEASURE, "Exit 0 where it would be 3, as it is invalid", "--allow-invalid"),
]
Config = Annotated[
    Path | None,
    _option(_OUTPUT, "TOML file with option names as keys; the command line wins", metavar="FILE"),
]
Output = Annotated[
    Path | None,
    _option(_OUTPUT, "Runs folder (default: $RESNEXT_BENCH_RUNS, else ./runs)", metavar="FOLDER"),
]
Json = Annotated[bool, _option(_OUTPUT, "Print JSON alone on standard output", "--json")]
Markdown = Annotated[
    bool,
    _option(_OUTPUT, "Print Markdown, fit to be pasted into a pull request", "--markdown"),
]
DryRun = Annotated[
    bool,
    _option(
        _OUTPUT,
        "Show what would be launched: commands, environment, ranks, cores, devices",
        "--dry-run",
    ),
]
RUN_ALONE: Final[dict[str, tuple[Any, object, str]]] = {
    "allow_unsure": (AllowUnsure, False, "give it beside the sides"),
    "allow_invalid": (AllowInvalid, False, "give it beside the sides"),
    "config": (Config, None, ""),
    "output": (Output, None, "give it beside the sides"),
    "json": (Json, False, "give it beside the sides"),
    "markdown": (Markdown, False, "give it beside the sides"),
    "dry_run": (DryRun, False, "leave it out"),
    "wait": (Wait, None, "give it beside the sides"),
}
"""What `run` takes besides: declaration, value where it is not given, and what to do in a side."""


def form_of(*, json: bool, markdown: bool) -> "Format":
    """How a report is asked for."""
    from resnext_bench.cli.terminal.show import format_of

    return format_of({"json": json, "markdown": markdown})


def _of_run_alone() -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )
        for name, (annotation, default, _) in RUN_ALONE.items()
    ]

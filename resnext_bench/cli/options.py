"""Options as Typer takes them: those of training from their table, and those of commands alone.

Values of options of training are checked in `resnext_bench.config.request`, the same for the
command line and a file.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from resnext_bench.cli.values import choice, number, whole
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


def _option(
    panel: str,
    text: str,
    *names: str,
    metavar: str | None = None,
    parser: Callable[[str], Any] | None = None,
) -> Any:
    # Only switches are given by name here; they take no value, so nothing stands for one. All
    # else that names no values takes a number.
    placeholder = metavar or (" " if names else "N")
    return typer.Option(
        *names, help=text, rich_help_panel=panel, metavar=placeholder, parser=parser
    )


def whole_of(name: str) -> Callable[[str | int], int]:
    """What reads an option that training has too, with the same bounds."""
    option = OPTIONS[name]
    assert option.low is not None
    return whole(flag(name), int(option.low), None if option.high is None else int(option.high))


Form = Annotated[str | None, of_training("form")]
NprocPerNode = Annotated[str | None, of_training("nproc_per_node")]
Device = Annotated[str | None, of_training("device")]
Split = Annotated[str | None, of_training("split")]
BadFiles = Annotated[str | None, of_training("bad_files")]
Pixels = Annotated[str | None, of_training("pixels")]
Wait = Annotated[
    float | None,
    _option(
        _MEASURE,
        "Wait up to so many minutes for another measurement on this machine to end; without it, "
        "compare is refused and run notes it",
        metavar="MINUTES",
        parser=number("--wait", 0, 10_000),
    ),
]
Margin = Annotated[
    float,
    _option(
        _VERDICT,
        "Changes up to this many per cent do not matter",
        metavar="PERCENT",
        parser=number("--margin", 0.01, 50),
    ),
]
Design = Annotated[
    str,
    _option(
        _VERDICT,
        "Both sides resident in turn, or launched in turn; auto: duet where memory allows, and a "
        "script calls resnext_bench.step()",
        **choice("--design", "auto", "duet", "relaunch"),
    ),
]
MaxSessions = Annotated[
    int,
    _option(
        _VERDICT,
        "Most sessions; looks at the verdict are planned for so many",
        parser=whole("--max-sessions", 2, 1000),
    ),
]
MaxMinutes = Annotated[
    float,
    _option(
        _VERDICT,
        "End after so long, with what is known then",
        metavar="MINUTES",
        parser=number("--max-minutes", 0.1, 10_000),
    ),
]
Blocks = Annotated[
    int | None,
    _option(
        _VERDICT,
        "Pairs of blocks in a duet session, an even number (default: 10, and more where they "
        "scatter)",
        parser=whole("--blocks", 4, 1000),
    ),
]
BlockSteps = Annotated[
    int | None,
    _option(
        _VERDICT,
        "Counted steps of a block (default: a second of them, 3 to 1000; on a CPU with synthetic "
        "batches 10 at most)",
        parser=whole("--block-steps", 2, 100_000),
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
    int,
    _option(
        _VERDICT,
        "Sessions of each design that --aa takes",
        "--sessions",
        metavar="N",
        parser=whole("--sessions", 3, 100),
    ),
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

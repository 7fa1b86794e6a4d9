"""Options as Typer takes them: those of training, from their table, and those of single commands.

Values of options of training are checked in `resnext_bench.config.request`, the same for the
command line and a file.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from resnext_bench.cli.formats import FORMATS, Format, format_of
from resnext_bench.cli.values import choice, number, whole
from resnext_bench.config.options import MEASURE, OPTIONS, flag

_MEASURE, _SIDES, _VERDICT, _OUTPUT = MEASURE, "Sides", "Verdict", "Output"
PROFILED_STEPS: Final = 6
"""Steps of each side that a comparison profiles: fewer hardly tell a difference from noise."""


def of_training(name: str) -> Any:
    """Return what Typer must know of an option of training."""
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


def _of_format(name: Format) -> Any:
    return typer.Option(f"--{name}", help=FORMATS[name], rich_help_panel=_OUTPUT, metavar=" ")


def parameter(name: str, annotation: Any, default: object) -> inspect.Parameter:
    """Return an option as a command's signature has it."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _parameter_of_training(name: str) -> inspect.Parameter:
    kind = bool if OPTIONS[name].is_switch else str
    return parameter(name, Annotated[kind | None, of_training(name)], None)


def as_run(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the options of `run`, which it takes by keyword.

    Typer reads a command's signature, so this one is made from the table. None means: not given.
    """
    alone = (
        parameter(name, annotation, default) for name, (annotation, default, _) in RUN_ALONE.items()
    )

    def taken(**given: Any) -> None:
        command(**given)

    return declared(taken, command, [*map(_parameter_of_training, OPTIONS), *alone])


def in_formats(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with an option for each format, where it takes the one asked for.

    Its parameter of the kind Format, whatever its name, gets which one that is.
    """
    parameters = inspect.signature(command).parameters.values()
    (form,) = (one.name for one in parameters if one.annotation is Format)

    def taken(**given: Any) -> None:
        asked = [name for name in FORMATS if given.pop(name)]
        command(**given, **{form: format_of(asked)})

    def spread() -> Iterator[inspect.Parameter]:
        for one in parameters:
            if one.name != form:
                yield one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
                continue
            for name in FORMATS:
                yield parameter(name, Annotated[bool, _of_format(name)], False)

    return declared(taken, command, [*spread()])


def told(**words: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what puts these words in the place of their names in a command's help text."""

    def filled(command: Callable[..., None]) -> Callable[..., None]:
        command.__doc__ = (command.__doc__ or "").format(**words)
        return command

    return filled


def declared(
    taken: Callable[..., None], command: Callable[..., None], parameters: list[inspect.Parameter]
) -> Callable[..., None]:
    """Return a function that Typer takes for the command, with these parameters instead."""
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
    """Return a reader of an option that training has too, with the same bounds."""
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
        "Wait up to this many minutes for another measurement on this machine to end; without it, "
        "compare, convs time and convs layouts are refused, and run adds a note",
        metavar="MINUTES",
        parser=number("--wait", 0, 10_000),
    ),
]
Margin = Annotated[
    float,
    _option(
        _VERDICT,
        "Changes of up to this many per cent do not matter",
        metavar="PERCENT",
        parser=number("--margin", 0.01, 50),
    ),
]
Design = Annotated[
    str,
    _option(
        _VERDICT,
        "duet: both sides stay resident and take turns; relaunch: they are launched in turn; "
        "auto: duet where memory allows it and, with --script, the script calls "
        "resnext_bench.step()",
        **choice("--design", "auto", "duet", "relaunch"),
    ),
]
MaxSessions = Annotated[
    int,
    _option(
        _VERDICT,
        "Maximum number of sessions; looks at the verdict are planned for this many",
        parser=whole("--max-sessions", 2, 1000),
    ),
]
MaxMinutes = Annotated[
    float,
    _option(
        _VERDICT,
        "End after this long, with what is known by then",
        metavar="MINUTES",
        parser=number("--max-minutes", 0.1, 10_000),
    ),
]
Blocks = Annotated[
    int | None,
    _option(
        _VERDICT,
        "Pairs of blocks in a duet session, an even number (default: 10, or more where they "
        "scatter)",
        parser=whole("--blocks", 4, 1000),
    ),
]
BlockSteps = Annotated[
    int | None,
    _option(
        _VERDICT,
        "Counted steps per block (default: one second's worth, from 3 to 1000; on a CPU with "
        "synthetic batches at most 10)",
        parser=whole("--block-steps", 2, 100_000),
    ),
]
Profile = Annotated[
    bool,
    _option(
        _VERDICT,
        "After the verdict, profile both sides in turn and show where the difference is: what got "
        "slower, faster, new or gone; with --a-runs and --b-runs, by the traces of the runs",
        "--profile",
    ),
]
ProfileSteps = Annotated[
    int | None,
    _option(
        _VERDICT,
        f"Number of steps of each side to profile (default: {PROFILED_STEPS} with --profile)",
        parser=whole("--profile-steps", 1, int(OPTIONS["profile_steps"].high or 0)),
    ),
]
SideA = Annotated[
    str | None,
    _option(
        _SIDES, "Options of run, or a .toml file; b is compared with this side", metavar="OPTIONS"
    ),
]
SideB = Annotated[str | None, _option(_SIDES, "Options of run, or a .toml file", metavar="OPTIONS")]
Both = Annotated[
    str, _option(_SIDES, "Options of run that both sides get", "--both", metavar="OPTIONS")
]
AgainstItself = Annotated[
    bool,
    _option(
        _VERDICT,
        "Compare one configuration with itself, both as a duet and relaunched",
        "--aa",
    ),
]
FloorSessions = Annotated[
    int,
    _option(
        _VERDICT,
        "Number of sessions of each design with --aa",
        "--sessions",
        metavar="N",
        parser=whole("--sessions", 3, 100),
    ),
]
Script = Annotated[
    str | None,
    _option(
        _SIDES,
        "Your own command, to which the texts of --a, --b and --both are appended. It writes step "
        "times in ns, one per line, to the file named by $RESNEXT_BENCH_SAMPLES, or calls "
        "resnext_bench.step() after each step, so that both sides can take turns",
        metavar="COMMAND",
    ),
]
RevisionA = Annotated[
    str | None,
    _option(
        _SIDES,
        "Git revision of your checkout in which --script runs; if one of the two is left out, "
        "that side uses the files as they are",
        "--a-rev",
        metavar="REV",
    ),
]
RevisionB = Annotated[str | None, _option(_SIDES, "The same, for b", "--b-rev", metavar="REV")]
Repository = Annotated[
    Path | None,
    _option(
        _SIDES,
        "Folder of the checkout in which --script starts (default: the current folder)",
        "--repo",
        metavar="FOLDER",
    ),
]
AsIs = Annotated[
    bool,
    _option(
        _SIDES,
        "Start --script with your environment unchanged: without the heap settings that keep "
        "freed memory, and with nothing added to PYTHONPATH",
        "--as-is",
    ),
]
RunsA = Annotated[
    str | None,
    _option(
        _SIDES,
        "Ids of stored runs, separated by commas: nothing is measured, and the design is unpaired",
        "--a-runs",
        metavar="IDS",
    ),
]
RunsB = Annotated[str | None, _option(_SIDES, "The same, for b", "--b-runs", metavar="IDS")]
Resume = Annotated[
    str | None,
    _option(
        _OUTPUT,
        "Continue a comparison that was interrupted or killed: its id, or last",
        metavar="ID",
    ),
]
AllowUnsure = Annotated[
    bool,
    _option(_MEASURE, "Exit with 0 instead of 3 if step times were never steady", "--allow-unsure"),
]
AllowUnsureVerdict = Annotated[
    bool,
    _option(
        _VERDICT,
        "Exit with 0 instead of 3 for the verdicts can't tell and never steady",
        "--allow-unsure",
    ),
]
AllowInvalid = Annotated[
    bool,
    _option(_MEASURE, "Exit with 0 instead of 3 if the run is invalid", "--allow-invalid"),
]
Config = Annotated[
    Path | None,
    _option(
        _OUTPUT,
        "TOML file with option names as keys; the command line takes precedence",
        metavar="FILE",
    ),
]
Output = Annotated[
    Path | None,
    _option(_OUTPUT, "Runs folder (default: $RESNEXT_BENCH_RUNS, else ./runs)", metavar="FOLDER"),
]
Json = Annotated[bool, _of_format("json")]
"""For commands whose output is no report; others are `in_formats`."""
DryRun = Annotated[
    bool,
    _option(
        _OUTPUT,
        (
            "Show what would be launched, and launch nothing: commands, environment, ranks, "
            "cores, devices"
        ),
        "--dry-run",
    ),
]
RUN_ALONE: Final[dict[str, tuple[Any, object, str]]] = {
    "allow_unsure": (AllowUnsure, False, "give it next to the sides"),
    "allow_invalid": (AllowInvalid, False, "give it next to the sides"),
    "config": (Config, None, ""),
    "output": (Output, None, "give it next to the sides"),
    **{
        name: (Annotated[bool, _of_format(name)], False, "give it next to the sides")
        for name in FORMATS
    },
    "dry_run": (DryRun, False, "leave it out"),
    "wait": (Wait, None, "give it next to the sides"),
}
"""Further options of `run`: declaration, value where not given, what to do instead in a side."""

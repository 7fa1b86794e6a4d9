"""The program's commands.

Only options are declared here; code is imported when it is needed, so that `--help` stays as fast
as an empty program's.
"""

import contextlib
import inspect
import os
import signal
import sys
from types import FrameType
from typing import Annotated, Any, Final, NoReturn

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.convs.app import convs_app
from resnext_bench.cli.data.app import data_app
from resnext_bench.cli.formats import FORMATS, Format, format_of
from resnext_bench.cli.models.app import models_app
from resnext_bench.cli.outline import outline
from resnext_bench.cli.runs.app import runs_app
from resnext_bench.cli.terminal.output import open_output
from resnext_bench.cli.trace.app import trace_app
from resnext_bench.config.options import OPTIONS
from resnext_bench.errors import (
    BenchError,
    CannotHere,
    Interrupted,
    NotKept,
    UsageError,
    cannot_write,
    is_of_the_environment,
)
from resnext_bench.reports.errors import StoreError, TraceError
from resnext_bench.reports.schema.verdicts import words_of

DEBUG_VARIABLE = "RESNEXT_BENCH_DEBUG"

app = typer.Typer(
    name="resnext-bench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(runs_app, name="runs")
app.add_typer(trace_app, name="trace")
app.add_typer(models_app, name="models")
app.add_typer(data_app, name="data")
app.add_typer(convs_app, name="convs")


def _version(wanted: bool) -> None:
    if wanted:
        from resnext_bench.version import own_version

        typer.echo(f"resnext-bench {own_version()}")
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; also allowed after any command")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Measure how fast ResNeXt trains on a machine or a cluster, and show where the time goes."""


@app.command()
@opt.as_run
def run(**given: Any) -> None:
    """Train ResNeXt for a while and report images/s, and where each step's time went.

    Every option has a default that fits this machine; what was chosen is printed and stored.
    """
    from resnext_bench.cli.run.command import run_command
    from resnext_bench.cli.terminal.outcome import Pardon

    request = {name: given[name] for name in OPTIONS if given[name] is not None}
    pardon = Pardon(unsure=given["allow_unsure"], invalid=given["allow_invalid"])
    code = run_command(
        request,
        given["config"],
        pardon,
        given["output"],
        format_of([name for name in FORMATS if given[name]]),
        dry_run=given["dry_run"],
        wait=given["wait"],
    )
    raise typer.Exit(code)


@app.command()
@opt.in_formats
@opt.told(
    fine=words_of(None),
    slower=words_of("slower"),
    unsure=words_of("unsure"),
    invalid=words_of("invalid"),
)
def compare(
    a: opt.SideA = None,
    b: opt.SideB = None,
    both: opt.Both = "",
    script: opt.Script = None,
    a_rev: opt.RevisionA = None,
    b_rev: opt.RevisionB = None,
    repo: opt.Repository = None,
    as_is: opt.AsIs = False,
    a_runs: opt.RunsA = None,
    b_runs: opt.RunsB = None,
    margin: opt.Margin = 2,
    design: opt.Design = "auto",
    wait: opt.Wait = None,
    max_sessions: opt.MaxSessions = 26,
    max_minutes: opt.MaxMinutes = 20,
    blocks: opt.Blocks = None,
    block_steps: opt.BlockSteps = None,
    profile: opt.Profile = False,
    profile_steps: opt.ProfileSteps = None,
    allow_unsure: opt.AllowUnsureVerdict = False,
    allow_invalid: opt.AllowInvalid = False,
    resume: opt.Resume = None,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """Decide whether b is slower than a, with an interval, or report that this can't be told.

    Sessions of both sides continue until the verdict is certain or the budget ends. Exit code 0:
    {fine}; 1: {slower}; 3: {unsure}, {invalid}; 2: a wrong option; 4:
    a rank or script failed; 5: this machine cannot do it; 130: interrupted (--resume last
    continues).

    Example: compare --a "--amp" --b "--amp --no-channels-last"

    Example: compare --script "python train.py" --a-rev main --b-rev HEAD
    """
    given = dict(locals())
    from resnext_bench.cli.compare.command import compare_command

    raise typer.Exit(compare_command(given))


@app.command()
@opt.in_formats
def doctor(
    aa: opt.AgainstItself = False,
    both: opt.Both = "",
    sessions: opt.FloorSessions = 6,
    allow_unsure: opt.AllowUnsure = False,
    output: opt.Output = None,
    form: Format = "table",
) -> None:
    """Show what makes this machine noisy and, with --aa, how small a change can be detected here.

    Exit code 3 when something would spoil a measurement, or when too few
    sessions of --aa count.
    """
    if aa:
        from resnext_bench.cli.doctor.floor import floor_command

        raise typer.Exit(floor_command(both, sessions, output, form, allow_unsure=allow_unsure))
    given = {"both": both, "sessions": sessions, "output": output}
    from resnext_bench.cli.doctor.command import doctor_command, require_floor

    require_floor(given)

    raise typer.Exit(doctor_command(allow_unsure=allow_unsure, form=form))


def _flow(group: typer.Typer) -> None:
    """Put each paragraph of each command's help on one line: typer keeps breaks of the source."""
    for command in group.registered_commands:
        text = command.help or inspect.getdoc(command.callback) or ""
        command.help = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
    for inner in group.registered_groups:
        if inner.typer_instance:
            _flow(inner.typer_instance)


_flow(app)


def main() -> NoReturn:
    """Run the program; an error becomes a line or two and the exit code of its class."""
    debug = "--debug" in sys.argv[1:] or bool(os.environ.get(DEBUG_VARIABLE))
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    output = open_output()
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it stays ignored
        signal.signal(signal.SIGHUP, _terminated)
    try:
        code = _run(arguments, debug=debug) if _is_text(arguments) else UsageError.exit_code
    except KeyboardInterrupt:  # outside of any command
        code = _say("interrupted", Interrupted.exit_code)
    with contextlib.suppress(BrokenPipeError):
        output.close()
    if output.error:
        why = output.error.strerror or str(output.error)
        told = f"cannot write standard output: {why} (what it did not take is on standard error)"
        code = _say(told, CannotHere.exit_code)
    sys.exit(code)


_OF_FILES: Final = ("trace", "data")
"""Commands that accept any name that a file can have."""


def _is_text(arguments: list[str]) -> bool:
    """Return whether what was given can be stored and printed; print an error where it cannot."""
    bad = next((one for one in arguments if not one.isprintable() and _surrogates(one)), None)
    if bad is None or arguments[0] in _OF_FILES:
        return True
    shown = bad.encode(errors="surrogateescape").decode(errors="backslashreplace")
    _say(f"{shown}: not valid UTF-8, and only UTF-8 text can be stored", 2)
    return False


def _surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _run(arguments: list[str], *, debug: bool) -> int:
    """Run the command and return the exit code."""
    try:
        wanted = outline(app) if arguments in ([], ["--help"]) else app
        wanted(arguments, prog_name="resnext-bench")
    except SystemExit as end:
        if _is_of_ctrl_c(end):
            return _say("interrupted", Interrupted.exit_code)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Interrupted as end:
        return _say(str(end), end.exit_code)
    except NotKept as lost:
        _show(lost, arguments)
        return _say(str(lost), lost.exit_code)
    except BenchError as error:
        if debug:
            raise
        return _say(str(error), error.exit_code)
    except StoreError as error:
        if debug:
            raise
        return _say(_with_facts(error), UsageError.exit_code)
    except OSError as error:
        if debug or not is_of_the_environment(error):
            return _bug(error, debug=debug)
        return _say(cannot_write(error), CannotHere.exit_code)
    except Exception as error:
        if not debug and (lack := _lack(error)):
            return _say(lack, CannotHere.exit_code)
        return _bug(error, debug=debug)
    return 0


def _is_of_ctrl_c(end: SystemExit) -> bool:
    """Return whether a command was interrupted that does not handle it: typer ends it silently."""
    inner = end.__context__
    return inner is not None and isinstance(inner.__cause__, KeyboardInterrupt)


def _lack(error: Exception) -> str:
    """Return which of this process's limits was reached, and what to do; "" for other errors."""
    from resnext_bench.symptoms import limit_hint

    if isinstance(error, MemoryError):
        return "out of memory: free some, or raise ulimit -v, if it is set"
    hint = limit_hint(str(error)) if isinstance(error, ImportError | RuntimeError) else ""
    return f"{error} ({hint})" if hint else ""


def _show(lost: NotKept, arguments: list[str]) -> None:
    """Show what was measured as if it had been stored."""
    from resnext_bench.cli.terminal.show import show_stored
    from resnext_bench.reports.schema.kinds import is_record

    if is_record(lost.record):
        asked = [name for name in FORMATS if f"--{name}" in arguments]
        show_stored(lost.record, format_of(asked))


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Interrupted(f"terminated by {signal.Signals(number).name}")


def _with_facts(error: StoreError) -> str:
    """Return its message, with what is wrong with the file where nobody has said it before."""
    if not isinstance(error, TraceError) or not error.facts:
        return str(error)
    from resnext_bench.reports.render.trace.warnings import error_in_words

    return error_in_words(error)


def _say(text: str, code: int) -> int:
    word = "interrupted" if code == Interrupted.exit_code else "error"
    print(text if text.startswith(word) else f"{word}: {text}", file=sys.stderr, flush=True)
    return code


def _bug(error: Exception, *, debug: bool) -> int:
    """Report a bug of ours in short; the details go to a file."""
    if debug:
        raise error
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    print(
        f"internal error: {type(error).__name__}: {error} ({last.name}, line {last.lineno})\n"
        f"This is a bug in resnext-bench; please report it with {_told_whole()}",
        file=sys.stderr,
    )
    return BenchError.exit_code


def _told_whole() -> str:
    """Return where the details are: a file or, if none can be written, the option for them."""
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="resnext-bench-", suffix=".log", delete=False, errors="replace"
        ) as log:
            log.write(f"{sys.argv}\n{traceback.format_exc()}")
            return log.name
    except OSError:
        return "what --debug prints"


if __name__ == "__main__":
    main()

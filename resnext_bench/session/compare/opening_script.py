"""Opens a comparison of a user's script, new or resumed."""

import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.errors import UsageError
from resnext_bench.launch.script import heap_variables
from resnext_bench.machine.fingerprint import fingerprint
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.lock import measuring
from resnext_bench.reports.schema.comparison import Comparison, Difference, Limits, Side
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.record import Environment
from resnext_bench.reports.store import runs
from resnext_bench.session.compare.contest import Contest, Display
from resnext_bench.session.compare.revisions import (
    Checkout,
    commit_of,
    open_checkout,
    require_committed,
    words_for,
    work_tree,
)
from resnext_bench.session.compare.script import UNWATCHED, Place, Scripted, Wanted
from resnext_bench.session.compare.script_turns import Plan
from resnext_bench.session.compare.stepping import Stepping
from resnext_bench.session.turns.blocks import MOST_PAIRS
from resnext_bench.whole import whole_folder

REVISION: Final = "revision"
WORKING_TREE: Final = "the working tree"
"""Name of a side for which no revision is given."""
AS_IS: Final = (
    "--as-is: the scripts got the environment as it is, without the heap settings that keep freed "
    "memory"
)

Sides = tuple[Side, Side]


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedScript:
    """A comparison of scripts as requested."""

    script: tuple[str, ...]
    """The command that both sides start with."""
    arguments: tuple[tuple[str, ...], tuple[str, ...]]
    """The arguments that a and b append to it."""
    revisions: tuple[str | None, str | None]
    """Revisions of the checkout in `folder`; none for the files as they are."""
    folder: Path
    """The absolute folder in which the scripts start."""
    limits: Limits
    root: Path
    command: tuple[str, ...]
    design: Wanted = "auto"


def compare_script(asked: AskedScript, machine: Machine, display: Display) -> Comparison:
    """Launch both sides in turn until there is a verdict or the budget ends."""
    sides = _sides(asked)
    with measuring("compare --script"):
        folder = runs.create(asked.root, "compare").absolute()
        ends_s = time.monotonic() + 60 * asked.limits.max_minutes
        with whole_folder(folder, is_kept=_has_files), _placed(sides, folder) as (a, b):
            source = Stepping(
                folder=folder,
                a=a,
                b=b,
                changes=_changes(asked, sides),
                machine=_environment(machine, sides[0], asked.limits),
                known=_notes(sides, asked.limits),
                ends_s=ends_s,
                as_is=asked.limits.as_is,
                margin_percent=asked.limits.margin_percent,
                wanted=asked.design,
                design="duet" if asked.design == "duet" else "relaunch",
                steps_asked=asked.limits.block_steps,
                most_pairs=asked.limits.pairs,
            )
            display.compared(source.sides(), source.changes, asked.limits)
            return Contest(
                source=source,
                limits=asked.limits,
                folder=folder,
                command=asked.command,
                display=display,
            ).run()


@contextmanager
def reopened(
    kept: Comparison, told: Sequence[Note], elapsed_s: float, folder: Path, machine: Machine
) -> Iterator[Scripted]:
    """Return both sides of a comparison as they were; raise if they are no longer the same."""
    sides, here = (kept.a, kept.b), _environment(machine, kept.a, kept.limits)
    for side in sides:
        _require_program(side)
    named = [change for change in kept.differences if change.what == REVISION]
    if _have_revisions(sides):
        if named != _revision_changes(sides):
            raise _moved(kept, WORKING_TREE)
    elif here.git != kept.environment.git:
        raise _moved(kept, "the git checkout around it")
    with _placed(sides, folder.absolute()) as (a, b):
        plan = _plan(kept)
        yield Stepping(
            folder=folder.absolute(),
            a=a,
            b=b,
            changes=kept.differences,
            machine=here,
            known=_notes(sides, kept.limits),
            told=list(told),
            ends_s=time.monotonic() + 60 * kept.limits.max_minutes - elapsed_s,
            as_is=kept.limits.as_is,
            margin_percent=kept.limits.margin_percent,
            earlier=list(kept.pairs),
            wanted="duet" if plan else "relaunch",
            design=kept.design,
            steps_asked=kept.limits.block_steps,
            least_steps=kept.pairs[0].block_steps if kept.pairs else 0,
            most_pairs=kept.limits.pairs,
            plan=plan,
        )


def _plan(kept: Comparison) -> Plan | None:
    """Return how turns were taken in the sessions so far, if they were."""
    launches = kept.pairs[0].launches if kept.pairs else None
    if kept.design != "duet" or launches is None:
        return None
    return Plan(
        warm_up=launches[0].cut,
        block_steps=kept.pairs[-1].block_steps,
        most_pairs=kept.limits.pairs or MOST_PAIRS,
    )


def _moved(kept: Comparison, what: str) -> UsageError:
    return UsageError(
        f"{kept.id} cannot be resumed: {what} has changed since then; start a new comparison"
    )


def _sides(asked: AskedScript) -> Sides:
    """Return both commands, with revisions as commits; raise if one cannot be started."""
    a, b = (
        _side(asked, arguments, revision, f"--{name}-rev")
        for name, arguments, revision in zip("ab", asked.arguments, asked.revisions, strict=True)
    )
    for side in (a, b):
        _require_program(side)
    return a, b


def _side(
    asked: AskedScript, arguments: tuple[str, ...], revision: str | None, option: str
) -> Side:
    command, commit = (*asked.script, *arguments), ""
    given = shlex.join(command)
    if any(asked.revisions):
        given = revision or WORKING_TREE
        commit = commit_of(open_checkout(asked.folder), revision, option) if revision else ""
    return Side(given=given, command=command, revision=commit, folder=str(asked.folder))


def _require_program(side: Side) -> None:
    program, folder = side.command[0], Path(side.folder)
    beside = "/" in program
    if side.revision:
        require_committed(open_checkout(folder), side.revision, program, f"revision {side.given}")
    if side.revision and beside and not program.startswith("/"):
        return
    if shutil.which(str(folder / program) if beside else program):
        return
    if (folder / program).is_file():
        raise UsageError(
            f"--script {program}: this file cannot be executed; put before it what runs it, "
            f'as in --script "python {program}"'
        )
    raise UsageError(f"--script {program}: neither a command on PATH nor a file in {folder}")


def _changes(asked: AskedScript, sides: Sides) -> tuple[Difference, ...]:
    a, b = (shlex.join(arguments) or "none" for arguments in asked.arguments)
    arguments = [Difference(what="arguments", a=a, b=b)] if a != b else []
    return (*_revision_changes(sides), *arguments)


def _revision_changes(sides: Sides) -> list[Difference]:
    if not _have_revisions(sides) or sides[0].revision == sides[1].revision:
        return []
    a, b = (words_for(_checkout(side), side.given, side.revision) for side in sides)
    return [Difference(what=REVISION, a=a, b=b)]


def _notes(sides: Sides, limits: Limits) -> tuple[str, ...]:
    as_is = (AS_IS,) if limits.as_is else ()
    return (*as_is, *_notes_of(sides))


def _notes_of(sides: Sides) -> tuple[str, ...]:
    if not _have_revisions(sides) or not _checkout(sides[0]).is_dirty:
        return (UNWATCHED,)
    part = "of neither side" if all(side.revision for side in sides) else f"of {WORKING_TREE} alone"
    return (UNWATCHED, f"the checkout has uncommitted changes: they are part {part}")


def _checkout(side: Side) -> Checkout:
    return open_checkout(Path(side.folder))


def _have_revisions(sides: Sides) -> bool:
    return any(side.revision for side in sides)


@contextmanager
def _placed(sides: Sides, folder: Path) -> Iterator[tuple[Place, Place]]:
    """Yield each side with its folder: a work tree for a revision, which is always removed."""
    with ExitStack() as stack:
        a, b = (
            Place(side=side, cwd=_cwd(stack, side, folder / f"tree-{name}"))
            for name, side in zip("ab", sides, strict=True)
        )
        yield a, b


def _cwd(stack: ExitStack, side: Side, path: Path) -> Path:
    if not side.revision:
        return Path(side.folder)
    return stack.enter_context(work_tree(_checkout(side), side.revision, path))


def _environment(machine: Machine, side: Side, limits: Limits) -> Environment:
    """Return the environment without package versions: the script may run in another one."""
    found = fingerprint(machine, {}, Path(side.folder))
    heap = heap_variables(as_is=limits.as_is)
    return msgspec.structs.replace(found, versions={}, of_ranks=heap)


def _has_files(folder: Path) -> bool:
    """Return whether a comparison has left a record or a state."""
    return any(path.is_file() for path in folder.rglob("*"))

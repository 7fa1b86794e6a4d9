"""Opens a comparison of two configurations, new or resumed."""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from resnext_bench.config.resolve import resolve
from resnext_bench.errors import UsageError
from resnext_bench.launch.topology import place_ranks
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.lock import measuring
from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.comparison import COMPARE, Comparison, Limits, Side
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.record import Environment
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.schema.sessions import Session
from resnext_bench.reports.store import runs
from resnext_bench.session.compare import contest
from resnext_bench.session.compare.configured import Configured
from resnext_bench.session.compare.contest import Contest, Source, State
from resnext_bench.session.compare.opening_script import reopened
from resnext_bench.session.compare.profiling import with_profile
from resnext_bench.session.compare.script import Wanted
from resnext_bench.session.data import prepare_data, record_of
from resnext_bench.session.recording import Recording
from resnext_bench.session.setup import Setup, set_up
from resnext_bench.session.turns.residents import WORKER
from resnext_bench.version import own_version
from resnext_bench.whole import whole_folder


class Display(contest.Display, Protocol):
    """What shows the progress of a comparison."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Called while data is being made or checked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A comparison as requested."""

    a: Request
    b: Request
    given: tuple[str, str]
    """The sides as the user named them."""
    design: Wanted
    limits: Limits
    root: Path
    command: tuple[str, ...]
    modules: tuple[str, str] = (WORKER, WORKER)
    """The module that the ranks of each side run; tests and campaigns slow one of them."""


def compare(asked: Asked, machine: Machine, display: Display) -> Comparison:
    """Measure both sides in turn until there is a verdict or the budget ends."""
    with measuring("compare"):
        return _compared(asked, machine, display)


def _compared(asked: Asked, machine: Machine, display: Display) -> Comparison:
    # The sides' own runs live inside: one comparison is one entry among the runs.
    # Of what never started nothing may be left, nor be "last".
    with whole_folder(runs.create(asked.root, "compare")) as folder:
        source = _opened(asked, folder, machine, display)
    display.compared(source.sides(), source.differences(), asked.limits)
    record = Contest(
        source=source,
        limits=asked.limits,
        folder=folder,
        command=asked.command,
        display=display,
    ).run()
    return with_profile(record, source, folder, display.preparing)


def _opened(asked: Asked, folder: Path, machine: Machine, display: Display) -> Configured:
    began_s = time.monotonic()  # making and checking images counts
    a, b = (
        Recording(
            setup=set_up(side, machine, root=folder, command=asked.command, tell=display.preparing)
        )
        for side in (asked.a, asked.b)
    )
    source = Configured(
        a=a,
        b=b,
        given=asked.given,
        design="relaunch" if asked.design == "relaunch" else "duet",
        may_relaunch=asked.design == "auto",
        blocks=asked.limits.pairs,
        more_blocks=asked.limits.more_pairs,
        steps_asked=asked.limits.block_steps,
        modules=asked.modules,
        ends_s=began_s + 60 * asked.limits.max_minutes,
    )
    if source.design == "relaunch":
        source.require_launchable()
    return source


def resume(folder: Path, machine: Machine, display: Display) -> Comparison:
    """Resume a comparison that was interrupted or killed, as if nothing had happened."""
    _require_unfinished(folder)
    with measuring(f"compare --resume {folder.name}"):
        return _resumed(folder, machine, display)


def _resumed(folder: Path, machine: Machine, display: Display) -> Comparison:
    state = read_state(folder)
    kept = state.comparison
    if kept.limits.fixed:
        raise UsageError(
            f"{folder.name} is one half of a doctor --aa and cannot be resumed without the other; "
            "run doctor --aa again"
        )
    if kept.a.command:
        with reopened(kept, state.told, state.elapsed_s, folder, machine) as source:
            return _gone_on(state, source, folder, display)
    configured = _configured(state, folder, machine, display)
    record = _gone_on(state, configured, folder, display)
    return with_profile(record, configured, folder, display.preparing)


def _require_unfinished(folder: Path) -> None:
    """Raise if it has ended: more sessions would be a look that was not planned for."""
    with suppress(StoreError):
        record = runs.load_kind(folder, COMPARE)
        if record.status in ("ok", "invalid"):
            raise UsageError(
                f"{record.id} has ended ({record.verdict}), so there is nothing to resume; start a "
                "new comparison"
            )


def _gone_on(state: State, source: Source, folder: Path, display: Display) -> Comparison:
    kept = state.comparison
    _require_same_software(kept, source)
    display.compared(source.sides(), source.differences(), kept.limits)
    return Contest(
        source=source,
        limits=kept.limits,
        folder=folder,
        command=kept.command,
        display=display,
        pairs=list(kept.pairs),
        looks_taken=kept.looks_taken,
        created=datetime.fromisoformat(kept.created),
        elapsed_before_s=state.elapsed_s,
        ended=state.ended,
        cut_at=state.cut_at,
    ).run()


def _configured(state: State, root: Path, machine: Machine, display: Display) -> Configured:
    kept = state.comparison
    a, b = (
        _reopened(side, sessions, root, machine, kept, display)
        for side, sessions in zip((kept.a, kept.b), state.sessions, strict=True)
    )
    return Configured(
        a=a,
        b=b,
        given=(kept.a.given, kept.b.given),
        design=kept.design,
        may_relaunch=False,
        blocks=_longest_session(kept) if kept.limits.more_pairs else kept.limits.pairs,
        more_blocks=kept.limits.more_pairs,
        steps_asked=kept.limits.block_steps,
        block_steps=kept.pairs[-1].block_steps if kept.pairs else 0,
        least_steps=kept.pairs[0].block_steps if kept.pairs else 0,
        ends_s=time.monotonic() + 60 * kept.limits.max_minutes - state.elapsed_s,
        told=list(state.told),
    )


def _longest_session(kept: Comparison) -> int:
    return max([kept.limits.pairs, *(len(pair.blocks_ms) for pair in kept.pairs)])


def read_state(folder: Path) -> State:
    """Read the state that a comparison has written next to its record."""
    try:
        return msgspec.json.decode((folder / contest.STATE).read_bytes(), type=State)
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder.name} cannot be resumed: it is not a comparison, or none of its sessions "
            "was complete"
        ) from error
    except msgspec.MsgspecError as error:
        raise UsageError(f"{folder.name} cannot be resumed: {error}") from error


def _reopened(
    side: Side,
    sessions: Sequence[Session],
    root: Path,
    machine: Machine,
    kept: Comparison,
    display: Display,
) -> Recording:
    """Return a side's run as it was after its last complete session."""
    assert side.run is not None
    assert side.requested is not None
    data = prepare_data(side.requested, machine, display.preparing)
    resolved = resolve(side.requested, machine, data.facts if data else None)
    if resolved.config != side.resolved:
        raise UsageError(
            f"{side.run} cannot be resumed here: its options now resolve to another configuration; "
            "start a new comparison"
        )
    if (record_of(data).digest if data else "") != side.data:
        raise UsageError(
            f"{side.run} cannot be resumed: its images have changed; start a new comparison"
        )
    setup = Setup(
        folder=root / side.run,
        command=kept.command,
        request=side.requested,
        machine=machine,
        resolved=resolved,
        topology=place_ranks(resolved.config, machine),
        data=data,
    )
    run = Recording(setup=setup, created=datetime.fromisoformat(kept.created))
    for session in sessions:
        run.results.append(_read_result(run, session.number))
        run.sessions.append(session)
    shutil.rmtree(run.session_folder(len(sessions) + 1).path, ignore_errors=True)
    return run


def _read_result(run: Recording, number: int) -> SessionResult:
    path = run.session_folder(number).result
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=SessionResult)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{run.id} cannot be resumed: {path} cannot be read ({error}); start a new comparison"
        ) from error


_OF_MACHINE: Final = (
    *("host", "cpu", "cores", "gpus", "kernel", "python", "versions", "variables"),
    *("boards", "hypervisor", "container"),
)


def _require_same_software(kept: Comparison, source: Source) -> None:
    """Raise if the machine or software has changed, which would be another measurement.

    Versions that only ranks know are compared when the next session has ended.
    """
    if kept.tool_version != own_version():
        raise UsageError(
            f"{kept.id} cannot be resumed: it was started by resnext-bench {kept.tool_version}, "
            f"and this is {own_version()}; start a new comparison"
        )
    if any(pair.middle_log_ratio is None for pair in kept.pairs):
        raise UsageError(
            f"{kept.id} cannot be resumed: its sessions are judged by their median step, new ones "
            "by all steps; start a new comparison"
        )
    then, now = (_comparable(one) for one in (kept.environment, source.environment()))
    # Of a script its own module asks git, in the folder where the script starts.
    git = () if kept.a.command else ("git",)
    for name in (*_OF_MACHINE, *git):
        if getattr(then, name) != getattr(now, name):
            raise UsageError(
                f"{kept.id} cannot be resumed: {name} changed since its last session; "
                "start a new comparison"
            )


def _comparable(environment: Environment) -> Environment:
    """Return the environment without a scheduler's job, as a new job on this machine may resume."""
    kept = {
        name: value
        for name, value in environment.variables.items()
        if not name.startswith("SLURM_")
    }
    return msgspec.structs.replace(environment, variables=kept)

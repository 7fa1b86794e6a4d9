"""Scripts that call `resnext_bench.step()`: they take turns, where that is possible.

The first launch of side a shows whether it does, and how many steps it has. Where turns are neither
possible nor required, both sides are launched in turn like any other script.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench import steps as for_scripts
from resnext_bench.errors import Advised, UsageError
from resnext_bench.launch.script import ScriptCommand
from resnext_bench.launch.turning import TURNS_VARIABLE, Left, TooLong, TurningScript
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.render.notes import in_record
from resnext_bench.reports.render.words import duration
from resnext_bench.reports.schema.comparison import Launch, Order, Pair
from resnext_bench.reports.schema.notes import SIDES, Found, Note, note
from resnext_bench.reports.schema.samples import COLUMNS, Samples, SessionResult
from resnext_bench.reports.store.files import writing
from resnext_bench.reports.verdicts.pairs import Measured, of_duet
from resnext_bench.session.compare.contest import Tick
from resnext_bench.session.compare.periods import fit_blocks, most_steps
from resnext_bench.session.compare.script import (
    BadSamples,
    Launched,
    Scripted,
    Wanted,
    failed,
    left_words,
    read_samples,
)
from resnext_bench.session.compare.script_turns import (
    FEWEST_TURNS,
    HURRIED,
    NeverCalled,
    NoTurns,
    Plan,
    Turns,
    counted_steps,
    fewest_steps,
    hurry,
    planned,
    take_turns,
)

QUIET_PERCENT: Final = 1.0
"""A side without the token that uses more than this share of the cores gets a note."""


class Unusable(Advised):
    """What a side has written, or how long it ran, is of no use."""

    def __init__(self, name: str, why: str, advice: str) -> None:
        super().__init__(why, advice)
        self.name = name


def module_folder(folder: Path) -> Path:
    """Return the comparison's folder that holds only the module for scripts."""
    made = folder / "module"
    with writing(made):
        made.mkdir(exist_ok=True)
        shutil.copyfile(Path(for_scripts.__file__), made / "resnext_bench.py")
    return made


def with_module(folder: Path) -> dict[str, str]:
    """Return the variable by which a script finds the module, in front of the user's value."""
    own = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([own] if own else [])])}


@dataclass(kw_only=True, slots=True)
class Stepping(Scripted):
    """Two of a user's commands that take turns block by block, if they call `step()`."""

    wanted: Wanted = "auto"
    steps_asked: int = 0
    """Counted steps of a block, where the user sets them."""
    least_steps: int = 0
    """Steps of a block before it was made to hold whole periods; 0 until they are known."""
    most_pairs: int = 0
    """Pairs of blocks of a session, where the user sets them; else as many as there are."""
    plan: Plan | None = None
    """How turns are taken, once it is known that they are."""

    def measure(self, number: int, order: Order, tick: Tick) -> Pair:
        """Let both take turns in one session, or launch each once."""
        self._clear(number)
        if self.wanted == "relaunch":
            return self._in_turn(number, order, tick, {})
        return (self._turned if self.plan else self._first)(number, order, tick)

    def _first(self, number: int, order: Order, tick: Tick) -> Pair:
        """Launch a alone to see what it does; then take turns, or launch b as well."""
        kept: dict[str, Launched] = {}
        try:
            self.plan = self._planned(number, order[0], tick, kept)
        except NoTurns as why:
            if self.wanted == "duet":
                raise UsageError(f"--design duet: {why}") from why
            return self._relaunched(number, order, tick, kept, why)
        try:
            return self._turned(number, order, tick)
        except (NoTurns, SessionFailed) as why:  # one that fails launched alone says so then
            if self.wanted == "duet":
                raise
            self._clear(number)
            return self._relaunched(number, order, tick, {}, why)

    def _relaunched(
        self,
        number: int,
        order: Order,
        tick: Tick,
        kept: dict[str, Launched],
        reason: NoTurns | SessionFailed,
    ) -> Pair:
        """Launch the sides in turn from now on; what is known of the first one stands."""
        self.wanted, self.design, self.plan = "relaunch", "relaunch", None
        if not isinstance(reason, NeverCalled):
            self.told.append(note("launched_in_turn", why=reason.why))
        return self._in_turn(number, order, tick, kept)

    def _planned(self, number: int, name: str, tick: Tick, kept: dict[str, Launched]) -> Plan:
        """Plan turns from a first launch of a side; raise NoTurns if there can be none."""
        session = self._session(number)
        launched = kept[name] = self._launch(number, name, session, partial(tick, 0))
        samples = self._command(name, session).samples
        if not called_step(samples):
            raise NeverCalled
        if has_several_ranks(samples):
            raise NoTurns(
                "it has several ranks, and those without the token would go on computing",
                "use --design relaunch",
            )
        cut, steps = launched.steadiness.cut, read_samples(samples)
        plan = planned(np.array(steps) / 1e6, cut, block_steps=self.steps_asked)
        if plan is None:
            least = fewest_steps(self.steps_asked) + max(0, cut - 10)
            raise NoTurns(
                f"its {len(steps)} steps are too few for turns, which take at least {least}",
                "let it take more steps, or use --design relaunch",
            )
        return replace(plan, most_pairs=self.most_pairs or plan.most_pairs)

    def _turned(self, number: int, order: Order, tick: Tick) -> Pair:
        assert self.plan
        self._clear(number)
        at, session, limit_s = datetime.now(UTC), self._session(number), self._limit_s()
        start = time.monotonic()
        a, b = (self._turning(name, session, start + limit_s) for name in "ab")
        try:
            sides = (a, b) if order == "ab" else (b, a)
            turns = take_turns(sides, self.plan, len(self.machine.gpus), tick)
            steps = {side.name: self._steps(side, turns) for side in (a, b)}
        except (Left, TooLong, Unusable) as bad:
            why = _words(bad, session, limit_s)
            raise failed(number, bad.name, why, session / f"{bad.name}.log") from bad
        except OSError as error:
            why, log = Advised(str(error)), session / f"{order[0]}.log"
            raise failed(number, order[0], why, log) from error
        self._require_unhurried(steps, turns)
        self.design = "duet"
        return self._pair(number, order, at, (a, b), steps, turns, time.monotonic() - start)

    def _turning(self, name: str, session: Path, ends_s: float) -> TurningScript:
        pipes, command = session / f"turns-{name}", self._command(name, session)
        variables = {**command.variables, TURNS_VARIABLE: str(pipes)}
        return TurningScript(name, replace(command, variables=variables), pipes, ends_s)

    def _launch(self, number: int, name: str, session: Path, tick: partial[None]) -> Launched:
        found = Scripted._launch(self, number, name, session, tick)
        return replace(found, step_faults=faults_of_steps(session / f"{name}.samples"))

    def _command(self, name: str, session: Path) -> ScriptCommand:
        command = Scripted._command(self, name, session)
        if self.as_is:
            return command
        variables = {**command.variables, **with_module(module_folder(self.folder))}
        return replace(command, variables=variables)

    def _steps(self, side: TurningScript, turns: Turns) -> list[int]:
        """Return all steps that a side has written, including its blocks."""
        assert self.plan
        if turns.pairs < FEWEST_TURNS:
            raise Unusable(
                side.name,
                f"one side had no more steps after {turns.pairs} pairs of blocks of "
                f"{self.plan.block_steps} steps",
                f"at least {FEWEST_TURNS} are needed",
            )
        try:
            return read_samples(side.script.command.samples)
        except BadSamples as error:
            raise Unusable(side.name, error.why, error.advice) from error

    def _require_unhurried(self, steps: dict[str, list[int]], turns: Turns) -> None:
        """Raise if pauses speed up a script, as those with a loader: blocks do not measure it."""
        assert self.plan
        for name, found in steps.items():
            share = hurry(found, self.plan, turns.pairs)
            if share < HURRIED and self.wanted == "auto" and not self.earlier:
                raise NoTurns(
                    f"steps of {name} in blocks took {100 * (1 - share):.0f} % less than without "
                    "pauses: something, such as a loader, keeps working while its side waits"
                )

    def _pair(
        self,
        number: int,
        order: Order,
        at: datetime,
        sides: tuple[TurningScript, TurningScript],
        steps: dict[str, list[int]],
        turns: Turns,
        lasted_s: float,
    ) -> Pair:
        plan = self.plan
        assert plan
        blocks = {name: counted_steps(found, plan, turns.pairs) for name, found in steps.items()}
        measured = of_duet(as_result(blocks["a"]), as_result(blocks["b"]), plan.block_steps)
        a, b = (
            Launch(
                steps=len(steps[side.name]),
                cut=plan.warm_up,
                lasted_s=round(lasted_s, 3),
                minor_faults=side.script.faults.minor,
                major_faults=side.script.faults.major,
                step_faults=faults_of_steps(side.script.command.samples),
            )
            for side in sides
        )
        pair = Pair(
            number=number,
            order=order,
            started=at.isoformat(timespec="seconds"),
            log_ratio=measured.log_ratio,
            middle_log_ratio=measured.middle_log_ratio,
            blocks_ms=measured.blocks_ms,
            block_steps=plan.block_steps,
            step_ms=measured.step_ms,
            middle_ms=measured.middle_ms,
            slow=measured.slow,
            drift=measured.drift,
            quiet_percent=round(turns.quiet_percent, 3),
            launches=(a, b),
            **in_record(Found(notes=tuple(self._notes_of(steps, turns))), number),
        )
        self.earlier.append(pair)
        self._fit(measured, min(map(len, steps.values())), number)
        return pair

    def _fit(self, measured: Measured, steps: int, number: int) -> None:
        """Make later blocks as long as whole periods of slow steps, if launches are long enough."""
        assert self.plan
        self.least_steps = self.least_steps or self.plan.block_steps
        room = (steps - self.plan.warm_up) // (1 + FEWEST_TURNS) - 1
        most = 0 if self.steps_asked else min(room, most_steps(max(measured.step_ms)))
        fitted = fit_blocks(
            measured.slow,
            now=self.plan.block_steps,
            least=self.least_steps,
            most=most,
            session=number,
        )
        self.plan = replace(self.plan, block_steps=fitted.steps)
        if fitted.note and fitted.note not in self.told:
            self.told.append(fitted.note)

    def _notes_of(self, steps: dict[str, list[int]], turns: Turns) -> Iterator[Note]:
        assert self.plan
        if turns.quiet_percent > QUIET_PERCENT:
            yield note("waiting_side_busy", percent=turns.quiet_percent)
        for side in SIDES:
            share = hurry(steps[side], self.plan, turns.pairs)
            if share < HURRIED:
                yield note("hurried", side, percent=100 * (1 - share))


def called_step(samples: Path) -> bool:
    """Return whether the script that has written these called `step()`."""
    return Path(f"{samples}.by-step").exists()


def has_several_ranks(samples: Path) -> bool:
    """Return whether more than one process called it, or torchrun's variables say so."""
    return Path(f"{samples}.ranks").exists()


def faults_of_steps(samples: Path) -> int | None:
    """Return the page faults between its first call and its end, as `step()` counts them."""
    try:
        return int(Path(f"{samples}.faults").read_text())
    except (OSError, ValueError):
        return None


def as_result(step_ns: NDArray[np.int64]) -> SessionResult:
    """Return steps as one of our own ranks would report them; their parts are unknown."""
    steps = step_ns.tolist()
    columns = {name: steps if name == "step_ns" else [0] * len(steps) for name in COLUMNS}
    samples = Samples(
        rank=0,
        node=0,
        local_rank=0,
        host="",
        pid=0,
        device="",
        window_ns=sum(steps),
        loss=[],
        warm_up_ns=[],
        **columns,
    )
    return SessionResult(samples=(samples,), facts=(), versions={}, device_name="")


def _words(bad: Left | TooLong | Unusable, session: Path, limit_s: float) -> Advised:
    """Describe what went wrong with a side."""
    match bad:
        case Unusable():
            return bad
        case TooLong():
            return Advised(f"it had neither returned the token nor ended after {duration(limit_s)}")
        case Left(code=code) if code:
            return Advised(left_words(code, session / f"{bad.name}.log"))
    if called_step(session / f"{bad.name}.samples"):
        return Advised("it took no more steps before its first block was over", "let it take more")
    return NeverCalled()

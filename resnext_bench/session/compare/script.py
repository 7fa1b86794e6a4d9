"""A user's own script as both sides of a comparison, launched in turn.

The contract: $RESNEXT_BENCH_SAMPLES names a file to which the script appends one step time a line,
in whole ns; of several ranks, that of the slowest. Nothing else is asked of it. One that calls
`resnext_bench.step()` instead, which writes the same, may take turns with the other block by block.
"""

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from resnext_bench.errors import Advised
from resnext_bench.launch.ends import ended_words
from resnext_bench.launch.failure import quoted
from resnext_bench.launch.faults import FaultWatch, faults_per_step
from resnext_bench.launch.script import (
    SAMPLES_VARIABLE,
    RunningScript,
    ScriptCommand,
    end_left_over,
    heap_variables,
)
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.logs import last_words, tail
from resnext_bench.machine.host.others import watch_others
from resnext_bench.machine.host.page_faults import Faults
from resnext_bench.machine.host.sources import here
from resnext_bench.reports.errors import Unwritten
from resnext_bench.reports.render.notes import in_record, sentences
from resnext_bench.reports.render.words import duration
from resnext_bench.reports.schema.comparison import Design, Difference, Launch, Order, Pair, Side
from resnext_bench.reports.schema.notes import Found, Note, note
from resnext_bench.reports.schema.record import Environment, Failure, Status, Thresholds
from resnext_bench.reports.schema.sessions import Session
from resnext_bench.reports.stats.steady import FEWEST_STEPS, Steady, steady
from resnext_bench.reports.store.files import require_room, writing
from resnext_bench.reports.verdicts.pairs import of_steps
from resnext_bench.session.compare.contest import OutOfTime, Tick
from resnext_bench.session.compare.doubts import (
    doubts_of_earlier,
    doubts_of_launch,
    doubts_of_sides,
    notes_of_launch,
)

Wanted = Literal["auto", "duet", "relaunch"]

LEAST_LIMIT_S: Final = 10.0
"""Least time limit of a launch, s, even where less of the budget is left."""
_MOST_DIGITS: Final = 18
"""Most digits of a step in ns: thirty years."""

UNWATCHED: Final = (
    "a script is judged by its own step times alone: GPUs are not watched, and CPU time lost to "
    "other processes is only noted"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One side, and the folder where its script starts."""

    side: Side
    cwd: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Launched:
    """The result of one launch."""

    step_ms: NDArray[np.float64]
    """Steps [n] after the cut."""
    steadiness: Steady
    notes: tuple[Note, ...]
    sum_s: float = 0.0
    """Sum of all steps, including those that were cut."""
    lasted_s: float = 0.0
    """Length of the launch, from its start to its end."""
    invalid: tuple[Note, ...] = ()
    """Reasons why it cannot count."""
    faults: Faults | None = None
    step_faults: int | None = None
    """Page faults of the steps alone, where the script has reported them."""
    faults_per_step: float | None = None
    """Page faults per step, seen from outside while it wrote step times."""


class BadSamples(Advised):
    """The file of samples breaks the contract; the text says where."""


@dataclass(kw_only=True, slots=True)
class Scripted:
    """Two of a user's commands that take turns."""

    folder: Path
    """The comparison's folder, absolute."""
    a: Place
    b: Place
    changes: tuple[Difference, ...]
    machine: Environment
    known: tuple[str, ...]
    """What a reader of the verdict must know, whatever the sessions show."""
    ends_s: float
    """When the time is over, by the monotonic clock."""
    as_is: bool = False
    """Whether the environment is left unchanged."""
    margin_percent: float = 2.0
    told: list[Note] = field(default_factory=list)
    """Notes that the sessions have led to."""
    earlier: list[Pair] = field(default_factory=list)
    """Sessions so far, with which each launch is compared."""
    design: Design = "relaunch"
    images: None = None
    """None: it is not known how many images a script's step has."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the verdict must know."""
        return (*self.known, *sentences(self.told))

    def sides(self) -> tuple[Side, Side]:
        """Return both commands."""
        return self.a.side, self.b.side

    def differences(self) -> tuple[Difference, ...]:
        """Return the differing arguments or revisions."""
        return self.changes

    def environment(self) -> Environment:
        """Return the environment at the start of the comparison."""
        return self.machine

    def measure(self, number: int, order: Order, tick: Tick) -> Pair:
        """Launch each side once."""
        self._clear(number)
        return self._in_turn(number, order, tick, {})

    def _clear(self, number: int) -> None:
        """Make an empty folder for a session, and end what a killed program has left."""
        end_left_over(self.folder)
        session = self._session(number)
        shutil.rmtree(session, ignore_errors=True)
        with writing(session):
            session.mkdir()
        require_room(session)

    def _session(self, number: int) -> Path:
        return self.folder / f"session-{number}"

    def _in_turn(self, number: int, order: Order, tick: Tick, kept: dict[str, Launched]) -> Pair:
        """Launch each side that has not been launched yet, one after the other."""
        at = datetime.now(UTC)
        for done, name in enumerate(order):
            if name not in kept:
                session = self._session(number)
                kept[name] = self._launch(number, name, session, partial(tick, done))
        pair = _pair(number, order, at, kept["a"], kept["b"])
        found = self._found(pair, kept["a"], kept["b"])
        pair = msgspec.structs.replace(pair, **in_record(found, number))
        self.earlier.append(pair)
        return pair

    def _found(self, pair: Pair, a: Launched, b: Launched) -> Found:
        """Return notes on a session, and every reason not to count it."""
        doubts = _of_both(a.invalid, b.invalid)
        if not doubts:
            sums, lasted = (a.sum_s, b.sum_s), (a.lasted_s, b.lasted_s)
            doubts = (
                *doubts_of_sides(pair.step_ms, sums, lasted),
                *doubts_of_earlier(pair.step_ms, self.earlier),
            )
        unsteady = _of_both(_unsteady(a.steadiness), _unsteady(b.steadiness))
        return Found(invalid=doubts, unsteady=unsteady, notes=_of_both(a.notes, b.notes))

    def sessions(self) -> tuple[tuple[Session, ...], tuple[Session, ...]]:
        """Return nothing: a script leaves no runs."""
        return (), ()

    def cut(self, order: Order) -> str:
        """Say how many steps each side has written in the session in progress, and their mean."""
        number = len(self.earlier) + 1
        found = [(name, _written_ms(self._session(number) / f"{name}.samples")) for name in order]
        return ", ".join(
            f"{name} {len(steps)} steps of {np.mean(steps):.4g} ms"
            for name, steps in found
            if steps
        )

    def close(self, status: Status, why: str) -> tuple[str, ...]:
        """Do nothing: there is only the comparison's own record."""
        return ()

    def _launch(self, number: int, name: str, session: Path, tick: partial[None]) -> Launched:
        command = self._command(name, session)
        tick()
        limit_s, start = self._limit_s(), time.monotonic()
        others = watch_others(here().cores)
        try:
            with RunningScript(command) as script:
                watch = FaultWatch(samples=command.samples)
                code = script.wait(limit_s, tick, watch.look)
            lasted_s, others_percent = time.monotonic() - start, others()
            if code is None and number > 1:
                raise OutOfTime(_unfinished(number, name, lasted_s, command.samples))
            _require_well(code, limit_s, command)
            step_ns = read_samples(command.samples)
            found = judged(step_ns, lasted_s, others_percent, self.margin_percent)
            seen = faults_per_step(watch.looks, found.steadiness.cut)
            return replace(found, faults=script.faults, faults_per_step=seen)
        except Unwritten:
            raise
        except (OSError, BadSamples) as error:
            require_room(session)  # a disk that is full leaves a script nothing to say it with
            why = error if isinstance(error, BadSamples) else Advised(str(error))
            raise failed(number, name, why, command.log) from error

    def _limit_s(self) -> float:
        """Return how long a launch may take."""
        return max(LEAST_LIMIT_S, self.ends_s - time.monotonic())

    def _command(self, name: str, session: Path) -> ScriptCommand:
        place = self.a if name == "a" else self.b
        return ScriptCommand(
            argv=place.side.command,
            cwd=place.cwd,
            samples=session / f"{name}.samples",
            log=session / f"{name}.log",
            variables=heap_variables(as_is=self.as_is),
        )


def _unfinished(number: int, name: str, lasted_s: float, samples: Path) -> str:
    """Describe a launch that was cut off by the time limit."""
    steps = _steps_in(samples)
    return (
        f"session {number} does not count: --max-minutes was over when {name} had run for "
        f"{duration(lasted_s)} and written {steps} step time{'s' * (steps != 1)}, and it was "
        "stopped"
    )


def _steps_in(samples: Path) -> int:
    return samples.read_bytes().count(b"\n") if samples.is_file() else 0


def _require_well(code: int | None, limit_s: float, command: ScriptCommand) -> None:
    if code is None:
        steps = _steps_in(command.samples)
        raise BadSamples(
            f"the script had not ended after {duration(limit_s)}, with {steps} step times written, "
            "and was stopped",
            "raise --max-minutes, which limits all launches together",
        )
    if code:
        raise BadSamples(left_words(code, command.log))


def left_words(code: int, log: Path) -> str:
    """Describe how a script ended that did not succeed, with its last words."""
    return f"the script {ended_words(code)}{quoted(last_words(log))}"


def _of_both(a: Iterable[Note], b: Iterable[Note]) -> tuple[Note, ...]:
    return (
        *(msgspec.structs.replace(one, side="a") for one in a),
        *(msgspec.structs.replace(one, side="b") for one in b),
    )


def _unsteady(found: Steady) -> tuple[Note, ...]:
    return () if found.is_steady else (note("unsteady", of=found.cause, why=found.why),)


def failed(number: int, name: str, bad: Advised, log: Path) -> SessionFailed:
    """Return the error of a side's failed launch."""
    whose = f"{name}, session {number}: "
    failure = Failure(
        rank=None, kind="script", what=f"{whose}{bad}", log=str(log), log_tail=tail(log)
    )
    return SessionFailed(failure, why=f"{whose}{bad.why}")


def read_samples(path: Path) -> list[int]:
    """Read step times in ns, as a script has appended them."""
    if path.exists() and not path.is_file():
        raise BadSamples(
            f"the script put something other than a file where ${SAMPLES_VARIABLE} points",
            "step times are expected there, one per line, in ns",
        )
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        raise BadSamples(
            f"the script succeeded but wrote no step times to the file that ${SAMPLES_VARIABLE} "
            "names (one per line, in ns)"
        ) from None
    for number, line in enumerate(lines, 1):
        if not _is_step(line.strip()):
            raise BadSamples(
                f"line {number} of ${SAMPLES_VARIABLE} is {line[:60]!r}",
                "a step time in ns is expected, a whole number above 0",
            )
    if len(lines) < FEWEST_STEPS:
        raise BadSamples(
            f"the script wrote {len(lines)} step times to ${SAMPLES_VARIABLE}",
            f"at least {FEWEST_STEPS} are needed",
        )
    return [int(line) for line in lines]


def _written_ms(path: Path) -> list[float]:
    """Read the whole lines of a file that a launch may still be writing, or never made."""
    try:
        lines = path.read_text(errors="replace").rpartition("\n")[0].split()
    except OSError:
        return []
    return [int(line) / 1e6 for line in lines if _is_step(line)]


def _is_step(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) > 0


def judged(
    step_ns: Sequence[int],
    lasted_s: float,
    others_percent: float = 0.0,
    margin_percent: float = 2.0,
) -> Launched:
    """Return a launch's steady steps, and doubts; `lasted_s` is the length of the launch.

    `others_percent` is other processes' share of the cores: it is only noted, as some of it may
    have been the script's own.
    """
    step_ms = np.array(step_ns, dtype=np.float64) / 1e6
    found = steady(step_ms)
    doubts = notes_of_launch(step_ns, lasted_s, margin_percent)
    loud = others_percent > Thresholds().cores_lost_note_percent
    others = (note("others_busy", percent=others_percent),) if loud else ()
    return Launched(
        step_ms=step_ms[found.cut :],
        steadiness=found,
        notes=(*doubts, *others),
        sum_s=sum(step_ns) / 1e9,
        lasted_s=lasted_s,
        invalid=doubts_of_launch(step_ns, lasted_s),
    )


def launch_of(launched: Launched) -> Launch:
    """Return what the record holds of a launch."""
    cut, faults = launched.steadiness.cut, launched.faults
    return Launch(
        steps=cut + len(launched.step_ms),
        cut=cut,
        lasted_s=round(launched.lasted_s, 3) if launched.lasted_s else None,
        minor_faults=faults.minor if faults else None,
        major_faults=faults.major if faults else None,
        step_faults=launched.step_faults,
        faults_per_step=_faults_per_step(launched),
    )


def _faults_per_step(launched: Launched) -> float | None:
    """Return the page faults that the script has reported, else those that were seen."""
    steps = launched.steadiness.cut + len(launched.step_ms)
    if launched.step_faults is not None and steps:
        return round(launched.step_faults / steps, 1)
    return None if launched.faults_per_step is None else round(launched.faults_per_step, 1)


def _pair(number: int, order: Order, at: datetime, a: Launched, b: Launched) -> Pair:
    measured = of_steps(a.step_ms, b.step_ms)
    return Pair(
        number=number,
        order=order,
        started=at.isoformat(timespec="seconds"),
        log_ratio=measured.log_ratio,
        middle_log_ratio=measured.middle_log_ratio,
        step_ms=measured.step_ms,
        middle_ms=measured.middle_ms,
        slow=measured.slow,
        drift=measured.drift,
        launches=(launch_of(a), launch_of(b)),
    )

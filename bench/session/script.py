"""A user's own script as both sides of a comparison, launched in turn.

The contract: $RESNEXT_BENCH_SAMPLES names a file to which the script appends one step time a line,
in whole ns; of several ranks, that of the slowest. Nothing else is asked of it.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.launch.failure import exit_words, tail
from bench.launch.faults import FaultWatch, faults_per_step
from bench.launch.script import SAMPLES_VARIABLE, ScriptCommand, end_left_over, run_script
from bench.launch.watch import SessionFailed
from bench.machine.findings import here
from bench.machine.others import watch_others
from bench.session.contest import OutOfTime, Tick
from reports.pairs import of_steps
from reports.schema.comparison import Design, Difference, Launch, Order, Pair, Side
from reports.schema.record import Environment, Failure, Session, Status, Thresholds
from reports.stats.steady import FEWEST_STEPS, Steady, steady

LEAST_LIMIT_S: Final = 10.0
"""A launch gets the rest of the budget, and never less than this."""
_MOST_DIGITS: Final = 18
"""Of a step in ns: thirty years."""

UNWATCHED: Final = (
    "a script is judged by its own step times alone: GPUs are not watched, and cores that others "
    "had are noted, no more"
)
TOO_LONG: Final = (
    "the steps add up to more than the launch took: are they ns, one line a step, of one rank?"
)
TOO_SHORT: Final = "the steps add up to {share:.2g} % of what the launch took: are they ns?"
LEAST_SHARE: Final = 0.001
"""Of a launch that its steps must take: less is what ms or us look like."""
UNLIKE: Final = "a step of {longer} takes {times:,.0f} times as long as one of {other}: {question}"
MOST_TIMES: Final = 300.0
"""One side's mean step over the other's, from which on their units are in question."""
COARSE: Final = (
    "all steps have one of {count} values: a clock of this grain tells nothing below {grain:.0f} %"
)
FEW_VALUES: Final = 5
COARSE_PERCENT: Final = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One side, and the folder where its script starts."""

    side: Side
    cwd: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Launched:
    """What one launch came to."""

    step_ms: NDArray[np.float64]
    """Steps [n] after the cut."""
    steadiness: Steady
    notes: tuple[str, ...]
    questions: tuple[str, ...] = ()
    """Why its step times cannot be what they should be."""
    faults: float | None = None
    """Page faults of a step; None where they were not seen."""


class BadSamples(ValueError):
    """The file of samples breaks the contract; the text says where."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scripted:
    """Two commands of a user that take turns."""

    folder: Path
    """Of the comparison, absolute."""
    a: Place
    b: Place
    changes: tuple[Difference, ...]
    machine: Environment
    notes: tuple[str, ...]
    ends_s: float
    """When the budget is over, by the monotonic clock."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What scripts get besides the caller's own: a heap that keeps its memory."""
    design: Design = "relaunch"
    block_steps: int = 0
    images: None = None
    """Nobody knows how many a script's step has."""

    def sides(self) -> tuple[Side, Side]:
        """Both commands."""
        return self.a.side, self.b.side

    def differences(self) -> tuple[Difference, ...]:
        """Arguments or revisions."""
        return self.changes

    def environment(self) -> Environment:
        """As it was when the comparison began."""
        return self.machine

    def measure(self, number: int, order: Order, tick: Tick) -> Pair:
        """Launch each side once."""
        at = datetime.now(UTC)
        end_left_over(self.folder)  # of a program that was killed
        session = self.folder / f"session-{number}"
        shutil.rmtree(session, ignore_errors=True)
        session.mkdir()
        kept = {
            name: self._launch(number, name, session, partial(tick, done))
            for done, name in enumerate(order)
        }
        return _pair(number, order, at, kept["a"], kept["b"])

    def sessions(self) -> tuple[tuple[Session, ...], tuple[Session, ...]]:
        """None: a script leaves no runs."""
        return (), ()

    def close(self, status: Status, why: str) -> tuple[str, ...]:
        """There is nothing beside the comparison's own record."""
        return ()

    def _launch(self, number: int, name: str, session: Path, tick: partial[None]) -> Launched:
        place = self.a if name == "a" else self.b
        command = ScriptCommand(
            argv=place.side.command,
            cwd=place.cwd,
            samples=session / f"{name}.samples",
            log=session / f"{name}.log",
            variables=self.variables,
        )
        tick()
        watch = FaultWatch(samples=command.samples)
        limit_s, start = max(LEAST_LIMIT_S, self.ends_s - time.monotonic()), time.monotonic()
        others = watch_others(here().cores)
        try:
            code = run_script(command, limit_s, tick, watch.look)
            lasted_s, others_percent = time.monotonic() - start, others()
            if code is None and number > 1:
                raise OutOfTime
            _require_well(code, limit_s, command.samples)
            found = judged(read_samples(command.samples), lasted_s, others_percent)
            return replace(found, faults=faults_per_step(watch.looks, found.steadiness.cut))
        except (OSError, BadSamples) as error:
            raise _failed(number, name, str(error), command.log) from error


def _require_well(code: int | None, limit_s: float, samples: Path) -> None:
    if code is None:
        steps = samples.read_bytes().count(b"\n") if samples.exists() else 0
        raise BadSamples(
            f"the script had not ended after {limit_s / 60:.3g} min, with {steps} step times "
            "written, and was ended; --max-minutes bounds all launches together: raise it"
        )
    if code:
        raise BadSamples(f"the script ended with {exit_words(code)}")


def _failed(number: int, name: str, what: str, log: Path) -> SessionFailed:
    what = f"{name}, session {number}: {what}"
    return SessionFailed(Failure(rank=None, what=what, log=str(log), log_tail=tail(log)))


def read_samples(path: Path) -> list[int]:
    """Step times in ns, as a script has appended them."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        raise BadSamples(
            f"the script ended well but wrote no step times to the file that ${SAMPLES_VARIABLE} "
            "names (one a line, in ns)"
        ) from None
    for number, line in enumerate(lines, 1):
        if not _is_step(line.strip()):
            raise BadSamples(
                f"line {number} of ${SAMPLES_VARIABLE} is {line[:60]!r}; a step time in ns is "
                "needed, a whole number above 0"
            )
    if len(lines) < FEWEST_STEPS:
        raise BadSamples(
            f"the script wrote {len(lines)} step times to ${SAMPLES_VARIABLE}; "
            f"{FEWEST_STEPS} at least are needed"
        )
    return [int(line) for line in lines]


def _is_step(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) > 0


def judged(step_ns: Sequence[int], lasted_s: float, others_percent: float = 0.0) -> Launched:
    """A launch's steps once they were steady, and doubts; `lasted_s` is all of the launch.

    `others_percent` is what others had of the cores: a note at most, as some of it may have been
    the script's own.
    """
    step_ms = np.array(step_ns, dtype=np.float64) / 1e6
    found = steady(step_ms)
    share = float(step_ms.sum()) / 1e3 / lasted_s
    doubts = (TOO_LONG,) if share > 1 else ()
    questions = (TOO_SHORT.format(share=100 * share),) if share < LEAST_SHARE else ()
    loud = others_percent > Thresholds().cores_lost_note_percent
    others = (f"others had {others_percent:.0f} % of the cores",) if loud else ()
    return Launched(
        step_ms=step_ms[found.cut :],
        steadiness=found,
        notes=(*doubts, *others, *_grain(step_ms[found.cut :])),
        questions=questions,
    )


def _grain(step_ms: NDArray[np.float64]) -> tuple[str, ...]:
    """A note where the clock behind the step times is too coarse for what is asked of it."""
    values = np.unique(step_ms)
    if not 1 < len(values) <= FEW_VALUES or len(step_ms) < FEWEST_STEPS:
        return ()
    grain = 100 * float(np.diff(values).min()) / float(np.median(step_ms))
    return (COARSE.format(count=len(values), grain=grain),) if grain > COARSE_PERCENT else ()


def _unlike(a: Launched, b: Launched) -> tuple[str, ...]:
    """A question where one side's steps are hundreds of times the other's."""
    a_ms, b_ms = float(a.step_ms.mean()), float(b.step_ms.mean())
    times = max(a_ms / b_ms, b_ms / a_ms)
    if times < MOST_TIMES:
        return ()
    longer, other = ("a", "b") if a_ms > b_ms else ("b", "a")
    told = UNLIKE.format(longer=longer, other=other, times=times, question="are both in ns?")
    return (told,)


def _launch_of(launched: Launched) -> Launch:
    cut = launched.steadiness.cut
    return Launch(
        steps=cut + len(launched.step_ms), cut=cut, faults_per_step=_rounded(launched.faults)
    )


def _rounded(faults: float | None) -> float | None:
    return None if faults is None else round(faults, 1)


def _pair(number: int, order: Order, at: datetime, a: Launched, b: Launched) -> Pair:
    both = (("a", a), ("b", b))
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
        launches=(_launch_of(a), _launch_of(b)),
        unsteady=tuple(
            f"session {number}, {name}: {launched.steadiness.why}"
            for name, launched in both
            if not launched.steadiness.is_steady
        ),
        invalid=(
            *(f"{name}: {text}" for name, launched in both for text in launched.questions),
            *_unlike(a, b),
        ),
        notes=tuple(f"{name}: {note}" for name, launched in both for note in launched.notes),
    )

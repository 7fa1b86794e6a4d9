"""The loop of a comparison: sessions of both sides until there is a verdict or the budget ends."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn, Protocol

import msgspec

from resnext_bench.errors import Interrupted, NotKept, cannot_write, is_of_the_environment
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.host.process import undisturbed
from resnext_bench.reports.figures.notes import by_kind, facts_of
from resnext_bench.reports.render.notes import of_lost_sessions, of_sessions
from resnext_bench.reports.schema.comparison import (
    Comparison,
    Design,
    Difference,
    End,
    Limits,
    Order,
    Pair,
    Side,
)
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.record import Environment, Failure, File, Status, Thresholds
from resnext_bench.reports.schema.sessions import Session
from resnext_bench.reports.stats.looks import Looks, one_look, plan_looks
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.files import describe, write_atomically
from resnext_bench.reports.verdicts.judge import (
    MOST_INVALID,
    Judged,
    counted,
    judge_pairs,
    told_figures,
)
from resnext_bench.version import own_version

STATE: Final = "state.json"
"""File next to the record with all that is needed to resume."""

Tick = Callable[[int], None]
"""Called once or twice a second with the number of finished pairs of blocks."""


class OutOfTime(Exception):
    """The time was over before a session was complete that was not the first."""


class Source(Protocol):
    """Where a comparison's pairs come from."""

    @property
    def design(self) -> Design:
        """How the sides take turns; certain only after the first pair."""

    @property
    def images(self) -> tuple[int, int] | None:
        """Images per step of both sides, where they are known."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the verdict must know."""

    @property
    def told(self) -> Sequence[Note]:
        """The notes that sessions have led to, for resuming."""

    def sides(self) -> tuple[Side, Side]:
        """Return both sides."""

    def differences(self) -> tuple[Difference, ...]:
        """Return what differs between the sides."""

    def environment(self) -> Environment:
        """Return the machine and software of both sides."""

    def measure(self, number: int, order: Order, tick: Tick) -> Pair:
        """Measure one session of both sides."""

    def sessions(self) -> tuple[tuple[Session, ...], tuple[Session, ...]]:
        """Return the sessions of the sides' own runs, for resuming; empty where they have none."""

    def cut(self, order: Order) -> str:
        """Describe what the session in progress has shown so far; empty where that is nothing."""

    def close(self, status: Status, why: str) -> tuple[str, ...]:
        """Write the sides' own records, and return their ids."""


class Display(Protocol):
    """What shows the progress of a comparison."""

    def compared(
        self, sides: tuple[Side, Side], differences: Sequence[Difference], limits: Limits
    ) -> None:
        """Called when both sides are known."""

    def contest(self, number: int, most: int, order: Order, design: Design) -> None:
        """Called when a session of both sides starts."""

    def pairs(self, done: int) -> None:
        """Called with the number of finished pairs of blocks."""

    def so_far(self, pair: Pair, judged: Judged, look: bool, unfinished: str = "") -> None:
        """Called when a session has ended; `look` says whether this was a look at the verdict.

        `unfinished` says what became of a session that was cut off by the time limit after `pair`.
        """


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a comparison after its last complete session."""

    comparison: Comparison
    sessions: tuple[tuple[Session, ...], tuple[Session, ...]]
    elapsed_s: float
    ended: bool = False
    """Whether that session was the last one, after which no more may follow."""
    cut_at: int | None = None
    """Index of the look that became the last one because the time was over."""
    told: tuple[Note, ...] = ()
    """What the source has noted about all sessions together."""


@dataclass(kw_only=True, slots=True)
class Contest:
    """One comparison in progress."""

    source: Source
    limits: Limits
    folder: Path
    command: tuple[str, ...]
    display: Display
    pairs: list[Pair] = field(default_factory=list)
    looks_taken: int = 0
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    elapsed_before_s: float = 0.0
    ended: bool = False
    cut_at: int | None = None
    """Index of the look that became the last one because the time was over."""
    record: Comparison | None = None
    """The record, once the comparison has ended."""
    unfinished: str = ""
    """What became of a session that was cut off by the time limit."""
    unsaved: str = ""
    """Why the state after a session could not be stored."""
    _start: float = field(default_factory=time.monotonic)
    _looks: Looks = field(init=False)

    def __post_init__(self) -> None:
        most = self.limits.max_sessions
        self._looks = one_look(most) if self.limits.fixed else plan_looks(most)
        if self.cut_at is not None:
            self._looks = self._looks.ended_at(self.cut_at, len(counted(self.pairs)))

    def run(self) -> Comparison:
        """Measure until there is a verdict or the budget ends; every end leaves a record.

        A failure of the ranks is reported by the record alone.
        """
        with suppress(SessionFailed), self.recorded():
            while not self.ended:
                self.advance()
        assert self.record
        return self.record

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Write the record at any end of the body."""
        try:
            yield
        except SessionFailed as failed:
            with undisturbed():
                self._close("failed", failed.failure.what, failed.failure)
            raise
        except (KeyboardInterrupt, Interrupted):
            with undisturbed():
                cut = self._cut_session()
                self._close("interrupted", self._where() + cut)
            shown = self.record if self.pairs or cut else None
            raise Interrupted(f"interrupted; {self._what_is_left()}", shown) from None
        except NotKept:  # of another comparison that ends with this one
            with suppress(NotKept):
                self._finish()
            raise
        except Exception as error:
            if is_of_the_environment(error):
                self._cut(error)
            with undisturbed():
                self._close("failed", f"{type(error).__name__}: {error}")
            raise
        else:
            self._finish()

    def _finish(self) -> None:
        """Write the record of a comparison that was completed."""
        judged = self.judged()
        with undisturbed():
            self._close("invalid" if judged.word == "invalid" else "ok", judged.why)

    def _cut(self, error: OSError) -> NoReturn:
        """Write the record of an interrupted comparison, or show it if it cannot be written."""
        with undisturbed():
            self._close("interrupted", cannot_write(error))
        if self.pairs:
            raise NotKept(self.record, error, kept=True) from error
        raise error

    def _where(self) -> str:
        """Say where it was interrupted."""
        done = len(self.pairs)
        return f"interrupted after {done} complete session{'s' * (done != 1)}"

    def _cut_session(self) -> str:
        """Say what the interrupted session had shown; it does not count."""
        number = len(self.pairs) + 1
        cut = self.source.cut(order_of(number))
        return f"; the interrupted session {number}: {cut}" if cut else ""

    def _what_is_left(self) -> str:
        if self.limits.fixed:  # one half of an A/A: the other one would be missing
            return f"the sessions so far are in {self.folder}"
        if not self.pairs:
            return "no session was complete, so there is nothing to resume"
        output = runs.option_for(self.folder.parent)
        return f"resume with: resnext-bench compare --resume {self.folder.name}{output}"

    def advance(self) -> None:
        """Measure one more session, and decide whether it was the last."""
        number = len(self.pairs) + 1
        order = order_of(number)
        most = self.limits.max_sessions + len(self.pairs) - len(counted(self.pairs))
        self.display.contest(number, most, order, self.source.design)
        try:
            self.pairs.append(self.source.measure(number, order, self.display.pairs))
        except OutOfTime as end:  # what was complete before counts
            over = True
            self.unfinished = str(end)
        else:
            over = self._is_over()
        look = self._is_look(over=over)
        self.looks_taken += look
        judged = self.judged()
        self.ended = over or (look and judged.is_final) or judged.word == "invalid"
        self._save_state()
        self.display.so_far(self.pairs[-1], judged, look, self.unfinished)

    def judged(self) -> Judged:
        """Return the verdict at the last look taken; before the first, as at the first."""
        look = max(0, self.looks_taken - 1)
        return judge_pairs(
            self.pairs, self.source.design, self._looks, look, self.limits.margin_percent / 100
        )

    def _is_look(self, *, over: bool) -> bool:
        """Return whether to look at the verdict: as planned, and when the budget is over.

        Time does not depend on what was measured, so the last look may come early.
        """
        done = len(counted(self.pairs))
        if done < 2 or self.looks_taken >= len(self._looks.sessions):
            return False
        if over:
            self.cut_at = self.looks_taken
            self._looks = self._looks.ended_at(self.cut_at, done)
        return over or done >= self._looks.sessions[self.looks_taken]

    def _is_over(self) -> bool:
        return self._are_sessions_used_up() or self._elapsed_s() > 60 * self.limits.max_minutes

    def _are_sessions_used_up(self) -> bool:
        most = self.limits.max_sessions
        attempts = most + max(MOST_INVALID, most // 3)
        return len(counted(self.pairs)) >= most or len(self.pairs) >= attempts

    def _ended_by(self, judged: Judged) -> End:
        """Return what ended it, from what was measured, so that a killed comparison knows it too.

        The last look may find steps that were never steady: then it is the budget that ended it.
        """
        if not self.ended:
            return ""
        if judged.word == "invalid":
            return "invalid"
        told = judged.decision is not None and judged.decision.word != "can't tell"
        told = told and judged.word != "can't tell"  # page faults may forbid what it says
        if told and self.looks_taken and not self.limits.fixed:
            return "told"
        return "sessions" if self._are_sessions_used_up() else "minutes"

    def _elapsed_s(self) -> float:
        return self.elapsed_before_s + time.monotonic() - self._start

    def _save_state(self) -> None:
        state = State(
            comparison=self._record("interrupted", "killed", ()),
            sessions=self.source.sessions(),
            elapsed_s=self._elapsed_s(),
            ended=self.ended,
            cut_at=self.cut_at,
            told=tuple(self.source.told),
        )
        try:
            write_atomically(self.folder / STATE, msgspec.json.encode(state))
        except OSError as error:  # it goes on: only going on later is lost
            self.unsaved = f"{cannot_write(error)}: the comparison could not have been resumed"

    def _close(self, status: Status, why: str, failure: Failure | None = None) -> None:
        children, lost = self._close_sides(status, why)
        record = self._record(status, why, children)
        self.record = msgspec.structs.replace(record, failure=failure, files=self._files())
        try:
            runs.save(self.folder, self.record)
        except OSError as error:
            if not self.pairs and failure is None:  # there is nothing to be shown
                raise
            raise NotKept(self.record, error) from error
        if lost:
            raise NotKept(self.record, lost) from lost

    def _close_sides(self, status: Status, why: str) -> tuple[tuple[str, ...], OSError | None]:
        """Write the sides' own records, as far as possible."""
        try:
            return self.source.close(status, why), None
        except NotKept as lost:
            return (), lost.error
        except OSError as error:
            return (), error

    def _files(self) -> tuple[File, ...]:
        """List what scripts left: step times and logs. Our own runs list their files themselves."""
        kinds = ("session-*/*.samples", "session-*/*.log")
        found = (path for kind in kinds for path in sorted(self.folder.glob(kind)))
        paths = (path for path in found if path.is_file() and path.stat().st_size)
        return tuple(describe(path, self.folder) for path in paths)

    def _record(self, status: Status, why: str, children: tuple[str, ...]) -> Comparison:
        judged = self.judged()
        a, b = self.source.sides()
        return Comparison(
            id=self.folder.name,
            status=status,
            why=why,
            verdict=judged.word if self.pairs and status in ("ok", "invalid") else None,
            tool_version=own_version(),
            created=self.created.isoformat(timespec="seconds"),
            duration_s=round(self._elapsed_s(), 1),
            command=self.command,
            design=self.source.design,
            limits=msgspec.structs.replace(self.limits, looks=self._looks.sessions),
            a=a,
            b=b,
            differences=self.source.differences(),
            environment=self.source.environment(),
            looks_taken=self.looks_taken,
            ended_by=self._ended_by(judged),
            images=self.source.images,
            **told_figures(judged),
            thresholds=self._thresholds(a),
            pairs=tuple(self.pairs),
            notes=self._notes(judged),
            children=children,
        )

    def _thresholds(self, a: Side) -> Thresholds:
        """Return the thresholds of both sides; a's, where they differ."""
        return (
            Thresholds(cores_lost_percent=a.resolved.max_cores_lost) if a.resolved else Thresholds()
        )

    def _notes(self, judged: Judged) -> tuple[str, ...]:
        found = [(pair.number, facts_of(pair)) for pair in self.pairs]
        told = by_kind((number, one) for number, facts in found for one in facts.notes)
        unsteady = by_kind((number, one) for number, facts in found for one in facts.unsteady)
        invalid = by_kind((number, one) for number, facts in found for one in facts.invalid)
        drift = [judged.drift] if judged.drift else []
        of_all = [*of_sessions(told), *of_sessions(unsteady), *of_lost_sessions(invalid)]
        unsaved = [one for one in (self.unfinished, self.unsaved) if one]
        return tuple(dict.fromkeys([*self.source.notes, *drift, *of_all, *unsaved]))


def order_of(number: int) -> Order:
    """Return the order of a session: ABBA, so that odd ones begin with a and even ones with b."""
    return "ab" if number % 2 else "ba"

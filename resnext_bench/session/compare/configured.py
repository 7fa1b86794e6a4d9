"""Two configurations as the sides of a comparison, by duet or by relaunching."""

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from resnext_bench.config.errata import without_effect
from resnext_bench.errors import UsageError
from resnext_bench.launch.ports import choose_port
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.figures.notes import facts_of
from resnext_bench.reports.render.notes import in_record, sentences
from resnext_bench.reports.schema.comparison import Design, Difference, Order, Pair, Side
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.notes import SIDES, Found, Note, note
from resnext_bench.reports.schema.record import Environment, Status
from resnext_bench.reports.schema.sessions import Session, Steadiness
from resnext_bench.reports.stats.steady import FEWEST_STEPS
from resnext_bench.reports.store.differences import word
from resnext_bench.reports.verdicts.pairs import Measured, of_duet, of_launches
from resnext_bench.session.compare.contest import Tick
from resnext_bench.session.compare.periods import fit_blocks, most_steps
from resnext_bench.session.data import record_of
from resnext_bench.session.recording import Recording
from resnext_bench.session.runs.run import measure_session
from resnext_bench.session.turns.blocks import Lengths, in_words
from resnext_bench.session.turns.duet import Played, Score, play
from resnext_bench.session.turns.residents import WORKER
from resnext_bench.session.turns.room import NoRoom

STEPS_UNUSED = "--steps has no effect in a duet; --blocks and --block-steps set how long it lasts"
QUIET_PERCENT = 1.0
"""A side without the token that uses more than this share of its cores gets a note."""


@dataclass(kw_only=True, slots=True)
class Configured:
    """Two runs that take turns; each ends with a record of its own."""

    a: Recording
    b: Recording
    given: tuple[str, str]
    """The sides as the user named them."""
    design: Design
    may_relaunch: bool
    """Whether to relaunch, rather than fail, where memory cannot hold both sides."""
    blocks: int
    """Counted pairs of blocks of a duet session."""
    steps_asked: int = 0
    """Counted steps of a block, where the user sets them."""
    block_steps: int = 0
    """Counted steps of the next block; 0 until the first warm-up has shown how long a step is."""
    more_blocks: bool = False
    """Whether more pairs follow where they scatter."""
    modules: tuple[str, str] = (WORKER, WORKER)
    ends_s: float = math.inf
    """When the time is over, by the monotonic clock."""
    told: list[Note] = field(default_factory=list)
    """Notes on all sessions: why there was no duet, and how long blocks were made."""
    so_far: Lengths = field(default_factory=list)
    """Pairs of blocks of the session in progress."""
    least_steps: int = 0
    """Steps of a block before it was made to hold whole periods; 0 until they are known."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the verdict must know."""
        unused = self.design == "duet" and any(
            "steps" in run.setup.request for run in (self.a, self.b)
        )
        return (
            *sentences(self.told),
            *((STEPS_UNUSED,) if unused else ()),
            *self._of_rules(),
            *self._of_data(),
        )

    def _of_rules(self) -> tuple[str, ...]:
        """Say of a side's file of rules that nothing reads it, where that is so."""
        found = (note for run in (self.a, self.b) for note in without_effect(run.config))
        return tuple(dict.fromkeys(found))

    def _of_data(self) -> tuple[str, ...]:
        """Return how the sides' ambiguous folders were interpreted."""
        a, b = (run.setup.data.notes if run.setup.data else () for run in (self.a, self.b))
        if a == b:
            return a
        return (*(f"a: {note}" for note in a), *(f"b: {note}" for note in b))

    @property
    def images(self) -> tuple[int, int]:
        """Images per step on all ranks; where the sides differ, times are per image."""
        return self.a.config.global_batch_size, self.b.config.global_batch_size

    def sides(self) -> tuple[Side, Side]:
        """Return both configurations, with the runs that hold their sessions."""
        return self._side(self.a, self.given[0]), self._side(self.b, self.given[1])

    def differences(self) -> tuple[Difference, ...]:
        """Return the fields in which the resolved configurations differ."""
        return differing(self.a.config, self.b.config)

    def environment(self) -> Environment:
        """Return the environment of both, which run on the same machine."""
        return self.a.environment()

    def measure(self, number: int, order: Order, tick: Tick) -> Pair:
        """Measure one session of both sides."""
        for run in (self.a, self.b):  # of a session that was cut
            shutil.rmtree(run.session_folder(number).path, ignore_errors=True)
        try:
            with self._side_named(number):
                if self.design == "relaunch":
                    return self._relaunched(number, order, tick)
                return self._duet(number, order, tick)
        except NoRoom as reason:
            if not self.may_relaunch or self.a.sessions:
                raise
            self.design, self.block_steps = "relaunch", 0
            self.told.append(note("relaunched", why=reason.why))
            self.require_launchable()
            return self.measure(number, order, tick)

    @contextmanager
    def _side_named(self, number: int) -> Iterator[None]:
        """Name the side of a failure, which its log shows."""
        try:
            yield
        except SessionFailed as failed:
            found = failed.failure
            for name, run in (("a", self.a), ("b", self.b)):
                if Path(found.log).is_relative_to(run.setup.folder.absolute()):
                    what = f"{name}, session {number}: {found.what}"
                    raise SessionFailed(msgspec.structs.replace(found, what=what)) from failed
            raise

    def require_launchable(self) -> None:
        """Refuse launches with too few steps, as each launch is judged alone."""
        for run, given in zip((self.a, self.b), self.given, strict=True):
            if run.config.steps < FEWEST_STEPS:
                raise UsageError(
                    f"{given or 'a side'}: --steps {run.config.steps} is too few to tell whether a "
                    f"launch was steady; give at least {FEWEST_STEPS}"
                )

    def sessions(self) -> tuple[tuple[Session, ...], tuple[Session, ...]]:
        """Return the sessions of both runs so far."""
        return tuple(self.a.sessions), tuple(self.b.sessions)

    def cut(self, order: Order) -> str:
        """Describe what the session in progress has shown so far: pairs of blocks, or a launch."""
        launches = (f"{name}: {run.cut}" for name, run in (("a", self.a), ("b", self.b)) if run.cut)
        return in_words(self.so_far, b_first=order == "ba") or ", ".join(launches)

    def close(self, status: Status, why: str) -> tuple[str, ...]:
        """Write both runs' records."""
        for run, other, name in ((self.a, self.b, "b"), (self.b, self.a, "a")):
            lost = {
                one.number: f"{name}: {one.invalid[0]}" for one in other.sessions if one.invalid
            }
            run.close(status, why, None, lost)
        return self.a.id, self.b.id

    def _side(self, run: Recording, given: str) -> Side:
        return Side(
            given=given,
            run=run.id,
            requested=run.setup.request,
            resolved=run.config,
            choices=run.setup.resolved.choices,
            data=record_of(run.setup.data).digest if run.setup.data else "",
        )

    def _duet(self, number: int, order: Order, tick: Tick) -> Pair:
        score = Score(
            pairs=self.blocks,
            more=self.more_blocks,
            block_steps=self.block_steps or self.steps_asked,
            check_memory=not self.a.sessions,
            modules=self.modules,
            ends_s=self.ends_s,
        )
        at = datetime.now(UTC)
        self.so_far.clear()
        played = play(self.a.setup, self.b.setup, score, number, order, tick, self.so_far)
        self.so_far.clear()
        self.block_steps = played.block_steps
        measured = self._comparable(of_duet(*played.results, played.block_steps))
        sessions = self._keep(played)
        self._lengthen(measured, number)
        busy = played.quiet_percent
        loud = note("waiting_side_busy", percent=busy)
        return _pair(
            number,
            order,
            at,
            measured,
            sessions,
            block_steps=played.block_steps,
            quiet=busy,
            unsteady=(),
            notes=(loud,) if busy > QUIET_PERCENT else (),
        )

    def _lengthen(self, measured: Measured, number: int) -> None:
        """Make later sessions no shorter than this one, and blocks whole periods long.

        If a session ended as soon as its pairs agree, those with rare slow steps would be longer,
        and those without would be too many.
        """
        if self.more_blocks:
            self.blocks = max(self.blocks, len(measured.blocks_ms))
        self.least_steps = self.least_steps or self.block_steps
        images = 1 if self.images[0] == self.images[1] else max(self.images)
        fitted = fit_blocks(
            measured.slow,
            now=self.block_steps,
            least=self.least_steps,
            most=most_steps(max(measured.step_ms) * images) if not self.steps_asked else 0,
            session=number,
        )
        self.block_steps = fitted.steps
        if fitted.note and fitted.note not in self.told:
            self.told.append(fitted.note)

    def _comparable(self, measured: Measured) -> Measured:
        a, b = self.images
        return measured if a == b else measured.per_image((a, b))

    def _keep(self, played: Played) -> tuple[Session, Session]:
        steadiness = Steadiness(
            cut=played.block_steps,
            judged=True,
            steady=True,
            why="one side of a duet: compared with the other block by block",
        )
        a, b = (
            run.keep(result, steadiness, played.use, started)
            for run, result, started in zip(
                (self.a, self.b), played.results, played.started, strict=True
            )
        )
        return a, b

    def _relaunched(self, number: int, order: Order, tick: Tick) -> Pair:
        at, kept = datetime.now(UTC), {}
        for done, side in enumerate(order):
            tick(done)
            run = self.a if side == "a" else self.b
            kept[side] = measure_session(run, number, choose_port(0), lambda _: None)
        sessions = kept["a"], kept["b"]
        cuts = [session.steadiness.cut for session in sessions]
        measured = self._comparable(
            of_launches(self.a.results[-1], self.b.results[-1], cuts[0], cuts[1])
        )
        unsteady = [
            note("unsteady", side, of=session.steadiness.cause, why=session.steadiness.why)
            for side, session in zip(SIDES, sessions, strict=True)
            if not session.steadiness.steady
        ]
        return _pair(
            number,
            order,
            at,
            measured,
            sessions,
            block_steps=0,
            quiet=None,
            unsteady=tuple(unsteady),
            notes=(),
        )


def _pair(
    number: int,
    order: Order,
    at: datetime,
    measured: Measured,
    sessions: tuple[Session, Session],
    *,
    block_steps: int,
    quiet: float | None,
    unsteady: tuple[Note, ...],
    notes: tuple[Note, ...],
) -> Pair:
    told = found_of(sessions)
    found = Found(invalid=told.invalid, unsteady=unsteady, notes=(*told.notes, *notes))
    return Pair(
        number=number,
        order=order,
        started=at.isoformat(timespec="seconds"),
        log_ratio=measured.log_ratio,
        middle_log_ratio=measured.middle_log_ratio,
        blocks_ms=measured.blocks_ms,
        block_steps=block_steps,
        step_ms=measured.step_ms,
        middle_ms=measured.middle_ms,
        slow=measured.slow,
        phases_ms=measured.phases_ms,
        drift=measured.drift,
        quiet_percent=None if quiet is None else round(quiet, 3),
        **in_record(found, number),
    )


def found_of(sessions: tuple[Session, Session]) -> Found:
    """Return what was found of both sides; what both have is reported once, of the worse side."""
    a, b = map(facts_of, sessions)
    return Found(invalid=_merged(a.invalid, b.invalid), notes=_merged(a.notes, b.notes))


def _merged(a: Sequence[Note], b: Sequence[Note]) -> tuple[Note, ...]:
    alike: dict[tuple[object, ...], list[Note]] = {}
    for side, notes in zip(SIDES, (a, b), strict=True):
        for one in notes:
            of_side = msgspec.structs.replace(one, side=side)
            alike.setdefault(one.but_for_shares, []).append(of_side)
    return tuple(map(_worse, alike.values()))


def _worse(alike: Sequence[Note]) -> Note:
    """Return the worse one, as a note on all sides that have it."""
    sides = {one.side for one in alike}
    worst = max(alike, key=lambda one: one.percent)
    return msgspec.structs.replace(worst, side="ab") if len(sides) > 1 else worst


def differing(a: RunConfig, b: RunConfig) -> tuple[Difference, ...]:
    """Return the fields in which two configurations differ."""
    fields_a, fields_b = msgspec.structs.asdict(a), msgspec.structs.asdict(b)
    return tuple(
        Difference(what=name.replace("_", "-"), a=word(fields_a[name]), b=word(fields_b[name]))
        for name in fields_a
        if fields_a[name] != fields_b[name]
    )

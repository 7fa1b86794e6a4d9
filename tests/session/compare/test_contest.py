"""The loop of a comparison: when it looks, when it ends, and what every end leaves behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnext_bench.errors import CannotHere, Interrupted
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.render.notes import in_record, sentence
from resnext_bench.reports.schema.comparison import (
    Comparison,
    Design,
    Difference,
    Limits,
    Order,
    Pair,
    Side,
)
from resnext_bench.reports.schema.notes import Found, Note, note
from resnext_bench.reports.schema.record import Environment, Failure, Status
from resnext_bench.reports.schema.sessions import Session
from resnext_bench.reports.stats.looks import plan_looks
from resnext_bench.reports.stats.verdict import TOTAL_SHARE
from resnext_bench.reports.store import runs
from resnext_bench.session.compare.contest import STATE, Contest, OutOfTime, State, Tick, order_of
from tests.reports.made_comparisons import SPREAD, judged, made_comparison, made_pair
from tests.reports.made_results import made_session
from tests.session.made_script import Silent

CHILDREN = ("20260301-120001-m-aaaa", "20260301-120001-m-bbbb")
NOT_FINITE = sentence(note("loss_not_finite", "a", rank=0))
UNSURE = [0.1 * one for one in SPREAD] * 8
"""Effects that tell nothing, however long one goes on."""


@dataclass(kw_only=True)
class Made:
    """A source of made-up pairs: one for each effect, invalid where it is named so."""

    effects: Sequence[float]
    invalid: frozenset[int] = frozenset()
    meanwhile: Callable[[int], None] = lambda number: None
    """What happens during a session."""
    design: Design = "duet"
    notes: tuple[str, ...] = ("of the source",)
    told: tuple[Note, ...] = ()
    shows: str = ""
    """What a session that is cut has shown."""
    asked: list[tuple[int, Order]] = field(default_factory=list)
    closed: list[tuple[Status, str]] = field(default_factory=list)

    @property
    def images(self) -> tuple[int, int]:
        return 8, 8

    def sides(self) -> tuple[Side, Side]:
        return Side(given="one"), Side(given="other")

    def differences(self) -> tuple[Difference, ...]:
        return ()

    def environment(self) -> Environment:
        return made_comparison().environment

    def measure(self, number: int, order: Order, tick: Tick) -> Pair:
        self.asked.append((number, order))
        tick(1)
        self.meanwhile(number)
        reasons = (note("loss_not_finite", "a", rank=0),) if number in self.invalid else ()
        found = in_record(Found(invalid=reasons), number)
        return made_pair(number, self.effects[number - 1], **found)

    def cut(self, order: Order) -> str:
        return self.shows

    def sessions(self) -> tuple[tuple[Session, ...], tuple[Session, ...]]:
        done = tuple(made_session(number) for number, _ in self.asked)
        return done, done

    def close(self, status: Status, why: str) -> tuple[str, ...]:
        self.closed.append((status, why))
        return CHILDREN


class Watched(Silent):
    """Notes after every session which one it was, whether it was a look, and the state kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.looks: list[bool] = []
        self.states: list[State] = []

    def so_far(self, pair: object, judged: object, look: bool, unfinished: str = "") -> None:
        self.looks.append(look)
        kept = (self.folder / STATE).read_bytes()
        self.states.append(msgspec.json.decode(kept, type=State))


def contest(root: Path, source: Made, *, fixed: bool = False, most: int = 26) -> Contest:
    folder = runs.create(root, "compare")
    limits = Limits(
        margin_percent=2.0,
        max_sessions=most,
        max_minutes=10.0,
        pairs=10,
        block_steps=0,
        fixed=fixed,
    )
    return Contest(
        source=source, limits=limits, folder=folder, command=("compare",), display=Watched(folder)
    )


def ended(root: Path, source: Made, **how: Any) -> tuple[Comparison, Watched]:
    made = contest(root, source, **how)
    record = made.run()
    assert runs.load(made.folder) == record == made.record
    assert isinstance(made.display, Watched)
    return record, made.display


def around(center: float, spread: float) -> list[float]:
    return [center + spread * one for one in SPREAD] * 4


def test_it_ends_at_the_first_look_that_can_tell(tmp_path: Path) -> None:
    source = Made(effects=around(0.05, 0.005))
    record, seen = ended(tmp_path, source)
    assert (record.status, record.verdict, len(record.pairs)) == ("ok", "slower", 4)
    assert seen.looks == [False, False, False, True], "certain after three, and not yet a look"
    assert record.looks_taken == 1
    assert record.change
    assert record.change.confidence_percent == pytest.approx(
        100 * (1 - TOTAL_SHARE * plan_looks(26).alphas[0])
    )
    assert record.limits.looks == (4, 6, 10, 16, 26)
    assert (record.children, record.sessions_more) == (CHILDREN, None)
    assert source.closed == [("ok", "")]


def test_it_never_looks_more_often_than_planned(tmp_path: Path) -> None:
    record, seen = ended(tmp_path, Made(effects=UNSURE))
    assert (record.status, record.verdict, record.why) == ("ok", "can't tell", "")
    assert [number for number, look in enumerate(seen.looks, 1) if look] == [4, 6, 10, 16, 26]
    assert len(record.pairs) == 26, "the budget of sessions"
    assert record.looks_taken == 5
    assert record.sessions_more


@settings(max_examples=10)
@given(st.lists(st.floats(-0.06, 0.06), min_size=10, max_size=10))
def test_only_looks_end_it(
    tmp_path_factory: pytest.TempPathFactory, effects: Sequence[float]
) -> None:
    looks = plan_looks(10)
    pairs = [made_pair(number, effect) for number, effect in enumerate(effects, 1)]
    final = (
        count
        for look, count in enumerate(looks.sessions)
        if judged(pairs[:count], looks=looks, look=look).is_final
    )
    record, _ = ended(tmp_path_factory.mktemp("contest"), Made(effects=effects), most=10)
    assert len(record.pairs) == next(final, 10)


def test_a_fixed_one_takes_all_its_sessions_and_looks_once(tmp_path: Path) -> None:
    record, seen = ended(tmp_path, Made(effects=around(0.3, 0.001)), fixed=True, most=6)
    assert (record.verdict, len(record.pairs), record.looks_taken) == ("slower", 6, 1)
    assert seen.looks == [False] * 5 + [True]
    assert record.change
    assert record.change.confidence_percent == pytest.approx(99.8)


def timed(root: Path, minutes: Sequence[float], effects: Sequence[float]) -> Comparison:
    """A contest of ten minutes, whose sessions last as long as given."""

    def meanwhile(number: int) -> None:
        made.elapsed_before_s += 60 * minutes[number - 1]

    made = contest(root, Made(effects=effects, meanwhile=meanwhile))
    return made.run()


def test_when_the_time_is_over_it_looks_once_more(tmp_path: Path) -> None:
    record = timed(tmp_path, [4, 4, 4], around(0.3, 0.001))
    assert (record.verdict, len(record.pairs)) == ("slower", 3)
    assert record.looks_taken == 1
    assert record.change
    assert record.change.confidence_percent == pytest.approx(99.8), "all that was unspent"
    assert record.limits.looks == (3,), "as it was, not as planned"
    assert record.duration_s == pytest.approx(720, abs=5)


@pytest.mark.parametrize(
    ("effects", "minutes", "most", "invalid", "ended_by"),
    [
        (around(0.05, 0.005), 1, 26, (), "told"),
        (around(0.05, 0.005), 1, 4, (), "told"),  # its last look could tell
        (around(0.3, 0.001), 4, 26, (), "told"),  # and so could the one as the time was over
        (UNSURE, 0.1, 6, (), "sessions"),
        (UNSURE, 2.5, 4, (), "sessions"),  # both are over with the fourth
        (UNSURE, 0.1, 12, (8, 9, 10, 13, 16), "sessions"),
        (UNSURE, 4, 26, (), "minutes"),
        (UNSURE, 11, 26, (), "minutes"),
        (UNSURE, 1, 26, (1, 2, 3), "invalid"),
    ],
)
def test_what_ended_it_is_recorded(
    tmp_path: Path,
    effects: Sequence[float],
    minutes: float,
    most: int,
    invalid: Sequence[int],
    ended_by: str,
) -> None:
    def meanwhile(number: int) -> None:
        made.elapsed_before_s += 60 * minutes

    source = Made(effects=effects, invalid=frozenset(invalid), meanwhile=meanwhile)
    made = contest(tmp_path, source, most=most)
    assert made.run().ended_by == ended_by


def test_a_fixed_one_is_ended_by_its_sessions(tmp_path: Path) -> None:
    """It would have told earlier, and was not asked."""
    record, _ = ended(tmp_path, Made(effects=around(0.3, 0.001)), fixed=True, most=6)
    assert record.ended_by == "sessions"


def test_looks_already_taken_stay_paid_when_the_time_is_over(tmp_path: Path) -> None:
    record = timed(tmp_path, [1, 1, 1, 1, 9], UNSURE)
    assert (record.verdict, len(record.pairs), record.looks_taken) == ("can't tell", 5, 2)
    assert record.change
    spent = plan_looks(26).alphas[0]
    assert record.change.confidence_percent == pytest.approx(
        100 * (1 - TOTAL_SHARE * (0.01 - spent))
    )


def test_a_session_that_the_time_cut_is_left_out(tmp_path: Path) -> None:
    """What was complete before it counts, and is looked at once more."""

    def meanwhile(number: int) -> None:
        if number == 4:
            raise OutOfTime("session 4 does not count: a had not ended")

    record, _ = ended(tmp_path, Made(effects=around(0.3, 0.001), meanwhile=meanwhile), most=26)
    assert (record.status, record.verdict, len(record.pairs)) == ("ok", "slower", 3)
    assert record.looks_taken == 1
    assert "session 4 does not count: a had not ended" in record.notes


def test_one_session_is_nothing_to_look_at(tmp_path: Path) -> None:
    record = timed(tmp_path, [11], UNSURE)
    assert (record.status, record.verdict, record.looks_taken) == ("ok", "can't tell", 0)
    assert (len(record.pairs), record.change) == (1, None)


def test_invalid_sessions_do_not_count_and_are_recorded(tmp_path: Path) -> None:
    record, seen = ended(tmp_path, Made(effects=around(0.05, 0.005), invalid=frozenset({2})))
    assert (record.verdict, len(record.pairs)) == ("slower", 5)
    assert seen.looks == [False, False, False, False, True]
    assert record.pairs[1].invalid
    assert record.notes == ("of the source", f"session 2 does not count: {NOT_FINITE}")


def test_an_invalid_session_after_a_look_is_no_other_look(tmp_path: Path) -> None:
    _, seen = ended(tmp_path, Made(effects=UNSURE, invalid=frozenset({5})), most=6)
    assert [number for number, look in enumerate(seen.looks, 1) if look] == [4, 7]


def test_many_invalid_sessions_end_it(tmp_path: Path) -> None:
    source = Made(effects=UNSURE, invalid=frozenset({1, 2, 3}))
    record, _ = ended(tmp_path, source)
    assert (record.status, record.verdict, len(record.pairs)) == ("invalid", "invalid", 3)
    assert record.why == f"3 of 3 sessions do not count; the first one: {NOT_FINITE}"
    assert source.closed == [("invalid", record.why)]


def test_attempts_have_an_end_too(tmp_path: Path) -> None:
    """Below a third of invalid sessions at any time, yet a third more than were planned."""
    record, seen = ended(
        tmp_path, Made(effects=UNSURE, invalid=frozenset({8, 9, 10, 13, 16})), most=12
    )
    assert (record.verdict, len(record.pairs)) == ("can't tell", 16)
    assert record.limits.looks == (4, 7, 11), "eleven sessions counted"
    assert [number for number, look in enumerate(seen.looks, 1) if look] == [4, 7, 16]


def test_sessions_take_turns_in_being_first(tmp_path: Path) -> None:
    source = Made(effects=UNSURE)
    ended(tmp_path, source, most=5)
    assert source.asked == [(1, "ab"), (2, "ba"), (3, "ab"), (4, "ba"), (5, "ab")]
    assert [order_of(number) for number in (1, 2, 3, 4)] == ["ab", "ba", "ab", "ba"]


def test_the_state_is_kept_after_every_session(tmp_path: Path) -> None:
    record, seen = ended(tmp_path, Made(effects=UNSURE), most=6)
    assert [len(state.comparison.pairs) for state in seen.states] == [1, 2, 3, 4, 5, 6]
    assert [state.comparison.looks_taken for state in seen.states] == [0, 0, 0, 1, 1, 2]
    last = seen.states[-1]
    assert (last.comparison.status, last.comparison.verdict) == ("interrupted", None)
    assert last.comparison.pairs == record.pairs
    assert [len(side) for side in last.sessions] == [6, 6]
    assert 0 <= last.elapsed_s < 60


@pytest.mark.parametrize("design", ["duet", "relaunch"])
def test_a_state_can_be_read_after_two_sessions(tmp_path: Path, design: Design) -> None:
    """Two launches have an infinite interval, which JSON does not know."""
    record, seen = ended(tmp_path, Made(effects=UNSURE, design=design), most=2)
    assert len(seen.states) == len(record.pairs) == 2


def failing(error: BaseException, at: int) -> Callable[[int], None]:
    def meanwhile(number: int) -> None:
        if number == at:
            raise error

    return meanwhile


FAILURE = Failure(rank=1, what="rank 1: killed by SIGKILL", log="rank-1.log", log_tail=("gone",))


def test_a_failure_of_the_ranks_is_told_by_the_record(tmp_path: Path) -> None:
    source = Made(effects=UNSURE, meanwhile=failing(SessionFailed(FAILURE), 3))
    record, _ = ended(tmp_path, source)
    assert (record.status, record.why, record.verdict) == ("failed", FAILURE.what, None)
    assert record.failure == FAILURE
    assert (len(record.pairs), record.ended_by) == (2, "")
    assert record.change is not None, "what the complete sessions say"
    assert source.closed == [("failed", FAILURE.what)]


@pytest.mark.parametrize("end", [KeyboardInterrupt(), Interrupted("SIGTERM")])
def test_an_interruption_says_how_to_go_on(tmp_path: Path, end: BaseException) -> None:
    source = Made(effects=UNSURE, meanwhile=failing(end, 3))
    made = contest(tmp_path, source)
    with pytest.raises(Interrupted) as raised:
        made.run()
    assert f"resnext-bench compare --resume {made.folder.name}" in str(raised.value)
    record = runs.load(made.folder)
    assert isinstance(record, Comparison)
    assert (record.status, record.verdict, len(record.pairs)) == ("interrupted", None, 2)
    assert record.why == "interrupted after 2 complete sessions"
    assert raised.value.record == record, "what there is by then is shown"
    assert source.closed == [("interrupted", record.why)]


@pytest.mark.parametrize("shows", ["", "b +3.0 % over 9 pairs of blocks"])
def test_what_a_first_session_had_shown_is_told(tmp_path: Path, shows: str) -> None:
    made = contest(
        tmp_path, Made(effects=UNSURE, shows=shows, meanwhile=failing(KeyboardInterrupt(), 1))
    )
    with pytest.raises(Interrupted, match="nothing to resume") as raised:
        made.run()
    record = runs.load(made.folder)
    assert isinstance(record, Comparison)
    cut = f"; the interrupted session 1: {shows}" if shows else ""
    assert record.why == f"interrupted after 0 complete sessions{cut}"
    assert (raised.value.record is None) == (not shows), "an empty table tells nothing"


@pytest.mark.parametrize("error", [CannotHere("no port left"), ZeroDivisionError("by us")])
def test_any_other_error_leaves_a_record_and_is_told(tmp_path: Path, error: Exception) -> None:
    made = contest(tmp_path, Made(effects=UNSURE, meanwhile=failing(error, 1)))
    with pytest.raises(type(error)):
        made.run()
    record = runs.load(made.folder)
    assert isinstance(record, Comparison)
    assert (record.status, record.pairs, record.change) == ("failed", (), None)
    assert record.why == f"{type(error).__name__}: {error}"


def test_being_killed_leaves_the_state_alone(tmp_path: Path) -> None:
    """Nothing of ours runs then: no record, and the last complete session in the state."""
    made = contest(tmp_path, Made(effects=UNSURE, meanwhile=failing(SystemExit(), 3)))
    with pytest.raises(SystemExit):
        made.run()
    assert [path.name for path in made.folder.iterdir()] == [STATE]


def test_whoever_advances_by_hand_gets_a_record_too(tmp_path: Path) -> None:
    made = contest(tmp_path, Made(effects=around(0.0, 0.001)), fixed=True, most=3)
    with made.recorded():
        for _ in range(3):
            assert not made.ended
            made.advance()
        assert made.ended
        assert made.record is None
    assert made.record
    assert (made.record.status, made.record.verdict) == ("ok", "same")
    assert runs.load(made.folder) == made.record


def test_it_goes_on_where_it_stood(tmp_path: Path) -> None:
    """Looks that were taken are not taken again, and time that was used is used."""
    whole, _ = ended(tmp_path, Made(effects=UNSURE), most=10)
    made = contest(tmp_path, Made(effects=UNSURE), most=10)
    made.pairs, made.looks_taken, made.elapsed_before_s = list(whole.pairs[:5]), 1, 120.0
    record = made.run()
    assert record.pairs == whole.pairs
    assert (record.change, record.looks_taken) == (whole.change, whole.looks_taken)
    assert 120 <= record.duration_s < 130


@pytest.mark.parametrize("late", [False, True], ids=["all looks", "time over"])
def test_killed_after_its_last_look_it_takes_no_other(tmp_path: Path, late: bool) -> None:
    """Another session would lead to a look that nobody has paid for."""
    made = contest(tmp_path, Made(effects=UNSURE), most=10)
    made.elapsed_before_s = 3600.0 if late else 0.0
    record = made.run()
    assert isinstance(made.display, Watched)
    state = made.display.states[-1]
    source = Made(effects=UNSURE)
    again = Contest(
        source=source,
        limits=state.comparison.limits,
        folder=made.folder,
        command=("compare",),
        display=Watched(made.folder),
        pairs=list(state.comparison.pairs),
        looks_taken=state.comparison.looks_taken,
        ended=state.ended,
        cut_at=state.cut_at,
    ).run()
    assert source.asked == []
    assert (again.verdict, again.change, again.looks_taken, again.ended_by) == (
        record.verdict,
        record.change,
        record.looks_taken,
        "minutes" if late else "sessions",
    )

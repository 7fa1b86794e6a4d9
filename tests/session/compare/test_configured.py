"""Two configurations as sides: duet or relaunch, and what a session of them comes to."""

from dataclasses import replace
from math import log
from pathlib import Path

import msgspec
import pytest

from resnext_bench.config.resolve import DataFacts
from resnext_bench.job import ImageList
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.schema.comparison import Difference, Order
from resnext_bench.reports.schema.notes import Found, Note, note
from resnext_bench.reports.schema.record import Failure, Record, Status
from resnext_bench.reports.schema.sessions import Session, Steadiness
from resnext_bench.reports.store import runs
from resnext_bench.session.compare import periods
from resnext_bench.session.compare.configured import QUIET_PERCENT, differing, found_of, word
from resnext_bench.session.data import Data
from resnext_bench.session.turns.room import NoRoom
from tests.reports.made_results import made_config, made_session
from tests.session import made_duets
from tests.session.made_duets import Stage, made_configured, made_recording, set_stage

NO_ROOM = NoRoom(
    ("memory cannot hold both sides: the second one needs about 5.0 GiB"), "use --design relaunch"
)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return set_stage(monkeypatch)


def no_room(number: int) -> None:
    raise NO_ROOM


def silent(done: int) -> None:
    pass


def test_a_session_of_a_duet(tmp_path: Path, stage: Stage) -> None:
    source = made_configured(tmp_path)
    pair = source.measure(1, "ab", silent)
    assert (pair.number, pair.order, pair.quiet_percent) == (1, "ab", 0.5)
    assert pair.log_ratio == pytest.approx(log(2))
    assert (pair.step_ms, len(pair.blocks_ms)) == ((10, 20), 5)
    assert (pair.invalid, pair.unsteady, pair.notes) == ((), (), ())
    a, b = source.sessions()
    # The first of six blocks of four steps is not counted.
    assert [session.figures.steps for session in (*a, *b)] == [20, 20]
    assert "one side of a duet" in a[0].steadiness.why


def test_the_first_session_settles_block_length_and_memory(tmp_path: Path, stage: Stage) -> None:
    source = made_configured(tmp_path)
    for number, order in ((1, "ab"), (2, "ba")):
        source.measure(number, order, silent)
    first, second = stage.played
    assert (first[0], first[1], second[0], second[1]) == (1, "ab", 2, "ba")
    assert (first[2].block_steps, second[2].block_steps) == (0, 4)
    assert (first[2].check_memory, second[2].check_memory) == (True, False)
    assert source.block_steps == 4


def test_blocks_are_made_as_long_as_whole_periods(tmp_path: Path, stage: Stage) -> None:
    """Every 3rd step is slow, and blocks of four hold no whole periods: six do."""
    stage.slow_every = 3
    source = made_configured(tmp_path)
    first = source.measure(1, "ab", silent)
    assert first.slow[1]
    assert first.slow[1].every == 3
    source.measure(2, "ba", silent)
    assert [score.block_steps for _, _, score in stage.played] == [0, 6]
    assert source.told == [note("blocks_fitted", periods=(3,), steps=6, session=2)]


def test_a_length_of_blocks_that_was_asked_for_stays(tmp_path: Path, stage: Stage) -> None:
    stage.slow_every = 3
    source = made_configured(tmp_path, steps_asked=5)
    for number in (1, 2):
        source.measure(number, "ab", silent)
    assert [score.block_steps for _, _, score in stage.played] == [5, 5]
    assert source.told == [note("blocks_unfit", periods=(6,), steps=5, wanted=6)]


def test_blocks_do_not_become_too_long(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six steps of b, 20 or 60 ms each, last about a fifth of a second."""
    monkeypatch.setattr(periods, "LONGEST_BLOCK_S", 0.1)
    stage.slow_every = 3
    source = made_configured(tmp_path)
    source.measure(1, "ab", silent)
    assert source.block_steps == 4
    assert source.told == [note("blocks_unfit", periods=(3,), steps=4, wanted=6)]


def test_no_session_is_shorter_than_those_before(tmp_path: Path, stage: Stage) -> None:
    source = made_configured(tmp_path, more_blocks=True)
    stage.more_pairs = 4
    source.measure(1, "ab", silent)
    stage.more_pairs = 0
    source.measure(2, "ba", silent)
    assert [score.pairs for _, _, score in stage.played] == [5, 9]


@pytest.mark.parametrize(("percent", "noted"), [(QUIET_PERCENT, False), (1.6, True)])
def test_a_loud_waiting_side_is_noted(
    tmp_path: Path, stage: Stage, percent: float, noted: bool
) -> None:
    stage.quiet = percent
    pair = made_configured(tmp_path).measure(3, "ab", silent)
    assert pair.quiet_percent == percent
    assert pair.facts
    assert pair.facts.notes == ((note("waiting_side_busy", percent=1.6),) if noted else ())


@pytest.mark.parametrize(("order", "words"), [("ab", "b +150.0 %"), ("ba", "b -60.0 %")])
def test_what_a_cut_session_has_shown(
    tmp_path: Path, stage: Stage, order: Order, words: str
) -> None:
    """The first pair of blocks does not count."""

    def interrupt(number: int) -> None:
        raise KeyboardInterrupt

    source = made_configured(tmp_path)
    assert source.cut(order) == ""
    stage.meanwhile = interrupt
    with pytest.raises(KeyboardInterrupt):
        source.measure(1, order, silent)
    assert source.cut(order) == f"{words} over 2 pairs of blocks"
    stage.meanwhile = lambda number: None
    source.measure(1, order, silent)
    assert source.cut(order) == ""


def test_without_room_for_both_it_relaunches_and_says_so(tmp_path: Path, stage: Stage) -> None:
    stage.meanwhile = lambda number: no_room(number) if not stage.launched else None
    source = made_configured(tmp_path, steps_asked=7)
    pairs = [source.measure(number, order, silent) for number, order in ((1, "ab"), (2, "ba"))]
    assert (source.design, source.block_steps) == ("relaunch", 0)
    why = "memory cannot hold both sides: the second one needs about 5.0 GiB"
    assert source.told == [note("relaunched", why=why)]
    assert stage.launched == [(1, "a"), (1, "b"), (2, "b"), (2, "a")]
    assert len(stage.played) == 1, "tried once"
    assert [pair.log_ratio for pair in pairs] == pytest.approx([log(2), log(2)])
    assert [(pair.blocks_ms, pair.quiet_percent) for pair in pairs] == [((), None)] * 2


def test_a_larger_batch_is_compared_by_the_time_per_image(tmp_path: Path, stage: Stage) -> None:
    """b takes 20 ms for 4 images where a takes 10 for 2."""
    source = made_configured(tmp_path, b=made_recording(tmp_path, batch_size=4))
    assert source.images == (2, 4)
    pair = source.measure(1, "ab", silent)
    assert pair.log_ratio == pytest.approx(0)
    assert pair.step_ms == (5, 5)


def test_the_record_holds_what_ranks_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "LD_PRELOAD"):
        monkeypatch.delenv(name, raising=False)
    found = made_configured(tmp_path).environment()
    assert found.of_ranks["MALLOC_MMAP_MAX_"] == "0"
    assert found.of_ranks["OMP_NUM_THREADS"] == "2"
    assert not {"PYTHONSAFEPATH", "MALLOC_MMAP_MAX_"} & found.variables.keys()


@pytest.mark.parametrize("side", ["a", "b"])
def test_whose_failure_it_is(tmp_path: Path, stage: Stage, side: str) -> None:
    source = made_configured(tmp_path)
    folder = (source.a if side == "a" else source.b).setup.folder

    def fail(number: int) -> None:
        log = str(folder.absolute() / "session-3" / "logs" / "rank-0.log")
        raise SessionFailed(Failure(rank=0, what="rank 0: gone", log=log, log_tail=()))

    stage.meanwhile = fail
    with pytest.raises(SessionFailed) as failed:
        source.measure(3, "ab", silent)
    assert failed.value.failure.what == f"{side}, session 3: rank 0: gone"


def test_who_asks_for_a_duet_gets_one_or_an_error(tmp_path: Path, stage: Stage) -> None:
    stage.meanwhile = no_room
    source = made_configured(tmp_path, may_relaunch=False)
    with pytest.raises(NoRoom):
        source.measure(1, "ab", silent)
    assert (source.design, source.notes, stage.launched) == ("duet", (), [])


def test_the_design_does_not_change_after_the_first_session(tmp_path: Path, stage: Stage) -> None:
    source = made_configured(tmp_path)
    source.measure(1, "ab", silent)
    stage.meanwhile = no_room
    with pytest.raises(NoRoom):
        source.measure(2, "ba", silent)
    assert source.design == "duet"


def test_launches_that_did_not_settle_are_named(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made_configured(tmp_path, design="relaunch")
    never = Steadiness(cut=0, judged=True, steady=False, why="never steady: of course")
    monkeypatch.setattr(made_duets, "steadiness_of", lambda result: never)
    pair = source.measure(1, "ab", silent)
    assert pair.unsteady == (
        "session 1, a: never steady: of course",
        "session 1, b: never steady: of course",
    )


def test_launches_tell_how_far_they_are(tmp_path: Path, stage: Stage) -> None:
    told: list[int] = []
    made_configured(tmp_path, design="relaunch").measure(1, "ba", told.append)
    assert told == [0, 1]


def test_what_a_cut_session_left_is_removed(tmp_path: Path, stage: Stage) -> None:
    source = made_configured(tmp_path)
    left = source.b.session_folder(1).path / "ranks" / "rank-0.bin"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    source.measure(1, "ab", silent)
    assert not left.exists()


def test_sides_name_their_runs_and_what_differs(tmp_path: Path) -> None:
    source = made_configured(tmp_path)
    a, b = source.sides()
    assert (a.given, b.given) == ("", "--no-channels-last")
    assert (a.run, b.run) == (source.a.id, source.b.id)
    assert (a.resolved, b.resolved) == (source.a.config, source.b.config)
    assert b.requested is not None
    assert b.requested["channels_last"] is False
    assert source.differences() == (Difference(what="channels-last", a="on", b="off"),)


@pytest.mark.parametrize(
    ("b", "told"),
    [
        (("train is taken",), ("train is taken",)),
        (("val is taken",), ("a: train is taken", "b: val is taken")),
        ((), ("a: train is taken",)),
    ],
)
def test_what_folders_were_taken_to_mean_is_said(
    tmp_path: Path, b: tuple[str, ...], told: tuple[str, ...]
) -> None:
    source = made_configured(tmp_path)
    for run, notes in ((source.a, ("train is taken",)), (source.b, b)):
        facts = DataFacts(root="/set", classes=8, made=False)
        data = Data(facts=facts, images=ImageList(files=[], labels=[]), notes=notes)
        run.setup = replace(run.setup, data=data)
    assert source.notes == told


def test_both_runs_end_with_a_record(tmp_path: Path, stage: Stage) -> None:
    source = made_configured(tmp_path)
    source.measure(1, "ab", silent)
    children = source.close("interrupted", "stopped")
    records = [runs.load_run(tmp_path / child) for child in children]
    assert [record.id for record in records] == [source.a.id, source.b.id]
    assert [(record.status, len(record.sessions)) for record in records] == [("interrupted", 1)] * 2


def closed_with(
    tmp_path: Path, *invalid: tuple[str, int], status: Status = "ok"
) -> tuple[Record, Record]:
    """Close both runs of two sessions, of which those named (side, number) are invalid."""
    source = made_configured(tmp_path)
    for number, order in ((1, "ab"), (2, "ba")):
        source.measure(number, order, silent)
    for name, run in zip("ab", (source.a, source.b), strict=True):
        for at, one in enumerate(run.sessions):
            rate = 10.0 * (at + 1)
            figures = msgspec.structs.replace(one.figures, images_per_s=rate)
            lost = ("60 % of the cores were lost",) if (name, one.number) in invalid else ()
            run.sessions[at] = msgspec.structs.replace(one, figures=figures, invalid=lost)
    source.close(status, "")
    a, b = (runs.load_run(run.setup.folder) for run in (source.a, source.b))
    return a, b


def test_sessions_that_the_comparison_threw_away_do_not_count_in_its_runs(
    tmp_path: Path, stage: Stage
) -> None:
    a, b = closed_with(tmp_path, ("a", 1))
    for record in (a, b):
        assert (record.status, record.left_out, len(record.sessions)) == ("ok", (1,), 2)
        assert record.figures
        assert record.figures.steps == record.sessions[1].figures.steps
        assert record.interval is None, "one session is left"
        assert [one.number for one in record.counted] == [2]
    reason = "60 % of the cores were lost"
    assert a.notes[0] == f"session 1 does not count in the figures: {reason}"
    assert b.notes[0] == f"session 1 does not count in the figures: a: {reason}"


def test_without_invalid_sessions_all_count(tmp_path: Path, stage: Stage) -> None:
    for record in closed_with(tmp_path):
        assert (record.status, record.left_out) == ("ok", ())
        assert record.figures
        assert record.figures.steps == sum(one.figures.steps for one in record.sessions)
        assert record.interval
        assert record.interval.sessions == 2


def test_a_side_whose_sessions_are_all_invalid_is_invalid(tmp_path: Path, stage: Stage) -> None:
    a, b = closed_with(tmp_path, ("a", 1), ("b", 2))
    assert (a.status, b.status) == ("invalid", "invalid")
    assert a.why == "60 % of the cores were lost; b: 60 % of the cores were lost"
    assert a.left_out == ()


def test_an_invalid_run_shows_all_its_sessions(tmp_path: Path, stage: Stage) -> None:
    a, _ = closed_with(tmp_path, ("a", 1), status="invalid")
    assert (a.status, a.left_out) == ("invalid", ())
    assert a.figures
    assert a.figures.steps == sum(one.figures.steps for one in a.sessions)


def test_nothing_differs_from_itself() -> None:
    one = made_config()
    assert differing(one, made_config()) == ()
    (seed,) = differing(one, made_config(seed=3))
    assert seed == Difference(what="seed", a="0", b="3")


@pytest.mark.parametrize(
    ("value", "text"), [(True, "on"), (False, "off"), (None, "none"), (0.1, "0.1"), ("x", "x")]
)
def test_fields_in_words(value: object, text: str) -> None:
    assert word(value) == text


def test_what_both_sides_lost_is_told_of_the_worse_one() -> None:
    def session(*invalid: Note) -> Session:
        return made_session(1, facts=Found(invalid=invalid))

    def lost(percent: float) -> Note:
        return note("cores_lost", percent=percent, others=percent, steal=0.0, limit=25.0)

    infinite = [note("loss_not_finite", rank=rank) for rank in range(4)]
    a = session(lost(26.0), infinite[0], infinite[3])
    b = session(lost(45.0), infinite[1])
    assert found_of((a, b)).invalid == (
        msgspec.structs.replace(lost(45.0), side="ab"),
        msgspec.structs.replace(infinite[0], side="a"),
        msgspec.structs.replace(infinite[3], side="a"),
        msgspec.structs.replace(infinite[1], side="b"),
    )


def test_who_had_the_cores_does_not_make_two_reasons() -> None:
    """It is worded differently where the hypervisor had a part."""
    shares = {"percent": 30.0, "others": 20.0, "steal": 10.0}
    a = made_session(1, facts=Found(notes=(note("cores_lost", **shares),)))
    b = made_session(1, facts=Found(notes=(note("cores_lost", **shares | {"steal": 0.0}),)))
    (one,) = found_of((a, b)).notes
    assert (one.kind, one.side) == ("cores_lost", "ab")

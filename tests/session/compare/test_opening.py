"""Going on with a comparison of configurations: what is kept, and what cannot be gone on with."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.errors import BenchError, CannotHere, Interrupted, UsageError
from resnext_bench.reports.render.notes import WORDS, sentence
from resnext_bench.reports.schema.comparison import Comparison, Limits
from resnext_bench.reports.schema.notes import note
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.files import write_atomically
from resnext_bench.session.compare import opening
from resnext_bench.session.compare.contest import STATE, State
from resnext_bench.session.compare.opening import Asked, read_state, resume
from resnext_bench.session.turns.room import NoRoom
from tests.reports.made_results import made_board
from tests.session import made_duets
from tests.session.made_duets import LAPTOP, SMALL, Stage, set_stage
from tests.session.made_script import Silent

NO_ROOM = NoRoom(
    ("memory cannot hold both sides: the second one needs about 5.0 GiB"), "use --design relaunch"
)


@pytest.fixture(autouse=True)
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """No process is started, and no machine is held for it."""
    monkeypatch.setattr(opening, "measuring", lambda what: nullcontext(True))
    return set_stage(monkeypatch)


def asked(root: Path, **changes: Any) -> Asked:
    limits = Limits(margin_percent=2, max_sessions=4, max_minutes=5, pairs=5, block_steps=0)
    fields: dict[str, Any] = {
        "a": SMALL,
        "b": SMALL | {"channels_last": False},
        "given": ("", "--no-channels-last"),
        "design": "auto",
        "limits": limits,
        "root": root,
        "command": ("compare", "--a", ""),
    }
    return Asked(**(fields | changes))


def stop_in(number: int, *, first: Exception | None = None) -> Callable[[int], None]:
    """Ctrl-C in a session; and an error before it, once."""
    errors = [first] if first else []

    def meanwhile(now: int) -> None:
        if errors:
            raise errors.pop()
        if now == number:
            raise KeyboardInterrupt

    return meanwhile


def interrupted(root: Path, stage: Stage, **changes: Any) -> Path:
    """A comparison with two complete sessions of the four that it wants; returns its folder."""
    stage.meanwhile = stop_in(3, first=changes.pop("first", None))
    with pytest.raises(Interrupted, match="--resume"):
        opening.compare(asked(root, **changes), LAPTOP, Silent())
    stage.meanwhile = lambda number: None
    (folder,) = root.iterdir()
    return folder


def rewritten(folder: Path, change: Callable[[State], State]) -> None:
    state = change(read_state(folder))
    write_atomically(folder / STATE, msgspec.json.encode(state))


def test_a_comparison_in_one_go(tmp_path: Path, stage: Stage) -> None:
    record = opening.compare(asked(tmp_path), LAPTOP, Silent())
    assert (record.status, record.verdict, record.design) == ("ok", "slower", "duet")
    assert [(pair.number, pair.order) for pair in record.pairs] == [
        (1, "ab"),
        (2, "ba"),
        (3, "ab"),
        (4, "ba"),
    ]
    assert (record.pairs[0].block_steps, record.looks_taken) == (4, 1)
    for child in record.children:
        run = runs.load_run(runs.find(tmp_path, child))
        assert (run.status, len(run.sessions)) == ("ok", 4)
    assert runs.load(tmp_path / record.id) == record


@pytest.mark.parametrize(("design", "expected"), [("duet", "duet"), ("relaunch", "relaunch")])
def test_the_design_asked_for(tmp_path: Path, design: Any, expected: str) -> None:
    record = opening.compare(asked(tmp_path, design=design), LAPTOP, Silent())
    assert record.design == expected


def test_sessions_that_were_complete_are_kept(tmp_path: Path, stage: Stage) -> None:
    folder = interrupted(tmp_path, stage)
    before = runs.load(folder)
    assert isinstance(before, Comparison)
    half = folder / before.children[0] / "session-3" / "ranks"
    half.mkdir(parents=True)
    record = resume(folder, LAPTOP, Silent())
    assert record.pairs[:2] == before.pairs
    assert [(number, order) for number, order, _ in stage.played] == [
        (1, "ab"),
        (2, "ba"),
        (3, "ab"),  # that was stopped
        (3, "ab"),
        (4, "ba"),
    ]
    assert stage.played[-1][2].block_steps == 4, "blocks are as long as before"
    assert not half.exists()
    assert (record.id, record.created, record.command) == (
        before.id,
        before.created,
        before.command,
    )
    assert (record.children, record.looks_taken) == (before.children, 1)
    for child in record.children:
        assert len(runs.load_run(folder / child).sessions) == 4
    assert runs.load(folder) == record


def test_blocks_are_fitted_after_going_on_too(tmp_path: Path, stage: Stage) -> None:
    folder = interrupted(tmp_path, stage)
    stage.slow_every = 3
    record = resume(folder, LAPTOP, Silent())
    assert [pair.block_steps for pair in record.pairs] == [4, 4, 4, 6]


def test_longer_blocks_stay_longer_and_say_why(tmp_path: Path, stage: Stage) -> None:
    stage.slow_every = 3
    folder = interrupted(tmp_path, stage)
    record = resume(folder, LAPTOP, Silent())
    assert [score.block_steps for _, _, score in stage.played] == [0, 6, 6, 6, 6]
    assert [pair.block_steps for pair in record.pairs] == [4, 6, 6, 6]
    fitted = note("blocks_fitted", periods=(3,), steps=6, session=2)
    assert read_state(folder).told == (fitted,)
    assert record.notes[0] == sentence(fitted)


def test_rewording_a_note_loses_nothing(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is gone on with is known by its kind, whatever it was called when it was stopped."""
    stage.slow_every = 3
    folder = interrupted(tmp_path, stage)
    monkeypatch.setitem(WORDS, "blocks_fitted", "blocks have become longer")
    assert resume(folder, LAPTOP, Silent()).notes[0] == "blocks have become longer"


def test_sessions_stay_as_long_as_the_longest(tmp_path: Path, stage: Stage) -> None:
    limits = Limits(
        margin_percent=2, max_sessions=4, max_minutes=5, pairs=5, block_steps=0, more_pairs=True
    )
    stage.more_pairs = 4
    folder = interrupted(tmp_path, stage, limits=limits)
    stage.more_pairs = 0
    resume(folder, LAPTOP, Silent())
    assert stage.played[-2][2].pairs == 13, "five, and four more in each of two sessions"


def test_resumed_or_not_the_verdict_is_the_same(tmp_path: Path, stage: Stage) -> None:
    whole = opening.compare(asked(tmp_path / "whole"), LAPTOP, Silent())
    record = resume(interrupted(tmp_path / "cut", stage), LAPTOP, Silent())
    assert (record.verdict, record.change) == (whole.verdict, whole.change)
    assert [pair.blocks_ms for pair in record.pairs] == [pair.blocks_ms for pair in whole.pairs]


def test_time_that_was_used_is_used(tmp_path: Path, stage: Stage) -> None:
    folder = interrupted(tmp_path, stage)
    rewritten(folder, lambda state: msgspec.structs.replace(state, elapsed_s=300.0))
    record = resume(folder, LAPTOP, Silent())
    assert (record.status, len(record.pairs), record.looks_taken) == ("ok", 3, 1)


def test_relaunches_stay_relaunches_and_say_why(tmp_path: Path, stage: Stage) -> None:
    folder = interrupted(tmp_path, stage, first=NO_ROOM)
    record = resume(folder, LAPTOP, Silent())
    assert record.design == "relaunch"
    assert record.notes[0] == (
        "relaunched, as memory cannot hold both sides: the second one needs about 5.0 GiB"
    )
    assert len(stage.played) == 1
    sides = [(1, "a"), (1, "b"), (2, "b"), (2, "a"), (3, "a"), (3, "b"), (4, "b"), (4, "a")]
    assert [launch for index, launch in enumerate(stage.launched) if index != 4] == sides
    assert stage.launched[4] == (3, "a"), "that was stopped"


def moved(state: State, **changes: Any) -> State:
    """The state as if its sessions had been measured elsewhere."""
    kept = state.comparison
    environment = msgspec.structs.replace(kept.environment, **changes)
    comparison = msgspec.structs.replace(kept, environment=environment)
    return msgspec.structs.replace(state, comparison=comparison)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "another"),
        ("cpu", "another"),
        ("cores", 64),
        ("gpus", ("Example GPU",)),
        ("kernel", "6.2.0"),
        ("python", "3.0.0"),
        ("versions", {"torch": "0.0.1"}),
        ("variables", {"OMP_NUM_THREADS": "64"}),
        ("boards", (made_board(power_limit_w=500.0),)),
        ("hypervisor", "another"),
        ("container", "another"),
    ],
)
def test_another_machine_or_other_versions(
    tmp_path: Path, stage: Stage, name: str, value: Any
) -> None:
    folder = interrupted(tmp_path, stage)
    rewritten(folder, lambda state: moved(state, **{name: value}))
    before = len(stage.played)
    with pytest.raises(UsageError, match=f"cannot be resumed: {name} changed since its last ses"):
        resume(folder, LAPTOP, Silent())
    assert len(stage.played) == before


def test_another_version_of_the_program(tmp_path: Path, stage: Stage) -> None:
    folder = interrupted(tmp_path, stage)

    def older(state: State) -> State:
        comparison = msgspec.structs.replace(state.comparison, tool_version="0.0.9")
        return msgspec.structs.replace(state, comparison=comparison)

    rewritten(folder, older)
    with pytest.raises(UsageError, match=r"resnext-bench 0\.0\.9, and this is 0\."):
        resume(folder, LAPTOP, Silent())


def test_versions_that_only_ranks_can_tell(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch was replaced in between: seen when the next session ends, which does not count."""
    folder = interrupted(tmp_path, stage)
    monkeypatch.setattr(made_duets, "VERSIONS", {"torch": "99.0"})
    with pytest.raises(CannotHere, match=r"torch was 2\.15\.0 in the first session and is 99\.0"):
        resume(folder, LAPTOP, Silent())
    assert len(read_state(folder).comparison.pairs) == 2


def test_images_that_are_others(tmp_path: Path, stage: Stage) -> None:
    folder = interrupted(tmp_path, stage)

    def with_images(state: State) -> State:
        a = msgspec.structs.replace(state.comparison.a, data="0ther")
        return msgspec.structs.replace(
            state, comparison=msgspec.structs.replace(state.comparison, a=a)
        )

    rewritten(folder, with_images)
    with pytest.raises(UsageError, match="its images have changed"):
        resume(folder, LAPTOP, Silent())


def test_options_that_resolve_to_something_else(tmp_path: Path, stage: Stage) -> None:
    """A machine with more cores gives a rank more threads."""
    folder = interrupted(tmp_path, stage)
    cores = tuple(range(8))
    larger = replace(LAPTOP, cores=cores, physical_cores=8, usable_cores=8)
    with pytest.raises(UsageError, match="its options now resolve to another configuration"):
        resume(folder, larger, Silent())


def test_an_ended_one_is_not_gone_on_with(tmp_path: Path) -> None:
    """More sessions would be a look that nobody has paid for."""
    record = opening.compare(asked(tmp_path), LAPTOP, Silent())
    with pytest.raises(UsageError, match=r"has ended \(slower\)"):
        resume(tmp_path / record.id, LAPTOP, Silent())


def test_a_rejected_side_leaves_nothing(tmp_path: Path) -> None:
    """Side a has its folder by then."""
    wanted = replace(asked(tmp_path), b={**asked(tmp_path).b, "nodes": 64})
    with pytest.raises(BenchError, match="64 nodes"):
        opening.compare(wanted, LAPTOP, Silent())
    assert not list(tmp_path.iterdir())


def test_launches_of_too_few_steps_are_refused(tmp_path: Path, stage: Stage) -> None:
    few = {**asked(tmp_path).b, "steps": 9}
    wanted = replace(asked(tmp_path), b=few, design="relaunch")
    with pytest.raises(UsageError, match=r"--steps 9 is too few .* give at least 10"):
        opening.compare(wanted, LAPTOP, Silent())
    assert not list(tmp_path.iterdir())
    stage.meanwhile = raise_no_room
    with pytest.raises(UsageError, match=r"--steps 9 is too few"):
        opening.compare(replace(wanted, design="auto"), LAPTOP, Silent())


def raise_no_room(number: int) -> None:
    raise NO_ROOM


@pytest.mark.parametrize("elsewhere", [True, False])
def test_the_way_to_go_on_is_told(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    monkeypatch.setenv("RESNEXT_BENCH_RUNS", str(tmp_path / "no" if elsewhere else tmp_path))
    stage.meanwhile = stop_in(3)
    with pytest.raises(Interrupted) as stopped:
        opening.compare(asked(tmp_path), LAPTOP, Silent())
    (folder,) = tmp_path.iterdir()
    output = f" --output {tmp_path}" if elsewhere else ""
    assert str(stopped.value) == (
        f"interrupted; resume with: resnext-bench compare --resume {folder.name}{output}"
    )


def test_without_a_session_there_is_no_way_to_go_on(tmp_path: Path, stage: Stage) -> None:
    stage.meanwhile = stop_in(1)
    with pytest.raises(Interrupted, match="no session was complete"):
        opening.compare(asked(tmp_path), LAPTOP, Silent())


def test_nothing_to_go_on_with(tmp_path: Path, stage: Stage) -> None:
    """A run, and a comparison without a complete session."""
    stage.meanwhile = stop_in(1)
    with pytest.raises(Interrupted):
        opening.compare(asked(tmp_path), LAPTOP, Silent())
    (folder,) = tmp_path.iterdir()
    with pytest.raises(UsageError, match="it is not a comparison, or none of its sessions was"):
        resume(folder, LAPTOP, Silent())


def test_a_damaged_state(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text('{"comparison": ')
    with pytest.raises(UsageError, match=r"cannot be resumed: Input data was truncated"):
        resume(tmp_path, LAPTOP, Silent())


@pytest.mark.parametrize("content", [None, b"", b"\xc1"])
def test_samples_that_are_gone_or_damaged(
    tmp_path: Path, stage: Stage, content: bytes | None
) -> None:
    folder = interrupted(tmp_path, stage)
    for path in folder.glob("*/session-2/result.msgpack"):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
    with pytest.raises(UsageError, match=r"result\.msgpack cannot be read .*; start a new compar"):
        resume(folder, LAPTOP, Silent())


def test_sessions_that_count_with_their_middle_step_alone(tmp_path: Path, stage: Stage) -> None:
    """As they did before all steps together were judged: the two are not to be mixed."""
    folder = interrupted(tmp_path, stage)

    def older(state: State) -> State:
        pairs = tuple(
            msgspec.structs.replace(pair, middle_log_ratio=None) for pair in state.comparison.pairs
        )
        return msgspec.structs.replace(
            state, comparison=msgspec.structs.replace(state.comparison, pairs=pairs)
        )

    rewritten(folder, older)
    with pytest.raises(UsageError, match="median step, new ones by all steps; start a new"):
        resume(folder, LAPTOP, Silent())


def test_another_commit_of_the_program(tmp_path: Path, stage: Stage) -> None:
    folder = interrupted(tmp_path, stage)
    rewritten(folder, lambda state: moved(state, git={"commit": "0" * 40}))
    with pytest.raises(UsageError, match="cannot be resumed: git changed since its last session"):
        resume(folder, LAPTOP, Silent())


def test_runs_of_a_resumed_comparison_began_when_it_did(tmp_path: Path, stage: Stage) -> None:
    folder = interrupted(tmp_path, stage)
    began = "2026-03-01T10:15:00+00:00"

    def earlier(state: State) -> State:
        comparison = msgspec.structs.replace(state.comparison, created=began)
        return msgspec.structs.replace(state, comparison=comparison)

    rewritten(folder, earlier)
    record = resume(folder, LAPTOP, Silent())
    children = [runs.load_run(folder / name) for name in record.children]
    assert {child.created for child in children} == {began}

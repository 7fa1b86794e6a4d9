"""Both designs in turn against themselves, and what is left when one of them fails."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from resnext_bench.errors import Interrupted, RunFailed, UsageError
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.schema.comparison import Comparison, Limits
from resnext_bench.reports.schema.record import Failure
from resnext_bench.reports.store import runs
from resnext_bench.session.compare import floor
from resnext_bench.session.compare.opening import resume
from tests.session.made_duets import LAPTOP, SMALL, Stage, set_stage
from tests.session.made_script import Silent

LIMITS = Limits(
    margin_percent=2, max_sessions=3, max_minutes=60, pairs=5, block_steps=0, fixed=True
)


@pytest.fixture(autouse=True)
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """No process is started, and no machine is held for it."""
    monkeypatch.setattr(floor, "measuring", lambda what: nullcontext(True))
    return set_stage(monkeypatch)


def measured(root: Path) -> tuple[Comparison, Comparison]:
    return floor.measure_floor(
        SMALL,
        LAPTOP,
        given="",
        sessions=3,
        limits=LIMITS,
        root=root,
        command=("doctor", "--aa"),
        display=Silent(),
    )


def test_sessions_of_both_designs_in_turn(tmp_path: Path, stage: Stage) -> None:
    turns: list[str] = []
    stage.meanwhile = lambda number: turns.append(f"{number} {len(stage.launched)}")
    duet, relaunch = measured(tmp_path)
    assert turns == ["1 0", "1 1", "1 2", "2 2", "2 3", "2 4", "3 4", "3 5", "3 6"]
    assert [(one.design, one.status, len(one.pairs)) for one in (duet, relaunch)] == [
        ("duet", "ok", 3),
        ("relaunch", "ok", 3),
    ]
    assert (duet.differences, duet.a.resolved) == ((), duet.b.resolved)
    assert (duet.looks_taken, duet.limits.looks) == (1, (3,))
    assert [runs.load(tmp_path / one.id) for one in (duet, relaunch)] == [duet, relaunch]


def ends_at(error: BaseException, turn: int) -> Callable[[int], None]:
    turns = iter(range(1, 100))

    def meanwhile(number: int) -> None:
        if next(turns) == turn:
            raise error

    return meanwhile


def recorded(root: Path) -> list[Comparison]:
    """What was left, by design."""
    found = [one for one in runs.scan(root) if isinstance(one, Comparison)]
    return sorted(found, key=lambda one: one.design)


FAILURE = Failure(rank=0, what="rank 0: killed", log="", log_tail=())


@pytest.mark.parametrize("turn", [1, 2, 4])
def test_a_failure_of_either_ends_both(tmp_path: Path, stage: Stage, turn: int) -> None:
    stage.meanwhile = ends_at(SessionFailed(FAILURE), turn)
    with pytest.raises(RunFailed, match=r"A/A failed: rank 0: killed"):
        measured(tmp_path)
    found = recorded(tmp_path)
    assert [(one.design, one.status) for one in found] == [
        ("duet", "failed"),
        ("relaunch", "failed"),
    ]
    assert [one.failure for one in found] == [FAILURE] * 2


def test_an_interruption_leaves_both_records(tmp_path: Path, stage: Stage) -> None:
    stage.meanwhile = ends_at(KeyboardInterrupt(), 4)
    with pytest.raises(Interrupted):
        measured(tmp_path)
    found = recorded(tmp_path)
    assert [(one.status, len(one.pairs)) for one in found] == [("interrupted", 1)] * 2


def test_one_half_alone_is_not_gone_on_with(tmp_path: Path, stage: Stage) -> None:
    stage.meanwhile = ends_at(KeyboardInterrupt(), 4)
    with pytest.raises(Interrupted):
        measured(tmp_path)
    for folder in tmp_path.iterdir():
        with pytest.raises(UsageError, match="one half of a doctor --aa"):
            resume(folder, LAPTOP, Silent())


def test_what_cannot_start_leaves_nothing(tmp_path: Path, stage: Stage) -> None:
    """Launches of so few steps would all be too short to tell."""
    with pytest.raises(UsageError, match="--steps 5"):
        floor.measure_floor(
            SMALL | {"steps": 5},
            LAPTOP,
            given="",
            sessions=3,
            limits=LIMITS,
            root=tmp_path,
            command=("doctor", "--aa"),
            display=Silent(),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_failure_names_the_log_and_the_record(tmp_path: Path, stage: Stage) -> None:
    stage.meanwhile = ends_at(SessionFailed(FAILURE), 2)
    with pytest.raises(RunFailed, match=rf"{FAILURE.what}.*runs show \d+"):
        measured(tmp_path)

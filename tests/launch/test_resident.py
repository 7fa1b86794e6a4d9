"""A resident side as the program sees it: its word, its end, its silence; no process is started."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from resnext_bench import tokens
from resnext_bench.job import SessionFolder
from resnext_bench.launch import resident, watch
from resnext_bench.launch.resident import Resident
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.rankfile import Phase, RankFile
from resnext_bench.reports.schema.record import Failure
from resnext_bench.tokens import Pipes, Taker


class Made:
    """Processes that are what their exit codes say."""

    def __init__(self, commands: Sequence[object], folder: SessionFolder) -> None:
        self.exit_codes: list[int | None] = [None, None]
        self.pids = (1, 2)
        self.entered = self.left = 0

    def __enter__(self) -> "Made":
        self.entered += 1
        return self

    def __exit__(self, *error: object) -> None:
        self.left += 1


@pytest.fixture
def side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resident]:
    monkeypatch.setattr(resident, "Processes", Made)
    monkeypatch.setattr(resident, "POLL_S", 0.01)
    monkeypatch.setattr(resident, "settled", lambda processes: processes.exit_codes)
    monkeypatch.setattr(resident, "find_failure", found_failure)
    with Resident([], SessionFolder(tmp_path)) as made:
        yield made


def found_failure(folder: SessionFolder, codes: Sequence[int | None]) -> Failure:
    return Failure(rank=0, what=f"ended with {codes}", log="", log_tail=())


def rank_0(side: Resident) -> Taker:
    return Taker(Pipes(side.folder.path))


def test_the_token_goes_and_comes_back(side: Resident) -> None:
    rank, ticks = rank_0(side), []
    side.give(5)
    assert rank.take() == 5
    rank.back(123)
    assert side.answer([side], lambda: ticks.append(1)) == 123
    assert ticks == [], "it did not have to wait"


def test_the_wait_is_told(side: Resident) -> None:
    rank, ticks = rank_0(side), []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            rank.back(7)

    assert side.answer([side], tick) == 7
    assert len(ticks) == 3


@pytest.mark.parametrize("code", [0, 1, -9])
def test_a_side_that_ends_early_has_failed_however_it_ended(side: Resident, code: int) -> None:
    made: Any = side.processes
    made.exit_codes = [None, code]
    with pytest.raises(SessionFailed, match=rf"ended with \[None, {code}\]"):
        side.answer([side], lambda: None)


def test_the_waiting_side_must_stay_alive_too(side: Resident, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with Resident([], SessionFolder(tmp_path / "other")) as other:
        made: Any = other.processes
        made.exit_codes = [1, None]
        with pytest.raises(SessionFailed, match="ended with"):
            side.answer([side, other], lambda: None)


def test_a_word_counts_even_if_the_side_has_ended(side: Resident) -> None:
    made: Any = side.processes
    made.exit_codes = [0, 0]
    rank_0(side).back(9)
    assert side.answer([side], lambda: None) == 9


def test_silence_for_too_long(side: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE_S", 0.05)
    with pytest.raises(SessionFailed, match="nothing has moved"):
        side.answer([side], lambda: None)


def test_a_long_block_is_not_silent(side: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes: each step that ends starts the wait anew."""
    monkeypatch.setattr(watch, "PATIENCE_S", 0.15)
    side.folder.ranks.mkdir()
    file = RankFile.create(side.folder.rank_file(0), rank=0, pid=1, warm_up=0, steps=99)
    file.phase = Phase.TIMED
    rank, steps = rank_0(side), 0

    def tick() -> None:
        nonlocal steps
        file.marks[steps, :] = 1
        steps += 1
        if steps == 40:
            rank.back(7)

    assert side.answer([side], tick) == 7
    with pytest.raises(SessionFailed, match=r"nothing has moved .* stuck in step 41 of 99"):
        side.answer([side], lambda: None)


def test_the_end_is_a_token_and_a_result(side: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int | None] = [0, 0]
    monkeypatch.setattr(resident, "wait_for_end", lambda *arguments: codes)
    monkeypatch.setattr(resident, "read_result", lambda folder: "the result")
    assert side.finish() == "the result"
    assert rank_0(side).take() == tokens.END
    codes[1] = 1
    with pytest.raises(SessionFailed, match=r"ended with \[0, 1\]"):
        side.finish()


def test_processes_live_as_long_as_the_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident, "Processes", Made)
    with Resident([], SessionFolder(tmp_path)) as side:
        made: Any = side.processes
        assert (made.entered, made.left) == (1, 0)
    assert made.left == 1

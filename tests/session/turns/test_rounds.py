"""Many sides in turn: order, what counts, and that waiting sides are watched."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from resnext_bench import tokens
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.session.runs.recording import Recording, open_recording
from resnext_bench.session.turns import rounds as under_test
from resnext_bench.session.turns.blocks import in_rounds
from resnext_bench.session.turns.residents import Room
from resnext_bench.session.turns.rounds import play_rounds
from tests.reports.made_results import even_samples, made_result


def test_forth_and_back() -> None:
    played: list[str] = []

    def block(name: str) -> Callable[[], float]:
        def run() -> float:
            played.append(name)
            return float(len(played))

        return run

    lengths = in_rounds([block("a"), block("b"), block("c")], 3)
    assert "".join(played) == "abccbaabc"
    assert lengths == [(1, 2, 3), (6, 5, 4), (7, 8, 9)]


def test_a_linear_drift_is_no_sides() -> None:
    clock = iter(range(100))
    lengths = in_rounds([lambda: float(next(clock))] * 4, 6)
    assert len({sum(row[side] for row in lengths) for side in range(4)}) == 1


class Side:
    """Stands for the processes of one side."""

    def __init__(self, log: list[str], name: str, step_ns: int, waits_s: float) -> None:
        self.log, self.name, self.step_ns = log, name, step_ns
        self.used_s, self.waits_s, self.word = 0.0, waits_s, 0

    def __enter__(self) -> "Side":
        self.log.append(f"{self.name} built")
        return self

    def __exit__(self, *error: object) -> None:
        self.log.append(f"{self.name} gone")

    def give(self, token: int) -> None:
        self.word = token

    def answer(self, sides: list["Side"], tick: Callable[[], None]) -> int:
        self.log.append(f"{self.name} {self.word}")
        return self.word * self.step_ns

    def cpu_s(self) -> float:
        self.used_s += self.waits_s
        return self.used_s

    def finish(self) -> SessionResult:
        return made_result(even_samples(0, [10, 10]))


def opened(folder: Path, count: int) -> list[Recording]:
    request = {"pipeline": "synthetic", "device": "cpu", "model": "resnext14_4x4d"}
    return [
        open_recording(request, inspect(), root=folder, command=(), tell=lambda *_: None)
        for _ in range(count)
    ]


def test_rounds_that_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    made = iter([Side(log, "a", 10_000_000, 0.0), Side(log, "b", 20_000_000, 0.0)])

    def resident(run: Recording, number: int, room: Room) -> Side:
        assert (number, room.steps, room.block) == (7, 3 * 4, 4)
        return next(made)

    monkeypatch.setattr(under_test, "resident", resident)
    told: list[tuple[str, int, int]] = []
    tell = lambda *what: told.append(what)  # noqa: E731
    played = play_rounds(opened(tmp_path, 2), 7, rounds=2, block_steps=3, tell=tell)
    assert played.step_ms == ((10.0, 20.0), (10.0, 20.0))
    assert len(played.results) == 2
    assert played.quiet_percent == 0
    turns = [line for line in log if line.endswith(" 3")]
    assert turns == ["a 3", "b 3", "b 3", "a 3", "a 3", "b 3"]
    assert log[-2:] == ["b gone", "a gone"]
    assert told[0] == ("building sides", 0, 2)
    assert told[-1] == ("blocks in turn", 6, 6)


def test_a_side_that_takes_two_batches_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its turns are rows of their own; full queues are asked for by place, the last of them too."""
    log: list[str] = []
    made = iter([Side(log, name, 10_000_000, 0.0) for name in "ab"])
    rooms: list[Room] = []

    def resident(run: Recording, number: int, room: Room) -> Side:
        rooms.append(room)
        return next(made)

    monkeypatch.setattr(under_test, "resident", resident)
    asked: list[int] = []

    def full(last_ms: Sequence[float]) -> Sequence[int]:
        asked.append(len(last_ms))
        return (2,)

    played = play_rounds(
        opened(tmp_path, 2),
        1,
        rounds=2,
        block_steps=3,
        also=[(1, tokens.DOUBLE)],
        full=full,
        tell=lambda *_: None,
    )
    assert [len(row) for row in played.step_ms] == [3, 3]
    assert len(played.results) == 2
    double, filled = tokens.DOUBLE + 3, tokens.DOUBLE + tokens.FULL + 3
    turns = ["a 3", "b 3", f"b {double}", f"b {filled}", "b 3", "a 3", "a 3", "b 3", f"b {filled}"]
    assert [line for line in log if line in turns] == turns
    assert set(asked) == {3}
    # Kept are three blocks of four steps; one more of another kind begins where they end.
    assert {(room.steps, room.block) for room in rooms} == {(3 * 4 + 4, 4)}


def test_sides_that_do_not_wait_quietly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter([Side([], name, 10_000_000, 0.5) for name in "ab"])
    monkeypatch.setattr(under_test, "resident", lambda *_: next(made))
    played = play_rounds(opened(tmp_path, 2), 1, rounds=2, block_steps=3, tell=lambda *_: None)
    assert played.quiet_percent > 1000


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_rounds_are_even(rounds: int) -> None:
    with pytest.raises(ValueError, match=f"rounds is {rounds}; an even number"):
        play_rounds([], 1, rounds=rounds, block_steps=3, tell=lambda _: None)

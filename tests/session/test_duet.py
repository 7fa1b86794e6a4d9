"""The length of a block, and whose turn it is; sides are made up."""

from contextlib import ExitStack
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import pytest

from bench.launch.watch import SessionFailed
from bench.session import duet
from bench.session.duet import Score
from reports.schema.record import Failure


def stage(pairs: int = 1, **changes: Any) -> duet._Stage:
    score = Score(pairs=pairs, block_steps=0, more=True, check_memory=False)
    fields: dict[str, Any] = {"number": 1, "tick": lambda done: None}
    return duet._Stage(stack=ExitStack(), score=score, **(fields | changes))


@pytest.mark.parametrize("warm_ms", [(10, 40), (40, 10)])
def test_the_slower_side_decides_how_long_a_block_is(warm_ms: tuple[float, float]) -> None:
    warm_ns = [int(1e6 * one) for one in warm_ms]
    assert stage(warm_ns=warm_ns).fitting_steps() == 25
    assert stage(warm_ns=warm_ns, may_be_short=True).fitting_steps() == 10


class Side:
    """A side whose blocks take 2 s, and which uses the CPU while it waits."""

    def __init__(self, name: str, clock: SimpleNamespace, waiting: list[float]) -> None:
        self.name, self.clock, self.used = name, clock, 0.0
        self.waiting = iter(waiting)
        self.other: Side

    def cpu_s(self) -> float:
        return self.used

    def give(self, steps: int) -> None:
        self.clock.given.append((self.name, steps))

    def answer(self, sides: object, tick: Any) -> int:
        tick()
        self.clock.now += 2.0
        self.other.used += next(self.other.waiting)
        return 2_000_000_000


def made_sides(
    monkeypatch: pytest.MonkeyPatch, waiting: list[float]
) -> tuple[list[Any], SimpleNamespace]:
    clock = SimpleNamespace(now=0.0, given=[])
    monkeypatch.setattr(duet, "time", SimpleNamespace(monotonic=lambda: clock.now))
    first, second = Side("first", clock, waiting), Side("second", clock, waiting)
    first.other, second.other = second, first
    return [first, second], clock


def test_sides_take_turns_and_only_the_waiting_one_is_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # While loaders fill their queues, 5 s each; then 0.02 s in each wait of 2 s: 1 % of its core.
    sides, clock = made_sides(monkeypatch, [5.0, 0.02, 0.02])
    done: list[int] = []
    playing = stage(pairs=2, sides=sides, tick=done.append)
    assert playing.take_turns(7) == pytest.approx(1.0)
    names = [name for name, _ in clock.given]
    assert names == ["first", "second", "second", "first", "first", "second"]
    assert {steps for _, steps in clock.given} == {7}
    assert done == [0, 0, 0, 0, 1, 1], "the pair that does not count is none"


@pytest.mark.parametrize(
    ("first", "second", "short"),
    [
        ({}, {}, True),
        ({"pipeline": "dali"}, {}, False),
        ({}, {"pipeline": "dali"}, False),
        ({"device": "cuda"}, {"device": "cuda"}, False),
    ],
)
def test_blocks_are_short_where_a_pause_changes_nothing(
    first: dict[str, str], second: dict[str, str], short: bool
) -> None:
    own = {"device": "cpu", "pipeline": "synthetic"}
    configs: list[Any] = [SimpleNamespace(**(own | one)) for one in (first, second)]
    assert duet.may_be_short(*configs) is short


@pytest.mark.parametrize(
    ("built_s", "lengths_s", "pairs"),
    [
        (100.0, [1.0, 2.0, 4.0], 25),  # pairs scatter: as long as building took, 4 s each
        (0.0, [1.0, 2.0, 4.0], 4),  # building took no time: not longer than asked for
        (100.0, [1.5], 4),  # all alike: no more are needed
        (2000.0, [1.0, 2.0, 4.0], 198),  # not for ever
    ],
)
def test_more_pairs_where_they_scatter_and_the_launch_was_dear(
    built_s: float, lengths_s: list[float], pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides, clock = made_sides(monkeypatch, [0.0] * 500)
    taken = cycle(lengths_s * 2 + lengths_s[::-1] + lengths_s[:1])
    for side in sides:
        answer = side.answer
        side.answer = lambda *given, answer=answer: answer(*given) * 0 + int(1e9 * next(taken))
    playing = stage(pairs=4, sides=sides, start=-built_s)
    playing.take_turns(7)
    counted = len(clock.given) // 2 - 1
    assert counted == pytest.approx(pairs, abs=1)


def test_a_side_that_ends_ends_the_duet(monkeypatch: pytest.MonkeyPatch) -> None:
    sides, _ = made_sides(monkeypatch, [0.0, 0.0])
    failure = Failure(rank=0, what="rank 0: killed", log="", log_tail=())

    def answer(*arguments: object) -> int:
        raise SessionFailed(failure)

    sides[1].answer = answer
    with pytest.raises(SessionFailed, match="rank 0: killed"):
        stage(sides=sides).take_turns(3)

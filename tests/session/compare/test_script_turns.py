"""How two scripts take turns; the scripts are made up."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from resnext_bench import tokens
from resnext_bench.launch.turning import Left, TooLong
from resnext_bench.session.compare import script_turns
from resnext_bench.session.compare.script_turns import (
    NoTurns,
    Plan,
    counted_steps,
    fewest_steps,
    hurry,
    planned,
)
from resnext_bench.session.turns import room

PLAN = Plan(warm_up=10, block_steps=3)


class Side:
    """Takes so many steps, and then leaves; what it is given is kept in a list of both."""

    def __init__(self, name: str, steps: int, given: list[tuple[str, int]], **ends: Any) -> None:
        self.name, self.left, self.given = name, steps, given
        self.code: int | None = ends.get("code", 0)
        self.code_of_left: int | None = ends.get("left", 0)
        self.late: bool = ends.get("late", False)
        self.token = 0
        self.ends_s = 1e9
        self.closed = False
        self.script = SimpleNamespace(wait=lambda *rest: self.code, pids=[])

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *rest: object) -> None:
        self.closed = True

    def cpu_s(self) -> float:
        return 0.0

    def give(self, steps: int) -> None:
        self.given.append((self.name, steps))
        self.token = steps

    def answer(self, sides: list["Side"], tick: Callable[[], None]) -> int:
        tick()
        if self.late:
            raise TooLong(self.name)
        self.left -= self.token
        if self.left < 0:
            raise Left(self.name, self.code_of_left)
        return 1000 * self.token or tokens.READY


def played(a_steps: int, b_steps: int, plan: Plan = PLAN, **ends: Any) -> tuple[Any, list[Any]]:
    given: list[tuple[str, int]] = []
    a, b = Side("a", a_steps, given), Side("b", b_steps, given, **ends)
    try:
        found = script_turns.take_turns((a, b), plan, 0, lambda done: None)  # type: ignore[arg-type]
    finally:
        assert a.closed
    assert b.closed
    return found, given


def test_abba_blocks_after_each_has_warmed_up_alone() -> None:
    found, given = played(10 + 5 * 4, 10 + 5 * 4)
    assert given[:2] == [("a", 10), ("b", 10)]
    blocks = [name for name, steps in given[2:] if steps == 4]
    assert "".join(blocks) == "abbaabbaabb", "the last one got no answer: b had no more steps"
    assert given[-2:] == [("a", tokens.END), ("b", tokens.END)], "nobody waits at the end"
    assert found.pairs == 4


@pytest.mark.parametrize(
    ("a_blocks", "b_blocks", "pairs"),
    [(11, 11, 10), (12, 12, 10), (40, 7, 6), (6, 40, 4), (2, 9, 0)],
)
def test_the_shorter_side_ends_it_and_whole_quads_count(
    a_blocks: int, b_blocks: int, pairs: int
) -> None:
    assert played(10 + 4 * a_blocks, 10 + 4 * b_blocks)[0].pairs == pairs


def test_no_more_pairs_than_were_asked_for() -> None:
    assert played(1000, 1000, Plan(warm_up=10, block_steps=3, most_pairs=6))[0].pairs == 6


@pytest.mark.parametrize(
    ("ends", "error"),
    [
        ({"left": 3}, Left),  # it crashed in a block
        ({"left": None, "code": 3}, Left),  # after it
        ({"left": None, "code": None}, TooLong),  # it has no end
        ({"late": True}, TooLong),
    ],
)
def test_a_bad_end_is_told_and_leaves_nothing(ends: dict[str, Any], error: type) -> None:
    with pytest.raises(error) as raised:
        played(100, 40, **ends)
    assert raised.value.name == "b"


def test_a_side_that_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "peak_resident_gib", lambda pids: 8.0)
    monkeypatch.setattr(room, "free_memory_gib", lambda: 9.9)
    with pytest.raises(NoTurns, match=r"about 10\.0 GiB, and 9\.9 GiB are free"):
        played(100, 100)


@pytest.mark.parametrize(
    ("steps", "step_ms", "cut", "block_steps", "expected"),
    [
        (54, 5.0, 0, 0, (10, 3)),
        (53, 5.0, 0, 0, None),
        (60, 5.0, 30, 0, None),
        (120, 5.0, 0, 0, (10, 9)),
        (5000, 500.0, 20, 0, (20, 3)),
        (5000, 10.0, 20, 0, (20, 100)),
        (50_000, 0.1, 20, 0, (20, 1000)),
        (120, 5.0, 0, 20, (10, 20)),
        (110, 5.0, 0, 20, None),
    ],
)
def test_how_long_blocks_are(
    steps: int, step_ms: float, cut: int, block_steps: int, expected: tuple[int, int] | None
) -> None:
    plan = planned(np.full(steps, step_ms), cut, block_steps=block_steps)
    assert (plan and (plan.warm_up, plan.block_steps)) == expected


def test_the_fewest_steps_are_enough() -> None:
    for block_steps in (0, 5):
        least = fewest_steps(block_steps)
        assert planned(np.full(least, 5.0), 0, block_steps=block_steps)
        assert not planned(np.full(least - 1, 5.0), 0, block_steps=block_steps)


def test_which_steps_count() -> None:
    """Warm-up, then blocks of a dropped step and three counted ones, then steps without turns."""
    steps = [9] * 10 + [100, 1, 2, 3] + [100, 4, 5, 6] + [100, 7, 8, 9] + [50] * 7
    assert counted_steps(steps, PLAN, 2).tolist() == list(range(1, 10))


def test_steps_that_a_pause_has_fed() -> None:
    """A loader at half the speed of training: what was made ready meanwhile costs nothing."""
    fed = [20] * 10 + [20, 20, 20, 20] + [10, 10, 10, 10] * 4
    assert hurry(fed, PLAN, 4) == pytest.approx(0.5)
    assert hurry([10] * 30, PLAN, 4) == 1
    assert hurry([90] * 5 + [10] * 25, PLAN, 4) == 1, "warm-up's first half is warm-up"
    assert hurry([10] * 8 + [90] * 2 + [10] * 20, PLAN, 4) == 1, "a burst in it is no loader"


def test_nothing_of_it_lies_in_another_folder(tmp_path: Path) -> None:
    from resnext_bench.session.compare.stepping import module_folder, with_module

    made = module_folder(tmp_path)
    assert [path.name for path in module_folder(tmp_path).iterdir()] == ["resnext_bench.py"]
    assert with_module(made)["PYTHONPATH"].startswith(str(made))

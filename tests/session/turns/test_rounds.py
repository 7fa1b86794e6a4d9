"""Many sides in turn: what counts, what is told, and full queues; sides are made up."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from resnext_bench import tokens
from resnext_bench.errors import CannotHere
from resnext_bench.session.setup import Setup
from resnext_bench.session.turns.rounds import play_rounds
from tests.session.made_duets import made_setup
from tests.session.turns.made_sides import MadeSide, Scene, made_means


def opened(folder: Path, count: int) -> list[Setup]:
    return [made_setup(folder) for _ in range(count)]


def test_rounds_that_count(tmp_path: Path) -> None:
    scene = Scene()
    sides = [MadeSide(scene, "a"), MadeSide(scene, "b", step_ns=20_000_000)]
    told: list[tuple[str, int, int]] = []
    begun: list[str] = []
    played = play_rounds(
        opened(tmp_path, 2),
        7,
        rounds=2,
        block_steps=3,
        tell=lambda *what: told.append(what),
        begin=lambda: begun.append(scene.said[-1]),
        means=made_means(scene, sides),
    )
    assert played.step_ms == ((10.0, 20.0), (10.0, 20.0))
    assert len(played.results) == 2
    assert played.quiet_percent == 0
    assert scene.blocks == [(name, 3) for name in "abbaab"]
    assert begun == ["b warms up"]
    assert scene.said[-2:] == ["b is gone", "a is gone"]
    assert [(room.steps, room.block) for room in scene.rooms] == [(3 * 4, 4)] * 2
    assert told[:2] == [("building sides", 0, 2), ("building sides", 1, 2)]
    assert told[-1] == ("blocks in turn", 6, 6)


def test_blocks_of_each_side_last_about_a_second(tmp_path: Path) -> None:
    scene = Scene()
    sides = [MadeSide(scene, "a"), MadeSide(scene, "b", step_ns=20_000_000)]
    played = play_rounds(
        opened(tmp_path, 2), 1, rounds=2, tell=lambda *_: None, means=made_means(scene, sides)
    )
    assert played.block_steps == (100, 50)


def test_a_side_that_takes_two_batches_too(tmp_path: Path) -> None:
    """Its turns are rows of their own; full queues are asked for by place, the last of them too."""
    scene = Scene()
    asked: list[Sequence[float]] = []

    def full(last_ms: Sequence[float]) -> Sequence[int]:
        asked.append(last_ms)
        return (2,)

    played = play_rounds(
        opened(tmp_path, 2),
        1,
        rounds=2,
        block_steps=3,
        also=[(1, tokens.DOUBLE)],
        full=full,
        tell=lambda *_: None,
        means=made_means(scene, [MadeSide(scene, name) for name in "ab"]),
    )
    assert [len(row) for row in played.step_ms] == [3, 3]
    assert len(played.results) == 2
    double, filled = tokens.DOUBLE + 3, tokens.DOUBLE + tokens.FULL + 3
    assert scene.blocks == [
        *(("a", 3), ("b", 3), ("b", double)),
        *(("b", filled), ("b", 3), ("a", 3)),
        *(("a", 3), ("b", 3), ("b", filled)),
    ]
    assert asked[0] == pytest.approx([10.0] * 3)
    # Kept are three blocks of four steps; one more of another kind begins where they end.
    assert {(room.steps, room.block) for room in scene.rooms} == {(3 * 4 + 4, 4)}


def test_sides_that_do_not_wait_quietly(tmp_path: Path) -> None:
    scene = Scene()
    sides = [MadeSide(scene, name, waiting_s=[0.03] * 9) for name in "ab"]
    runs = opened(tmp_path, 2)
    cores = runs[0].cores
    means = made_means(scene, sides)
    played = play_rounds(runs, 1, rounds=2, block_steps=3, tell=lambda *_: None, means=means)
    assert played.quiet_percent == pytest.approx(100 / cores)


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_rounds_are_even(rounds: int) -> None:
    with pytest.raises(ValueError, match=f"rounds is {rounds}; an even number"):
        play_rounds([], 1, rounds=rounds, block_steps=3, tell=lambda *_: None)


def test_the_first_side_may_refuse_the_others(tmp_path: Path) -> None:
    scene = Scene()
    sides = [MadeSide(scene, "a"), MadeSide(scene, "b")]

    def refuse(pids: Sequence[int]) -> None:
        raise CannotHere("no room")

    with pytest.raises(CannotHere, match="no room"):
        play_rounds(
            opened(tmp_path, 2),
            1,
            rounds=2,
            tell=lambda *_: None,
            first=refuse,
            means=made_means(scene, sides),
        )
    assert scene.said[-1] == "a is gone"
    assert not any(words.startswith("b ") for words in scene.said)

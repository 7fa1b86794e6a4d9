"""Whose turn it is, who is watched meanwhile, and what is told; sides are made up."""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise

import pytest

from resnext_bench import tokens
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.schema.record import Failure
from resnext_bench.session.turns.stage import InProcess, Stage, Turn
from tests.session.turns.made_sides import MadeSide, Scene

BOTH = (Turn(side=0, steps=7), Turn(side=1, steps=7))


def staged(scene: Scene, *sides: MadeSide) -> Stage[MadeSide]:
    """A stage on which these are built."""
    stage: Stage[MadeSide] = Stage(stack=ExitStack(), cores=1, clock=scene.clock)
    for side in sides:
        stage.build(lambda side=side: side)  # type: ignore[misc]
    scene.given.clear()
    return stage


def test_sides_take_turns_and_only_waiting_ones_are_watched() -> None:
    # While loaders fill their queues, 5 s each; then 0.02 s in each wait of 2 s: 1 % of a core.
    scene, waiting = Scene(), [5.0, 0.02, 0.02]
    stage = staged(scene, *(MadeSide(scene, name, block_s=2.0, waiting_s=waiting) for name in "ab"))
    told: list[int] = []
    stage.tell = told.append
    stage.take_turns(BOTH, 3)
    assert scene.order == "abbaab"
    assert {token for _, token in scene.given} == {7}
    assert stage.quiet_percent == pytest.approx(1.0)
    assert told == sorted(told)
    assert set(told) == set(range(7)), "blocks that are over"


def test_of_many_sides_all_waiting_ones_count() -> None:
    scene = Scene()
    sides = [MadeSide(scene, name, block_s=1.0, waiting_s=[0.01] * 9) for name in "abc"]
    stage = staged(scene, *sides)
    stage.take_turns([Turn(side=place, steps=5) for place in range(3)], 3)
    assert scene.order == "abccbaabc"
    assert stage.quiet_percent == pytest.approx(2.0)


def test_nothing_is_said_of_waiting_where_nothing_counts() -> None:
    scene = Scene()
    stage = staged(scene, *(MadeSide(scene, name, waiting_s=[1.0] * 9) for name in "ab"))
    stage.take_turns(BOTH, 1)
    assert stage.quiet_percent == 0


@pytest.mark.parametrize("block_s", [0.01, 0.2, 0.45, 2.0])
def test_blocks_of_any_length_are_told_and_watched_about_twice_a_second(block_s: float) -> None:
    """No answer is waited for long enough to tick where all blocks are short."""
    scene = Scene()
    stage = staged(scene, *(MadeSide(scene, name, block_s=block_s) for name in "ab"))
    told: list[float] = []
    seen: list[float] = []
    stage.tell, stage.watch = (
        lambda blocks: told.append(scene.now),
        lambda: seen.append(scene.now),
    )
    stage.take_turns(BOTH, 100)
    for moments in (told, seen):
        assert scene.now <= len(moments) <= 1 + 2 * scene.now
        assert min(later - one for one, later in pairwise(moments)) > 0.4


def test_the_machine_is_watched_while_a_side_works() -> None:
    """Between blocks a GPU is idle, so its clocks say nothing."""
    scene = Scene()
    sides = [MadeSide(scene, name, block_s=0.01) for name in "ab"]
    stage = staged(scene, *sides)
    seen: list[list[tuple[str, int]]] = []
    stage.watch = lambda: seen.append(list(scene.given))
    stage.take_turns(BOTH, 4)
    assert seen == [[("a", 7)]], "less than half a second in all: one sample, of the first block"


def test_a_tick_before_the_first_block_does_not_delay_its_sample() -> None:
    scene = Scene()
    stage = staged(scene, *(MadeSide(scene, name, block_s=0.6) for name in "ab"))
    stage.take_turns(BOTH, 1)
    samples: list[int] = []
    stage.watch = lambda: samples.append(len(scene.given))
    scene.given.clear()
    scene.now += 0.01
    stage.take_turns(BOTH, 1)
    assert samples[0] == 1


def test_sides_built_at_once_warm_up_one_after_another() -> None:
    """Kernels are chosen in warm-up: under the load of a build they would be others."""
    scene = Scene()
    a, b = MadeSide(scene, "a", build_s=3.0), MadeSide(scene, "b", build_s=4.0)
    stage: Stage[MadeSide] = Stage(stack=ExitStack(), cores=1, clock=scene.clock)
    with stage.stack:
        stage.build(lambda: a, lambda: b)
        assert scene.said == [
            *("a starts", "b starts", "a is built", "b is built", "a warms up", "b warms up"),
        ]
        assert [started.launch_s for started in stage.started] == [3.0, 7.0]
    assert scene.said[-2:] == ["b is gone", "a is gone"]


def test_sides_built_one_after_another() -> None:
    scene = Scene()
    stage = staged(scene, *(MadeSide(scene, name, build_s=3.0) for name in "ab"))
    assert scene.said == [
        *("a starts", "a is built", "a warms up", "b starts", "b is built", "b warms up"),
    ]
    assert [started.launch_s for started in stage.started] == [3.0, 3.0]
    assert stage.warm_ns == [10_000_000] * 2


def test_a_side_that_ends_ends_the_session() -> None:
    scene = Scene()

    def ends(token: int) -> None:
        raise SessionFailed(Failure(rank=0, what="rank 0: killed", log="", log_tail=()))

    stage = staged(scene, MadeSide(scene, "a"), MadeSide(scene, "b", ends=ends))
    with pytest.raises(SessionFailed, match="rank 0: killed"), stage.stack:
        stage.take_turns(BOTH, 3)
    assert scene.order == "ab", "no block is played after it"
    assert scene.said[-2:] == ["b is gone", "a is gone"]


def test_turns_of_another_kind_are_asked_for_by_flags() -> None:
    """More flags are asked for once all turns have had a block, by the lengths of the last ones."""
    scene = Scene()
    stage = staged(scene, MadeSide(scene, "a"), MadeSide(scene, "b", step_ns=20_000_000))
    asked: list[Sequence[float]] = []

    def flags(place: int, last_s: Sequence[float]) -> int:
        asked.append(last_s)
        return tokens.FULL if place == 2 else 0

    turns = [*BOTH, Turn(side=1, steps=7, flags=tokens.DOUBLE)]
    lengths = stage.take_turns(turns, 2, flags=flags)
    double, filled = tokens.DOUBLE + 7, tokens.DOUBLE + tokens.FULL + 7
    assert scene.given == [
        *(("a", 7), ("b", 7), ("b", double)),
        *(("b", filled), ("b", 7), ("a", 7)),
    ]
    assert len(asked) == 3
    assert asked[0] == pytest.approx([0.07, 0.14, 0.14])
    assert [len(row) for row in lengths] == [3, 3]


def test_a_call_of_this_process_takes_turns() -> None:
    played: list[tuple[str, int]] = []

    def block(name: str) -> InProcess:
        return InProcess(lambda steps: played.append((name, steps)) or 0.001 * steps)  # type: ignore[func-returns-value]

    stage = Stage(stack=ExitStack(), cores=1, sides=[block("a"), block("b")])
    lengths = stage.take_turns([Turn(side=0, steps=2), Turn(side=1, steps=3)], 2)
    assert played == [("a", 2), ("b", 3), ("b", 3), ("a", 2)]
    assert lengths == [(0.002, 0.003)] * 2

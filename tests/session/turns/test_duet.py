"""The length of a block, and whose turn it is; sides are made up."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from resnext_bench import tokens
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.gpu.watch import GpuWatch, open_watch
from resnext_bench.reports.schema.record import Failure
from resnext_bench.session.runs.recording import Started
from resnext_bench.session.turns import duet
from resnext_bench.session.turns.duet import Score
from tests.machine.gpu.test_watch import Driver
from tests.machine.recorded_nvml import QUIET, RecordedNvml, Recording, lost_at


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
    """A side that uses the CPU while it waits; who waits for it hears of it twice a second."""

    def __init__(self, name: str, clock: SimpleNamespace, waiting: list[float]) -> None:
        self.name, self.clock, self.used = name, clock, 0.0
        self.waiting = iter(waiting)
        self.other: Side

    def cpu_s(self) -> float:
        return self.used

    def give(self, steps: int) -> None:
        self.clock.given.append((self.name, steps))

    def answer(self, sides: object, tick: Any) -> int:
        left = self.clock.block_s
        while left > 0.5:
            self.clock.now += 0.5
            left -= 0.5
            tick()
        self.clock.now += left
        self.other.used += next(self.other.waiting)
        return int(1e9 * self.clock.block_s)


def made_sides(
    monkeypatch: pytest.MonkeyPatch, waiting: list[float], block_s: float = 2.0
) -> tuple[list[Any], SimpleNamespace]:
    clock = SimpleNamespace(now=0.0, given=[], block_s=block_s)
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
    assert done == sorted(done)
    assert set(done) == {0, 1, 2}, "the pair that does not count is none"


@pytest.mark.parametrize("block_s", [0.01, 0.2, 0.45, 2.0])
def test_blocks_of_any_length_are_told_and_watched_once_a_second_or_more(
    block_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is waited for long enough to tick where all blocks are short."""
    sides, clock = made_sides(monkeypatch, [0.0] * 500, block_s)
    told: list[float] = []
    library = Driver()
    watch = open_watch(library, [0])
    watch.start()
    playing = stage(pairs=100, sides=sides, tick=lambda done: told.append(clock.now))
    playing.watch = watch.sample
    playing.take_turns(7)
    assert clock.now <= watch.report().samples <= 1 + 2 * clock.now
    assert clock.now <= len(told) <= 1 + 2 * clock.now
    assert min(later - one for one, later in pairwise(told)) > 0.4


def test_a_gpu_is_watched_while_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between blocks it is idle, so its clocks say nothing."""
    sides, _ = made_sides(monkeypatch, [0.0] * 10, block_s=0.01)
    holders: list[str] = []
    seen: list[list[str]] = []
    for side in sides:
        give, answer = side.give, side.answer
        side.give = lambda steps, give=give, name=side.name: (give(steps), holders.append(name))
        side.answer = lambda *given, answer=answer: (answer(*given), holders.pop())[0]
    playing = stage(pairs=4, sides=sides)
    playing.watch = lambda: seen.append(list(holders))
    playing.take_turns(7)
    assert seen == [["first"]], "a tenth of a second in all: one sample"


def test_what_was_told_while_building_does_not_delay_the_first_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sides, _ = made_sides(monkeypatch, [0.0] * 10, block_s=0.01)
    samples: list[int] = []
    playing = stage(pairs=4, sides=sides)
    playing._ticked()
    playing.watch = lambda: samples.append(playing.blocks)
    playing.take_turns(7)
    assert samples == [0]


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


@pytest.mark.parametrize("check_memory", [True, False])
def test_no_side_warms_up_while_the_other_is_built(
    monkeypatch: pytest.MonkeyPatch, check_memory: bool
) -> None:
    """Kernels are chosen in warm-up: under the load of a build they would be others."""
    said: list[str] = []

    class Built:
        def __init__(self, name: str) -> None:
            self.name, self.is_built = name, False

        def give(self, word: int) -> None:
            assert word == tokens.WARM_UP
            said.append(f"{self.name} warms up")

        def answer(self, sides: object, tick: object) -> int:
            if not self.is_built:
                said.append(f"{self.name} is built")
            self.is_built = True
            return 1

    def launch(self: Any, run: Any, module: str) -> None:
        said.append(f"{run.name} starts")
        self.started.append(Started(at=datetime.now(UTC), launch_s=0.0))
        self.sides.append(Built(run.name))

    monkeypatch.setattr(type(stage()), "_launch", launch)
    monkeypatch.setattr(duet, "require_shared_memory_for", lambda *runs: None)
    monkeypatch.setattr(duet, "require_room", lambda *given: said.append("there is room"))
    monkeypatch.setattr(duet, "gpu_free_gib", lambda indices: {})
    monkeypatch.setattr(duet, "may_be_short", lambda *configs: False)
    first, second = (
        SimpleNamespace(
            name=name,
            gpu_indices=list,
            config=None,
            topology=SimpleNamespace(places=[SimpleNamespace(cores=(0,))]),
        )
        for name in ("first", "second")
    )
    playing = stage()
    playing.score = replace(playing.score, check_memory=check_memory)
    playing.build(first, second, flipped=False)  # type: ignore[arg-type]
    alone = ["first is built", "first warms up", "there is room", "second starts"]
    together = ["second starts", "first is built", "second is built", "first warms up"]
    rest = ["second is built"] if check_memory else []
    assert said == [
        "first starts",
        *(alone if check_memory else together),
        *rest,
        "second warms up",
    ]


class Playing:
    """Both sides of a duet on GPU 0, made up; the driver's answers are played back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, recording: Recording) -> None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        self.library = RecordedNvml(recording, gpus=1)
        self.fails = ""
        monkeypatch.setattr(duet.nvml, "session", self.library.session)
        monkeypatch.setattr(duet, "open_watch", self._open_watch)
        monkeypatch.setattr(duet._Stage, "build", lambda stage, *sides, flipped: None)
        monkeypatch.setattr(duet._Stage, "fitting_steps", lambda stage: 10)
        monkeypatch.setattr(duet._Stage, "take_turns", lambda stage, steps: self._take_turns(stage))

    def _open_watch(self, library: Any, visible: list[int]) -> GpuWatch:
        watch = open_watch(library, visible)
        watch.clock = lambda: self.library.now_s
        return watch

    def _take_turns(self, stage: duet._Stage) -> float:
        for _ in range(10):
            stage.watch()
            self.library.now_s += 0.5
        if self.fails:
            raise SessionFailed(Failure(rank=0, what=self.fails, log="", log_tail=()))
        stage.sides = [SimpleNamespace(finish=lambda: None)] * 2  # type: ignore[list-item]
        stage.started = [Started(at=datetime.now(UTC), launch_s=1.0)] * 2
        return 0.0

    def __call__(self) -> duet.Played:
        run: Any = SimpleNamespace(gpu_indices=lambda: [0])
        score = Score(pairs=1, block_steps=0, more=False, check_memory=False)
        return duet.play(run, run, score, 1, "ab", lambda done: None, [])


def test_what_a_gpu_took_is_neither_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Playing(monkeypatch, QUIET)().use.seen
    assert seen is not None
    assert (seen.samples, seen.power_w, seen.energy_j) == ((10,), (650,), ())
    assert seen.energy_by == "none: both sides of a duet share the GPUs"


def test_a_lost_gpu_ends_a_duet_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    playing = Playing(monkeypatch, lost_at(2.0, gpu=0))
    playing.fails = "rank 0: AcceleratorError: CUDA error: unknown error"
    with pytest.raises(
        SessionFailed, match=r"^GPU 0 was lost 2 s into the window \(GPU is lost\); r"
    ):
        playing()

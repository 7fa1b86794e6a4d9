"""How long a duet lasts, how its sides are built, and what it hands back; sides are made up."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.gpu import nvml
from resnext_bench.reports.schema.comparison import Order
from resnext_bench.reports.schema.record import Failure
from resnext_bench.session.turns.blocks import Lengths
from resnext_bench.session.turns.duet import Played, Score, may_be_short, play
from resnext_bench.session.watching import watching
from tests.machine.recorded_nvml import QUIET, RecordedNvml, lost_at
from tests.session.made_duets import made_setup
from tests.session.turns.made_sides import MadeSide, Scene, made_means

SCORE = Score(pairs=2, block_steps=7, more=False, check_memory=False)


def played(
    root: Path,
    scene: Scene,
    sides: Iterable[MadeSide],
    score: Score = SCORE,
    order: Order = "ab",
    tick: Callable[[int], None] = lambda done: None,
    **b: Any,
) -> tuple[Played, Lengths]:
    so_far: Lengths = []
    a, other = made_setup(root), made_setup(root, **b)
    means = made_means(scene, sides)
    return play(a, other, score, 1, order, tick, so_far, means), so_far


def both(scene: Scene, **how: Any) -> list[MadeSide]:
    return [MadeSide(scene, name, **how) for name in "ab"]


@pytest.mark.parametrize(("order", "built"), [("ab", ("one", "two")), ("ba", ("two", "one"))])
def test_order_decides_who_is_first(tmp_path: Path, order: Order, built: tuple[str, str]) -> None:
    scene, done = Scene(), []
    score = replace(SCORE, modules=("one", "two"))
    found, so_far = played(tmp_path, scene, both(scene), score, order, done.append)
    assert tuple(scene.modules) == built
    assert scene.order == "abbaab", "sides are called as they were built"
    assert (len(so_far), found.block_steps) == (3, 7)
    assert done == sorted(done)
    assert (scene.rooms[0].steps, scene.rooms[0].block) == (3 * 8, 8), "one step of each is dropped"


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_each_side_gets_its_own_steps(tmp_path: Path, order: Order) -> None:
    """Sides are built in the order of their turns; a's steps of 10 ms are a's in either."""
    scene = Scene()
    a = MadeSide(scene, "a", step_ns=10_000_000)
    b = MadeSide(scene, "b", step_ns=20_000_000)
    found, _ = played(tmp_path, scene, (a, b) if order == "ab" else (b, a), order=order)
    first, second = (result.samples[0].step_ns[0] for result in found.results)
    assert (first, second) == (10_000_000, 20_000_000)


def test_what_each_side_took_to_start_is_its_own(tmp_path: Path) -> None:
    for order in ("ab", "ba"):
        scene = Scene()
        first, second = MadeSide(scene, "x", build_s=3.0), MadeSide(scene, "y", build_s=4.0)
        found, _ = played(tmp_path, scene, (first, second), order=order)  # type: ignore[arg-type]
        took = tuple(started.launch_s for started in found.started)
        assert took == ((3.0, 7.0) if order == "ab" else (7.0, 3.0))


@pytest.mark.parametrize(("step_ms", "steps"), [((10, 40), 10), ((400, 10), 3), ((10, 200), 5)])
def test_the_slower_side_decides_how_long_a_block_is(
    tmp_path: Path, step_ms: tuple[int, int], steps: int
) -> None:
    scene = Scene()
    sides = [
        MadeSide(scene, name, step_ns=one * 1_000_000)
        for name, one in zip("ab", step_ms, strict=True)
    ]
    found, _ = played(tmp_path, scene, sides, replace(SCORE, block_steps=0))
    assert found.block_steps == steps


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
    assert may_be_short(*configs) is short


@pytest.mark.parametrize(
    ("built_s", "lengths_s", "pairs"),
    [
        (100.0, [1.0, 2.0, 4.0], 22),  # pairs scatter: as long as building took, 4.7 s each
        (0.0, [1.0, 2.0, 4.0], 4),  # building took no time: not longer than asked for
        (100.0, [1.5], 4),  # all alike: no more are needed
        (2000.0, [1.0, 2.0, 4.0], 200),  # not for ever
    ],
)
def test_more_pairs_where_they_scatter_and_the_launch_was_dear(
    tmp_path: Path, built_s: float, lengths_s: list[float], pairs: int
) -> None:
    scene = Scene()
    taken = cycle(lengths_s * 2 + lengths_s[::-1] + lengths_s[:1])
    a = MadeSide(scene, "a", block_s=taken, build_s=built_s)
    sides = [a, MadeSide(scene, "b", block_s=taken)]
    _, so_far = played(tmp_path, scene, sides, replace(SCORE, pairs=4, more=True))
    assert len(so_far) - 1 == pairs


@pytest.mark.parametrize(("ends_s", "pairs"), [(0.0, 4), (11.0, 6), (1e9, 20)])
def test_the_end_of_the_budget_cuts_a_session_after_whole_quads(
    tmp_path: Path, ends_s: float, pairs: int
) -> None:
    """Pairs of two seconds each; four of them at least, and one before that does not count."""
    scene = Scene()
    score = replace(SCORE, pairs=20, ends_s=ends_s)
    _, so_far = played(tmp_path, scene, both(scene, block_s=1.0), score)
    assert len(so_far) - 1 == pairs


@pytest.mark.parametrize("check_memory", [True, False])
def test_the_second_side_waits_where_memory_is_checked(tmp_path: Path, check_memory: bool) -> None:
    scene = Scene()
    played(tmp_path, scene, both(scene), replace(SCORE, check_memory=check_memory))
    alone = ["a is built", "a warms up", "b starts", "b is built", "b warms up"]
    together = ["b starts", "a is built", "b is built", "a warms up", "b warms up"]
    assert scene.said[:6] == ["a starts", *(alone if check_memory else together)]


def failing(scene: Scene, what: str) -> Callable[[int], None]:
    def ends(token: int) -> None:
        scene.now += 5.0
        raise SessionFailed(Failure(rank=0, what=what, log="", log_tail=()))

    return ends


class Watched:
    """A duet on GPU 0; the driver's answers are played back while blocks of 0.5 s pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, library: RecordedNvml) -> None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(nvml, "session", library.session)
        self.library = library

    def __call__(self, root: Path, scene: Scene, sides: Iterable[MadeSide]) -> Played:
        means = replace(made_means(scene, sides), watching=lambda indices: watching([0]))
        a, b = made_setup(root), made_setup(root)
        return play(a, b, SCORE, 1, "ab", lambda done: None, [], means)


def test_what_a_gpu_took_is_neither_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    seen = Watched(monkeypatch, RecordedNvml(QUIET, gpus=1))(
        tmp_path, scene, both(scene, block_s=0.5)
    ).use.seen
    assert seen is not None
    assert (seen.samples, seen.power_w, seen.energy_j) == ((6,), (650,), ())
    assert seen.energy_by == "none: both sides of a duet share the GPUs"


def test_a_lost_gpu_ends_a_duet_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, library = Scene(), RecordedNvml(lost_at(2.0, gpu=0), gpus=1)
    what = "rank 0: AcceleratorError: CUDA error: unknown error"

    def ends(token: int) -> None:
        library.now_s = 2.0
        failing(scene, what)(token)

    sides = MadeSide(scene, "a"), MadeSide(scene, "b", ends=ends)
    with pytest.raises(SessionFailed, match=r"^GPU 0 was lost .* \(GPU is lost\); rank 0: Acc"):
        Watched(monkeypatch, library)(tmp_path, scene, sides)

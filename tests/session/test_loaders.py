"""A sweep of loaders: which settings take turns, and what each side loads."""

from pathlib import Path
from typing import Any

import pytest

from resnext_bench.config import memory
from resnext_bench.config.memory import NoSharedMemory
from resnext_bench.errors import CannotHere, RunFailed
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.host.memory import SharedMemory
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.loaders import Setting
from resnext_bench.reports.schema.record import Failure, FailureKind
from resnext_bench.session import loaders as under_test
from resnext_bench.session.loaders import Sweep, groups
from resnext_bench.session.setup import Setup, set_up
from resnext_bench.session.turns.rounds import Rounds
from tests.reports.made_loaders import setting
from tests.reports.made_results import even_samples, made_facts, made_result

STEP_MS = {1: 100, 2: 51, 4: 50}
"""Of a batch, by threads."""


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    request: dict[str, Any] = {
        "pipeline": "torchvision",
        "device": "cpu",
        "batch_size": 10,
        "loader_threads": 1,
    }
    setup = set_up(request, inspect(), root=tmp_path, command=(), tell=lambda *_: None)
    return Sweep(setup=setup, rounds=4, tell=lambda *_: None)


def settings(*threads: int) -> list[Setting]:
    return [setting(count, pipeline="torchvision") for count in threads]


def made(runs: list[Setup], **facts: Any) -> Rounds:
    """What a side's threads make of it."""
    steps = [[STEP_MS[run.config.loader_threads]] * 10 for run in runs]
    return Rounds(
        step_ms=(),
        block_steps=(2,) * len(runs),
        results=tuple(
            made_result(even_samples(0, each), facts=[made_facts(0, **facts)]) for each in steps
        ),
        quiet_percent=0.0,
        built_s=(1.0,) * len(runs),
    )


def test_threads_then_prefetch_at_the_knee(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[list[tuple[int, int]]] = []

    def play_rounds(runs: list[Setup], number: int, **how: Any) -> Rounds:
        assert all(run.part == "load" for run in runs)
        assert how["rounds"] == 4
        played.append([(run.config.loader_threads, run.config.prefetch) for run in runs])
        return made(runs)

    monkeypatch.setattr(under_test, "play_rounds", play_rounds)
    swept = sweep.take(settings(1, 2, 4), [1, 2, 8])
    assert played == [[(1, 2), (2, 2), (4, 2)], [(2, 1), (2, 2), (2, 8)]]
    rates = [round(rate.images_per_s.value) for rate in swept.threads]
    assert rates == [100, 196, 200]
    (knee,) = swept.knees
    assert knee.setting.loader_threads == 2
    assert [rate.setting.prefetch for rate in swept.prefetch] == [1, 2, 8]
    assert not swept.invalid


def test_one_depth_is_not_swept(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "play_rounds", lambda runs, number, **how: made(runs))
    swept = sweep.take(settings(1, 2), [2])
    assert swept.prefetch == ()
    assert swept.notes == ()


def test_doubts_of_one_kind_are_told_once(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = {"counted_s": 10.0, "cpu_busy_s": 5.0, "core_busy_s": 10.0}
    monkeypatch.setattr(under_test, "play_rounds", lambda runs, number, **how: made(runs, **busy))
    (reason,) = sweep.take(settings(1, 2), [2]).invalid
    assert reason.startswith("torchvision cpu 1 thread prefetch 2: ")
    assert reason.endswith("(and 1 more settings)")


def test_too_many_settings_take_turns_by_pipeline() -> None:
    many = [
        setting(count, pipeline=name)
        for name in ("dali", "torchvision")
        for count in (1, 2, 4, 8, 16)
    ]
    assert [len(group) for group in groups(many)] == [5, 5]
    assert [len(group) for group in groups(many[:8])] == [8]


@pytest.mark.parametrize(("count", "sizes"), [(9, [4, 5]), (16, [8, 8]), (20, [6, 7, 7])])
def test_no_more_than_eight_take_turns_at_once(count: int, sizes: list[int]) -> None:
    many = [setting(1 + place) for place in range(count)]
    found = groups(many)
    assert [len(group) for group in found] == sizes
    assert [one for group in found for one in group] == many


def test_depths_of_prefetch_are_as_few_at_once(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[int] = []

    def play_rounds(runs: list[Setup], number: int, **how: Any) -> Rounds:
        played.append(len(runs))
        return made(runs)

    monkeypatch.setattr(under_test, "play_rounds", play_rounds)
    assert len(sweep.take(settings(1), range(1, 11)).prefetch) == 10
    assert played == [1, 5, 5]


@pytest.mark.parametrize(("kind", "error"), [("out_of_memory", CannotHere), ("error", RunFailed)])
def test_a_lack_of_memory_is_told_from_other_failures(
    kind: FailureKind, error: type[Exception], sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play_rounds(*_: Any, **__: Any) -> None:
        raise SessionFailed(Failure(rank=0, kind=kind, what="rank 0: gone", log="", log_tail=()))

    monkeypatch.setattr(under_test, "play_rounds", play_rounds)
    with pytest.raises(error, match="rank 0: gone"):
        sweep.take(settings(1, 2), [2])


def only(mib: float) -> Any:
    """What /dev/shm has."""
    size = int(mib * 2**20)
    return lambda: SharedMemory(total=size, free=size)


def test_loaders_that_shared_memory_cannot_hold_at_once(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them alone would fit: 10 pictures of 128 x 128 are half a MiB."""
    monkeypatch.setattr(under_test, "play_rounds", lambda runs, number, **how: made(runs))
    monkeypatch.setattr(memory, "shared_memory", only(6))
    with pytest.raises(NoSharedMemory, match=r"^3 sides at once: shared memory is too small"):
        sweep.take(settings(1, 2, 4), [2])


@pytest.mark.parametrize(
    ("mib", "depths"),
    [(10, [2, 4]), (4, [])],
    ids=["one alone", "all at once"],
)
def test_what_was_measured_is_kept_where_deeper_queues_do_not_fit(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, mib: float, depths: list[int]
) -> None:
    monkeypatch.setattr(under_test, "play_rounds", lambda runs, number, **how: made(runs))
    monkeypatch.setattr(memory, "shared_memory", only(mib))
    swept = sweep.take(settings(1), [2, 4, 64])
    assert len(swept.threads) == 1
    assert [rate.setting.prefetch for rate in swept.prefetch] == depths
    told = [note for note in swept.notes if "left out" in note]
    assert told[0].startswith("--prefetch 64 of torchvision left out: --pipeline torchvision: sha")
    rest = [] if depths else ["--prefetch 2, 4 of torchvision left out: 2 sides at once: shared "]
    assert [note[: len(rest[0])] for note in told[1:]] == rest

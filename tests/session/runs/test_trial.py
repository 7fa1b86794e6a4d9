"""A trial meets at once what a real run meets later, and leaves room for what it cannot meet."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch

from resnext_bench.config.resolve import DataFacts
from resnext_bench.job import MOST_HELD, ImageList, Job
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.pipelines.images.file_verdicts import Verdict, save, stamp
from resnext_bench.pipelines.shards.ranges import Ranges
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.record import Failure, FailureKind
from resnext_bench.session.data import Data
from resnext_bench.session.runs import trial
from resnext_bench.session.runs.trial import TooLarge, peak_gib
from resnext_bench.session.setup import Setup, set_up
from resnext_bench.worker import group
from resnext_bench.worker.memory import keep_aside
from tests.machine.made_machines import made_machine
from tests.reports.made_results import made_facts
from tests.worker.made_training import LAPTOP

REQUEST = {"pipeline": "synthetic", "batch_size": 2, "profile": True}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(trial, "cache_dir", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def made_data(root: Path, sizes: dict[str, int], ranges: Ranges | None = None) -> Data:
    for name, size in sizes.items():
        (root / name).write_bytes(bytes(size))
    images = ImageList(files=list(sizes), labels=list(range(len(sizes))), ranges=ranges)
    return Data(
        facts=DataFacts(root=str(root), classes=9, images=len(sizes), made=False), images=images
    )


def tried(root: Path, data: Data) -> ImageList:
    """The images of a trial of two."""
    setup = set_up(REQUEST, LAPTOP, root=root, command=(), tell=lambda *_: None)
    found = trial._largest(replace(setup, data=data))
    assert found
    return found.images


def test_the_largest_files_are_tried(tmp_path: Path, cache: Path) -> None:
    sizes = {"a.jpg": 10, "b.jpg": 900, "c.jpg": 20, "d.jpg": 800}
    found = tried(tmp_path, made_data(tmp_path, sizes))
    assert (found.files, found.labels) == (["b.jpg", "d.jpg"], [1, 3])


def test_pictures_whose_pixels_are_known_are_compared_by_these(tmp_path: Path, cache: Path) -> None:
    """A small file may hold a large picture."""
    sizes = {"a.jpg": 10, "b.jpg": 900, "c.jpg": 20}
    data = made_data(tmp_path, sizes)
    sides = {"a.jpg": 4000, "b.jpg": 100, "c.jpg": 3000}
    known = {
        name: (stamp(tmp_path / name), Verdict(width=side, height=side))
        for name, side in sides.items()
    }
    save(cache, tmp_path, known)
    assert tried(tmp_path, data).files == ["a.jpg", "c.jpg"]


def test_samples_in_shards_by_their_lengths(tmp_path: Path, cache: Path) -> None:
    lengths = (5, 70, 6)
    ranges = Ranges(
        paths=("x.tar",), stamps=((1, 1),), shard=(0, 0, 0), offset=(0, 5, 75), length=lengths
    )
    found = tried(tmp_path, made_data(tmp_path, {"a": 1, "b": 1, "c": 1}, ranges))
    assert found.files == ["b", "c"]
    assert found.ranges
    assert found.ranges.length == (70, 6)


def test_sets_smaller_than_a_batch_stay_whole(tmp_path: Path, cache: Path) -> None:
    assert tried(tmp_path, made_data(tmp_path, {"a.jpg": 1})).files == ["a.jpg"]


def test_ranks_keep_memory_of_a_gpu_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a rank kept aside is not what it needs."""
    jobs: list[Job] = []

    def measure(run: Any, number: int, *_: object) -> None:
        jobs.append(run.setup.job(number, 1.0))
        run.results.append(SimpleNamespace(facts=(made_facts(reserved_gib=10.0),)))

    monkeypatch.setattr(trial, "measure_session", measure)
    machine = made_machine(cores=8, gpus=1)
    spare = trial.spare_gib({}, machine)
    asked: Request = {**REQUEST, "device": "cuda", "profile": True, "profile_memory": True}
    assert peak_gib(asked, machine) == 10.0 - spare
    assert jobs[0].spare_gib == spare >= trial.LEAST_SPARE_GIB
    assert jobs[0].config.steps == MOST_HELD, "as many batches are kept as in a long run"
    assert jobs[0].config.profile_steps == 0, "a profiler's buffers are no part of a step"
    assert peak_gib({**REQUEST, "device": "cpu"}, machine) == 10.0
    assert jobs[1].spare_gib == 0
    assert jobs[1].config.steps < MOST_HELD


def test_a_run_of_two_models_in_turn_has_half_of_the_memory_for_each() -> None:
    machine = made_machine(cores=8, gpus=1, memory_gib=80.0)
    alone, beside = (trial.spare_gib(one, machine) for one in ({}, {"attribute": True}))
    assert (alone, beside) == (1.25, 41.25)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("out_of_memory", TooLarge),
        ("shared_memory", TooLarge),
        ("killed", TooLarge),
        ("no_engine", TooLarge),
        ("error", SessionFailed),
        ("timeout", SessionFailed),
        ("gpu_busy", SessionFailed),
    ],
)
def test_which_ends_say_that_a_batch_is_too_large(
    kind: FailureKind, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object) -> None:
        raise SessionFailed(Failure(rank=0, kind=kind, what="gone", log="", log_tail=()))

    monkeypatch.setattr(trial, "measure_session", measure)
    with pytest.raises(error) as raised:
        peak_gib(REQUEST, LAPTOP)
    if isinstance(raised.value, TooLarge):
        assert raised.value.is_memory is (kind != "no_engine")


def test_a_setup_hands_it_to_its_ranks_alone_in_trials(tmp_path: Path) -> None:
    setup: Setup = set_up(REQUEST, LAPTOP, root=tmp_path, command=(), tell=lambda *_: None)
    assert setup.job(1, 1.0).spare_gib == 0
    told = msgspec.json.decode(msgspec.json.encode(replace(setup, spare_gib=1.5).job(1, 1.0)))
    assert told["spare_gib"] == 1.5


def test_what_is_kept_aside_is_as_large_as_asked() -> None:
    meta = torch.device("meta")  # it has sizes, and no memory
    found = keep_aside(2**-10, meta)
    assert found is not None
    assert found.numel() == 2**20
    assert keep_aside(0.0, meta) is keep_aside(1.0, torch.device("cpu")) is None


def test_nccl_takes_its_buffers_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every kind of collective; others have no buffers on a GPU."""
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    used: list[str] = []
    for name in ("all_reduce", "broadcast", "reduce", "all_gather_into_tensor", "gather_object"):
        real = getattr(group.dist, name)
        monkeypatch.setattr(
            group.dist, name, lambda *a, _n=name, _r=real, **k: (used.append(_n), _r(*a, **k))[1]
        )
    cpu = torch.device("cpu")
    try:
        group.take_buffers(cpu, 1.0)
        assert used == []
        monkeypatch.setattr(group.dist, "get_backend", lambda: "nccl")
        group.take_buffers(cpu, 1.0)
    finally:
        torch.distributed.destroy_process_group()
    each = ["all_reduce", "broadcast", "reduce", "all_gather_into_tensor"]
    assert used == [*each, *each, "gather_object"]

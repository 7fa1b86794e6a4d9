"""The profiled pass of one rank, in this process: what its trace says."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.worker import session
from bench.worker.entry import Rank
from bench.worker.profile import profile
from bench.worker.training import build_model
from reports.schema.samples import Profiled
from tests.worker.made_training import CPU, made_config, made_training
from tests.worker.test_resident import made_rank

STEPS = 2


def profiled(folder: Path, **options: Any) -> tuple[Profiled, list[dict[str, Any]]]:
    """The pass and the events of its trace."""
    config = made_config(warm_up=1, steps=2, profile_steps=STEPS, **options)
    rank = made_rank(folder / "made" / "session-1", config)
    job = msgspec.structs.replace(rank.job, root=str(folder))
    rank = Rank(folder=rank.folder, job=job, place=rank.place, rank=0, file=rank.file)
    module = build_model(config, CPU)
    told = profile(rank, made_training(config, module))
    assert all(not layer._forward_hooks for layer in module.modules())
    with gzip.open(told.trace) as file:
        return told, json.load(file)["traceEvents"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profiled, list[dict[str, Any]]]:
    return profiled(tmp_path_factory.mktemp("runs"))


def named(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event.get("name") == name and event.get("ph") == "X"]


def inside(inner: dict[str, Any], outer: dict[str, Any]) -> bool:
    after = inner["ts"] >= outer["ts"]
    return bool(after and inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"])


def test_the_trace_has_the_steps_and_their_parts(found: tuple[Profiled, Any]) -> None:
    _, events = found
    steps = [event for event in events if event.get("name", "").startswith("ProfilerStep#")]
    assert len(steps) == STEPS
    for part in ("next batch", "copy", "forward", "backward", "optimizer"):
        ranges = named(events, f"## {part} ##")
        assert len(ranges) == STEPS, part
        assert all(inside(one, step) for one, step in zip(ranges, steps, strict=True))


def test_operations_stand_inside_their_layer(found: tuple[Profiled, Any]) -> None:
    _, events = found
    layers = named(events, "## layer1.0.conv1: Conv2d ##")
    assert len(layers) == STEPS
    convs = named(events, "aten::conv2d")
    assert all(any(inside(conv, layer) for conv in convs) for layer in layers)
    assert convs[0]["args"]["Input Dims"]  # shapes are recorded


def test_what_is_told_of_it(found: tuple[Profiled, Any]) -> None:
    told, events = found
    assert told.size == Path(told.trace).stat().st_size
    assert told.trace.endswith(".pt.trace.json.gz")
    assert Path(told.trace).parent.parent.name == "made"  # beside the run's record
    steps = [one for one in events if one.get("name", "").startswith("ProfilerStep#")]
    longest = sum(step["dur"] for step in steps) / 1e3 / STEPS
    assert 0 < told.step_ms < 2 * longest


def test_only_the_last_session_is_profiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory and its threads would be the next session's, were it in the same processes."""
    calls: list[int] = []
    told = Profiled(rank=0, host="a", trace="t", size=1, steps=1, step_ms=1.0)
    monkeypatch.setattr(session, "profile", lambda rank, _: calls.append(rank.job.session) or told)
    config = made_config(warm_up=1, steps=2, sessions=2, profile_steps=1)
    for number in (1, 2):
        rank = made_rank(tmp_path / str(number), config)
        job = msgspec.structs.replace(rank.job, session=number)
        session.run_rank(
            Rank(folder=rank.folder, job=job, place=rank.place, rank=0, file=rank.file)
        )
    assert calls == [2]

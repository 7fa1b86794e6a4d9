"""The profiled pass of one rank, in this process: what its trace says."""

import errno
import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from resnext_bench.launch.commands import KEEP_MEMORY
from resnext_bench.launch.watch import read_result
from resnext_bench.reports.schema.samples import Profiled
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.resnext.cost import flops, total_flops
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.worker import profile as under_test
from resnext_bench.worker import session
from resnext_bench.worker.entry import Rank
from resnext_bench.worker.profile import Pass, make_room, profile, record
from resnext_bench.worker.training import build_model
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
    told = profile(rank, made_training(config, module), STEPS)
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


def test_modules_have_the_flop_of_the_network(found: tuple[Profiled, Any], tmp_path: Path) -> None:
    """Those of its own arithmetic, and the same by recorded shapes, to the last one."""
    told, _ = found
    config = made_config()
    drawn = draw(parse(config.model), config.image_size)
    for is_told in (True, False):
        path = Path(told.trace) if is_told else without_network(Path(told.trace), tmp_path)
        layers = report(analyse(path)).layers
        assert layers
        assert layers.flop_from == ("model" if is_told else "shapes")
        rows = {row.name: row for row in layers.rows}
        times = STEPS * config.batch_size
        for layer in drawn:
            if layer.multiply_adds and (layer.kind == "conv" or is_told):
                one = flops(layer)
                assert rows[layer.name].forward_flop == times * one.forward
                back = one.input_gradient + one.weight_gradient
                assert rows[layer.name].backward_flop == times * back
        if is_told:
            top = [row for row in layers.rows if row.above is None]
            every = sum((row.forward_flop or 0) + (row.backward_flop or 0) for row in top)
            assert every == times * total_flops(drawn).total
        own = sum(row.own_ns for row in layers.rows)
        assert own + sum(row.total_ns for row in layers.outside) == layers.work_ns
        assert rows["layer1.0"].type == "Bottleneck"
        assert all(row.calls == STEPS for row in layers.rows)


def without_network(trace: Path, folder: Path) -> Path:
    """The same trace of a network that is not known."""
    with gzip.open(trace) as file:
        told = json.load(file)
    assert told.pop("resnext_bench")["model"] == "resnext14_4x4d"
    path = folder / "other.pt.trace.json"
    path.write_text(json.dumps(told))
    return path


def test_what_is_told_of_it(found: tuple[Profiled, Any]) -> None:
    told, events = found
    assert told.size == Path(told.trace).stat().st_size
    assert told.trace.endswith(".pt.trace.json.gz")
    assert Path(told.trace).parent.parent.name == "made"  # beside the run's record
    steps = [one for one in events if one.get("name", "").startswith("ProfilerStep#")]
    longest = sum(step["dur"] for step in steps) / 1e3 / STEPS
    assert 0 < told.step_ms < 2 * longest


class Net(nn.Module):
    """Small, and of two named layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.conv(images).mean((2, 3)))  # type: ignore[no-any-return]


def half_scripted() -> nn.Module:
    net = Net()
    net.conv = torch.jit.script(net.conv)
    return net


def in_place() -> nn.Module:
    net = Net()
    net.compile(backend="eager")
    return net


OTHERS: dict[str, tuple[Callable[[], nn.Module], set[str]]] = {
    "scripted": (lambda: torch.jit.script(Net()), set()),
    "traced": (lambda: torch.jit.trace(Net(), torch.randn(2, 3, 32, 32)), set()),
    "half scripted": (half_scripted, {"head"}),
    "compiled": (lambda: torch.compile(Net(), backend="eager"), set()),
    "compiled in place": (in_place, set()),
    "plain": (Net, {"conv", "head"}),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("pixels", ["fp32", "uint8"])
def test_what_runs_is_profiled(tmp_path: Path, kind: str, pixels: str) -> None:
    """Layers that take no hooks have no names in the trace; all else stands in it."""
    make, named_layers = OTHERS[kind]
    config = msgspec.structs.replace(made_config(warm_up=1), model="x:y", pixels=pixels)
    training = made_training(config, make())
    if pixels == "uint8":
        images, labels = next(iter(training.batches))
        batches = iter(lambda: (torch.zeros_like(images, dtype=torch.uint8), labels), None)
        training = replace(training, batches=batches)
    found = record(training, folder=tmp_path, name="x", active=1, compiled=False)
    with gzip.open(found.trace) as file:
        events = json.load(file)["traceEvents"]
    labels_seen = {event["name"] for event in events if "## " in event.get("name", "")}
    layers = {name.split()[1].removesuffix(":") for name in labels_seen if ": " in name}
    assert layers == named_layers
    assert "## forward ##" in labels_seen


def test_only_the_last_session_is_profiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory and its threads would be the next session's, were it in the same processes."""
    calls: list[int] = []
    monkeypatch.setattr(
        session, "profiled_pass", lambda rank, _, steps: calls.append(rank.job.session) or Pass()
    )
    config = made_config(warm_up=1, steps=2, sessions=2, profile_steps=1)
    for number in (1, 2):
        rank = made_rank(tmp_path / str(number), config)
        job = msgspec.structs.replace(rank.job, session=number)
        session.run_rank(
            Rank(folder=rank.folder, job=job, place=rank.place, rank=0, file=rank.file)
        )
    assert calls == [2]


@pytest.mark.parametrize(
    "number",
    [
        errno.ENOSPC,
        pytest.param(errno.EDQUOT, marks=pytest.mark.slow),
        pytest.param(errno.EIO, marks=pytest.mark.slow),
    ],
)
def test_a_trace_that_cannot_be_written_costs_no_more(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured before is handed over; no part of a trace is left."""

    def full(folder: str, worker_name: str, use_gzip: bool) -> Callable[[object], None]:
        def write(profiler: object) -> None:
            (Path(folder) / f"{worker_name}.1.pt.trace.json.gz").write_bytes(b"half")
            raise OSError(number, os.strerror(number))

        return write

    monkeypatch.setattr(under_test, "tensorboard_trace_handler", full)
    rank = made_rank(tmp_path, made_config(warm_up=1, steps=2, profile_steps=1))
    session.run_rank(rank)
    facts = read_result(rank.folder).facts[0]
    assert facts.profiled is None
    assert facts.unwritten is not None
    assert facts.unwritten[:2] == (number, os.strerror(number))
    assert not list(tmp_path.rglob("*.gz"))


@pytest.fixture
def kept_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEEP_MEMORY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(under_test, "free_memory_gib", lambda: 16 * 1e6 / 2**30)


@pytest.mark.usefixtures("kept_memory")
@pytest.mark.parametrize(("parameters", "size"), [(1000, 10_000), (10**9, 10**6)])
def test_room_of_twice_the_parameters_a_step_within_an_eighth_of_what_is_free(
    parameters: int, size: int
) -> None:
    assert make_room(parameters, 5) == size


@pytest.mark.parametrize("name", list(KEEP_MEMORY))
@pytest.mark.usefixtures("kept_memory")
def test_no_room_where_the_heap_keeps_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    assert make_room(1000, 5) == 0

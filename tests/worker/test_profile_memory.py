"""Memory in the trace of a rank, in this process: what it notes, and what that comes to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.profiler._memory_profiler import Action

from resnext_bench.reports.schema.trace_memory import MemoryPart, MemoryReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.memory.device_types import NUMBERS
from resnext_bench.reports.trace.memory.memory import memory
from resnext_bench.reports.trace.memory.noted import NOTED, noted
from resnext_bench.reports.trace.reading.read import read
from resnext_bench.worker.memory_notes import setting
from resnext_bench.worker.profile import record, trained
from resnext_bench.worker.training import build_model
from tests.worker.made_training import CPU, made_config, made_training

STEPS = 2


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    """A rank's trace with memory, and the model that was trained."""
    config = made_config(warm_up=1, steps=2, profile_memory=True)
    module = build_model(config, CPU)
    found = record(
        made_training(config, module),
        folder=tmp_path_factory.mktemp("memory"),
        name="x",
        active=STEPS,
        compiled=False,
        trained=trained(config),
        memory_of=config,
    )
    return found.trace, module


@pytest.fixture(scope="module")
def report(profiled: tuple[Path, nn.Module]) -> MemoryReport:
    return memory(analyse(profiled[0]))


def sizes(parts: list[MemoryPart]) -> dict[str, int]:
    return {one.name: one.bytes for one in parts}


def test_a_rank_notes_parameters_gradients_and_states(profiled: tuple[Path, nn.Module]) -> None:
    trace, module = profiled
    notes = noted(read(trace).header)
    assert notes is not None
    parameters = {name: one.nbytes for name, one in module.named_parameters()}
    for step in range(STEPS):
        mine = [one for one in notes.storages if one.step == step]
        for kind in ("parameters", "gradients"):
            assert {one.name: one.bytes for one in mine if one.kind == kind} == parameters
        states = {one.name: one.bytes for one in mine if one.kind == "optimizer"}
        assert states == {f"{name}: momentum_buffer": size for name, size in parameters.items()}
        buffers = {one.name for one in mine if one.kind == "buffers"}
        assert buffers == {name for name, _ in module.named_buffers()}
    assert {one.step for one in notes.storages} == set(range(STEPS))


def test_parts_of_the_peak_add_up_to_the_allocators_own_total(
    profiled: tuple[Path, nn.Module], report: MemoryReport
) -> None:
    (found,) = report.devices
    peak = found.peak
    assert peak.bytes == int(read(profiled[0]).memory.total.max())
    assert (found.device, peak.not_recorded, report.facts) == ("CPU", 0, [])
    for parts in (peak.kinds, peak.lifetimes, peak.operators, peak.modules):
        assert sum(one.bytes for one in parts) == peak.bytes
    assert sum(one.bytes for one in peak.blocks) == peak.bytes
    assert sizes(peak.kinds)["gradients"] == sum(one.nbytes for one in profiled[1].parameters())
    assert any(one.name == "fc.weight" and one.kind == "gradients" for one in peak.blocks)


def test_it_is_what_was_calculated(report: MemoryReport, profiled: tuple[Path, nn.Module]) -> None:
    """To the byte, but for what calculating leaves out: logits, and what the loss keeps."""
    (found,) = report.devices
    told = found.calculated
    assert told is not None
    assert found.resident is not None
    assert not found.resident.is_in_total
    parameters = sum(one.nbytes for one in profiled[1].parameters())
    buffers = sum(one.nbytes for one in profiled[1].buffers())
    assert told.measured["parameters"] == told.parameters == parameters + buffers
    assert told.measured["gradients"] == told.gradients == parameters
    assert told.measured["optimizer"] == told.optimizer == parameters
    assert told.measured["batch"] == told.batch
    assert told.buckets == 0
    logits = 2 * 1000 * 4  # log-softmax of two images, which the loss keeps
    assert 0 <= told.measured["activations"] - told.activations - logits < 100
    outside = sum(one.bytes for one in found.resident.kinds)
    assert told.measured["peak"] == found.peak.bytes + outside
    assert told.measured["peak"] == pytest.approx(told.peak, rel=0.02)


def test_buckets_are_calculated_and_not_noted(profiled: tuple[Path, nn.Module]) -> None:
    analysis = analyse(profiled[0])
    header = dict(analysis.trace.header)
    header[NOTED] = {**header[NOTED], "buckets": "beside"}
    ranks = replace(analysis, trace=replace(analysis.trace, header=header))
    ((one,), (alone,)) = (memory(found).devices for found in (ranks, analysis))
    assert one.calculated is not None
    assert alone.calculated is not None
    assert one.calculated.buckets == sum(each.nbytes for each in profiled[1].parameters())
    assert one.calculated.gradients == alone.calculated.gradients + one.calculated.buckets
    assert one.calculated.measured == alone.calculated.measured


@pytest.mark.parametrize(
    ("options", "pixel_bytes", "casts"),
    [
        ({}, 4, True),
        ({"pixels": "uint8"}, 5, False),
        ({"pixels": "uint8", "amp_dtype": "bf16"}, 3, False),
    ],
)
def test_what_calculating_needs(options: dict[str, object], pixel_bytes: int, casts: bool) -> None:
    config = msgspec.structs.replace(made_config(), **options)
    told = setting(config)
    assert (told.pixel_bytes, told.casts_images) == (pixel_bytes, casts)
    assert (told.optimizer, told.momentum, told.buckets) == ("sgd", True, "none")
    ranks = msgspec.structs.replace(config, engine="ddp")
    assert setting(ranks).buckets == "beside"
    assert setting(msgspec.structs.replace(ranks, gradient_as_bucket_view=True)).buckets == "views"


class Net(nn.Module):
    """Small, with what keeps its input, its output, and neither."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.norm(self.conv(images))).mean((2, 3)))  # type: ignore[no-any-return]


def test_kinds_by_lifetime_are_those_of_pytorchs_own_memory_profiler(tmp_path: Path) -> None:
    """It finds them by the graph of operators and Python's objects, we by when blocks live."""
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    images, labels = torch.randn(4, 3, 32, 32), torch.zeros(4, dtype=torch.int64)

    def step() -> None:
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True, record_shapes=True, with_stack=True
    ) as profiler:
        step()
        step()
    path = tmp_path / "peer.pt.trace.json"
    profiler.export_chrome_trace(str(path))
    (found,) = memory(analyse(path)).devices
    total, kinds = peak_of_torch(profiler)
    ours = sizes(found.peak.kinds)
    assert found.peak.bytes - found.before == total  # an earlier recording's are known
    assert ours["gradients"] == kinds["GRADIENT"]
    assert ours["activations"] + ours["temporary"] == kinds["ACTIVATION"]
    assert ours["gradients of activations"] == kinds["AUTOGRAD_DETAIL"]
    assert ours["workspace"] == kinds["none"]
    modules = {one.module for one in found.peak.blocks}
    assert {"Conv2d_0", "BatchNorm2d_0", "Linear_0"} <= modules


def peak_of_torch(profiler: profile) -> tuple[int, dict[str, int]]:
    """Most bytes that PyTorch's own timeline has, less those of before, and their categories."""
    told = profiler._memory_profile()
    live, best, kinds = Counter[str](), 0, dict[str, int]()

    def name(key: object, version: int) -> str:
        category = told._categories.get(key, version)
        return category.name if category else "none"

    for _, action, (key, version), size in told.timeline:
        if action is Action.PREEXISTING:
            continue
        if action is not Action.CREATE:
            live[name(key, version)] -= size
        if action is not Action.DESTROY:
            live[name(key, version + (action is Action.INCREMENT_VERSION))] += size
        if live.total() > best:
            best, kinds = live.total(), dict(live)
    return best, kinds


def test_types_of_devices_have_pytorchs_own_numbers() -> None:
    members: Mapping[str, Any] = torch._C._autograd.DeviceType.__members__
    types = {name.lower(): int(number) for name, number in members.items()}
    types["privateuseone"] = types.pop("privateuse1")
    assert {name: types.get(name) for name in NUMBERS} == NUMBERS

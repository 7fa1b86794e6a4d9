"""Layouts of convolutions, norms and maps, on a real GPU."""

import msgspec
import pytest
import torch

from resnext_bench.convs.layouts.device_jobs import Group, OfMap
from resnext_bench.convs.layouts.jobs import SIDES, MapKind, MapTask
from resnext_bench.convs.measuring.checks import keep_memory
from resnext_bench.convs.measuring.device import Cuda
from resnext_bench.convs.measuring.device_layouts import Bench, time_group, time_map
from resnext_bench.reports.schema.convs import OPERATIONS, Convolution
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype, Layout

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]
DTYPES: tuple[Dtype, ...] = ("bf16", "tf32", "fp32")
LAYOUTS: tuple[Layout, ...] = ("nhwc", "nchw")
ROUNDS = 4


def bench() -> Bench:
    keep_memory()
    return Bench(device=Cuda(torch.device("cuda", 0)), rounds=ROUNDS, block_s=0.001)


def made(dtype: Dtype, layout: Layout) -> Convolution:
    return Convolution(
        layers=("given",),
        images=(16, 256, 28, 28),
        filters=256,
        groups=32,
        kernel=(3, 3),
        stride=(1, 1),
        padding=(1, 1),
        dtype=dtype,
        layout=layout,
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_sides_are_right_captured_and_named(operation: Operation) -> None:
    sides = tuple(made(dtype, layout) for dtype in DTYPES for layout in LAYOUTS)
    found = time_group(Group(operation=operation, sides=sides), bench())
    for conv, one in zip(sides, found, strict=True):
        assert (one.why, one.is_wrong, one.is_captured) == ("", False, True), conv
        assert len(one.samples_us) == ROUNDS
        assert min(one.samples_us) > 0
        assert one.kernels
        assert one.sets > 1, "16 images of 28 x 28 are far smaller than any L2 cache"


@pytest.mark.parametrize("kind", ["convert", "norm", "max_pool", "mean_pool"])
def test_maps_are_captured_forward_and_backward(kind: MapKind) -> None:
    task = MapTask(kind=kind, shape=(16, 64, 56, 56), dtype="bf16")
    if kind == "max_pool":
        task = msgspec.structs.replace(task, kernel=3, stride=2, padding=1)
    found = time_map(OfMap(task=task), bench())
    assert len(found) == len(SIDES[kind == "convert"])
    for side, one in zip(SIDES[kind == "convert"], found, strict=True):
        assert (one.why, one.is_captured) == ("", True), side
        assert len(one.samples_us) == ROUNDS
        assert min(one.samples_us) > 0


def test_a_convolution_without_room_says_so_and_costs_no_other() -> None:
    huge = made("bf16", "nhwc")
    hungry = msgspec.structs.replace(huge, images=(2**20, 256, 28, 28))
    found = time_group(Group(operation="forward", sides=(hungry,)), bench())
    assert "no room in the GPU's memory" in found[0].why
    again = time_group(Group(operation="forward", sides=(huge,)), bench())
    assert len(again[0].samples_us) == ROUNDS

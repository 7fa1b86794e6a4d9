"""What was calculated of a network stands beside the device that trains it, and no other one."""

from pathlib import Path

import msgspec
import pytest

from resnext_bench.reports.schema.trace_memory import DeviceMemory
from resnext_bench.reports.trace.layers.known import TRAINED, Trained
from resnext_bench.reports.trace.memory.memory import memory
from resnext_bench.reports.trace.memory.noted import NOTED, Noted, Storage
from tests.reports.trace.made import Made
from tests.reports.trace.memory.made_memory import (
    BLOCK,
    CPU,
    GPU,
    PEAK,
    STEP_US,
    Allocator,
    analysed,
    steps,
)

PARAMETERS = 2 * BLOCK


def trained(made: Made, device: tuple[int, int]) -> Made:
    """A rank's of ours, whose parameters were on a device before the recording."""
    told = Trained(model="resnext14_4x4d", image_size=32, batch_size=2)
    made.header[TRAINED] = msgspec.to_builtins(told)
    weight = Storage(0, "optimizer", "parameters", "conv1.weight", 5000, PARAMETERS, *device)
    # Where the loader left the batch, and Adam its count of steps.
    images = Storage(0, "optimizer", "batch", "images", 7000, BLOCK, *CPU)
    notes = Noted(on_gpu=device != CPU, storages=[weight, images])
    made.header[NOTED] = msgspec.to_builtins(notes)
    return made


def devices(made: Made, folder: Path) -> dict[str, DeviceMemory]:
    return {one.device: one for one in memory(analysed(made, folder)).devices}


@pytest.mark.parametrize("index", [0, 1])
def test_only_of_the_device_that_has_the_parameters(index: int, tmp_path: Path) -> None:
    """Rows of a CPU, and of another GPU, stand beside those of the one that trains."""
    before = 7 * BLOCK
    made, _ = steps(before=before, device=(1, index))
    for device in (CPU, (1, 1 - index)):
        other = Allocator(made, device)
        for at in range(3):
            other.change(at * STEP_US + 45, 1000, 100)
            other.change(at * STEP_US + 900, -1000, 100)
    found = devices(trained(made, (1, index)), tmp_path)
    mine = found.pop(f"GPU {index}").calculated
    assert mine is not None
    assert mine.measured == {
        "parameters": PARAMETERS,
        "gradients": 0,
        "optimizer": 0,
        "batch": 0,
        "activations": 2 * BLOCK,
        "peak": PEAK + before,
    }
    assert {name: one.calculated for name, one in found.items()} == {
        "CPU": None,
        f"GPU {1 - index}": None,
    }


def test_a_gpus_total_has_what_was_noted_even_if_it_was_smaller(tmp_path: Path) -> None:
    before = PARAMETERS - 512
    made, _ = steps(before=before, device=GPU)
    (found,) = devices(trained(made, GPU), tmp_path).values()
    assert found.resident is not None
    assert found.resident.is_in_total
    assert found.calculated is not None
    assert found.calculated.measured["peak"] == found.peak.bytes == PEAK + before
    assert found.peak.before == before
    assert sum(one.bytes for one in found.peak.kinds) == found.peak.bytes


def test_a_cpus_total_never_has_it(tmp_path: Path) -> None:
    """Though it begins above 0 where an earlier recording of the process went before."""
    before = 7 * BLOCK
    made, _ = steps(before=before, device=CPU)
    (found,) = devices(trained(made, CPU), tmp_path).values()
    assert found.resident is not None
    assert not found.resident.is_in_total
    assert found.calculated is not None
    noted = PARAMETERS + BLOCK
    assert found.calculated.measured["peak"] == PEAK + before + noted
    assert found.calculated.measured["batch"] == BLOCK

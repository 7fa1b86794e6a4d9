"""What cannot fit is refused before it is tried."""

from dataclasses import replace

import msgspec
import pytest

from resnext_bench.config.memory import NoMemory, require_memory
from resnext_bench.launch.topology import place_ranks
from resnext_bench.machine.inventory import Gpu
from resnext_bench.reports.figures.cost import predicted_memory
from resnext_bench.reports.schema.config import Option
from tests.worker.made_training import LAPTOP, made_config

LARGE: dict[str, Option] = {"model": "resnext50_32x4d", "image_size": 224}


def require(gib: float, **options: Option) -> None:
    config = made_config(None, **LARGE, **options)
    machine = replace(LAPTOP, memory_gib=gib)
    require_memory(config, place_ranks(config, machine), machine)


def test_tensors_beyond_all_memory_are_refused() -> None:
    memory = predicted_memory(made_config(None, **LARGE, batch_size=64))
    assert memory is not None
    needed = memory.peak / 2**30
    require(needed + 0.1, batch_size=64)
    with pytest.raises(NoMemory) as refused:
        require(needed - 0.1, batch_size=64)
    assert str(refused.value) == (
        f"--batch-size 64 of 224 x 224: the tensors of a rank need {needed:.1f} GiB by "
        f"calculation, but this machine has {needed - 0.1:.1f}; give a smaller batch, or "
        "--batch-size auto"
    )


def test_all_ranks_of_a_host_count() -> None:
    with pytest.raises(NoMemory, match=r"the tensors of 2 ranks need 1\d\.\d GiB"):
        require(9.0, batch_size=64, nodes=2)


def test_of_a_gpu_its_own_memory_counts() -> None:
    config = made_config(None, **LARGE, batch_size=64)
    gpu = Gpu(index=0, name="small", memory_gib=4.0, capability=(8, 0))
    machine = replace(LAPTOP, gpus=(gpu,))
    config = msgspec.structs.replace(config, device="cuda")
    with pytest.raises(NoMemory, match=r"but the GPU has 4\.0"):
        require_memory(config, place_ranks(config, machine), machine)


def test_nothing_is_asked_of_networks_of_others() -> None:
    config = made_config(None, model="torchvision:resnet18", batch_size=100_000)
    require_memory(config, place_ranks(config, LAPTOP), LAPTOP)

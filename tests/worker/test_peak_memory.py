"""Peak memory of a rank, by what PyTorch and CUDA answer."""

from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from resnext_bench.machine.host.memory import peak_memory_gib
from resnext_bench.worker.evidence import Evidence
from resnext_bench.worker.peak_memory import PeakMemory, allocator_retries, peak_memory
from tests.worker.made_cuda import GPU
from tests.worker.made_training import CPU, made_config, made_training
from tests.worker.test_resident import Pixels, made_rank

GIB = 2**30


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A GPU of 80 GiB, of which the test says what is in use."""
    made = SimpleNamespace(free=50, integrated=False, retries=[])
    told = {
        "max_memory_allocated": lambda _: 17 * GIB,
        "max_memory_reserved": lambda _: 20 * GIB,
        "memory_reserved": lambda _: 18 * GIB,
        "mem_get_info": lambda _: (made.free * GIB, 80 * GIB),
        "get_device_properties": lambda _: SimpleNamespace(is_integrated=made.integrated),
        "memory_stats": lambda _: OrderedDict(num_alloc_retries=made.retries.pop(0)),
    }
    for name, answer in told.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    return made


def test_the_device_has_what_others_hold_besides_the_peak_of_the_allocator(
    gpu: SimpleNamespace,
) -> None:
    """30 GiB are in use, 18 of them PyTorch's, which had 20 at most."""
    assert peak_memory(GPU) == PeakMemory(tensors_gib=17, reserved_gib=20, device_gib=32)
    gpu.free = 62  # nobody else has any
    assert peak_memory(GPU).device_gib == 20


def test_memory_of_the_host_is_not_the_devices(gpu: SimpleNamespace) -> None:
    gpu.integrated = True
    assert peak_memory(GPU) == PeakMemory(tensors_gib=17, reserved_gib=20, device_gib=None)


def test_a_cpu_has_its_resident_set_alone() -> None:
    found = peak_memory(CPU)
    assert found.tensors_gib == pytest.approx(peak_memory_gib(), rel=0.05)
    assert (found.reserved_gib, found.device_gib, allocator_retries(CPU)) == (0.0, None, 0)


def test_retries_are_those_of_the_counted_steps(tmp_path: Path, gpu: SimpleNamespace) -> None:
    """Blocks add up; what was before and between them does not count."""
    config = made_config(warm_up=1, steps=2)
    training = made_training(config, Pixels())
    evidence = Evidence(made_rank(tmp_path, config), training)
    object.__setattr__(training, "device", GPU)
    gpu.retries = [3, 5, 9, 10]
    for _ in range(2):
        with evidence.counted():
            pass
    assert evidence._retries == (5 - 3) + (10 - 9)

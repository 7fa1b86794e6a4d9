"""What a rank says when its memory runs out."""

import msgspec
import pytest
import torch

from resnext_bench.worker.memory import lack_of_memory
from tests.worker.made_training import made_config

CONFIG = made_config(batch_size=512, image_size=64)


def test_a_cpu_that_cannot_give_as_much() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**50)
    line = lack_of_memory(error.value, CONFIG)
    assert line.startswith("out of memory with 512 images of 64 x 64 per rank: at most ")
    assert "GiB were held, 4194304.00 GiB more were asked for, " in line
    assert line.endswith("GiB are free; its tensors need 1.3 GiB by calculation")


def test_of_others_networks_nothing_is_calculated() -> None:
    config = made_config(model="timm:resnet50")
    assert lack_of_memory(MemoryError(), config).endswith("GiB are free")


NO_ENGINE = RuntimeError("FIND was unable to find an engine to execute this computation")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A GPU of 80 GiB, and what its allocator has counted."""
    told = {"free": 40.0, "num_ooms": 0, "num_alloc_retries": 0}
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda: told)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 31.0 * 2**30)
    there = lambda: (told["free"] * 2**30, 80 * 2**30)  # noqa: E731
    monkeypatch.setattr(torch.cuda, "mem_get_info", there)
    return told


ON_GPU = msgspec.structs.replace(CONFIG, device="cuda")


def test_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 71.25 * 2**30)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (0, 80 * 2**30))
    said = "CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of"
    assert lack_of_memory(torch.OutOfMemoryError(said), ON_GPU) == (
        "out of GPU memory with 512 images of 64 x 64 per rank: at most 71.2 GiB were held, "
        "0.50 GiB more were asked for, the GPU has 80.0 GiB; its tensors need 1.3 GiB by "
        "calculation"
    )


def test_no_plan_on_a_gpu_with_room_is_no_lack_of_memory(gpu: dict[str, float]) -> None:
    """It is what cuDNN says of shapes and types that it does not support."""
    assert lack_of_memory(NO_ENGINE, ON_GPU) == ""


@pytest.mark.parametrize(
    "full",
    [{"free": 2.4}, {"num_ooms": 1}, {"num_alloc_retries": 3}],
    ids=["nearly nothing is free", "a workspace was refused", "the cache was freed for it"],
)
def test_no_plan_on_a_full_gpu_is_a_lack_of_memory(
    gpu: dict[str, float], full: dict[str, float]
) -> None:
    gpu.update(full)
    assert lack_of_memory(NO_ENGINE, ON_GPU) == (
        "out of GPU memory with 512 images of 64 x 64 per rank: at most 31.0 GiB were held, the "
        "GPU has 80.0 GiB; its tensors need 1.3 GiB by calculation (RuntimeError: FIND was unable "
        "to find an engine to execute this computation)"
    )


def test_a_library_that_cannot_be_begun_on_a_full_gpu(gpu: dict[str, float]) -> None:
    """cuBLAS says no more than this where it finds no room for its workspace."""
    said = "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"
    assert lack_of_memory(RuntimeError(said), ON_GPU) == "", "a driver may not suit it, either"
    gpu["free"] = 0.1
    assert lack_of_memory(RuntimeError(said), ON_GPU).startswith("out of GPU memory with 512")


def test_a_capture_that_ended_for_lack_of_memory(gpu: dict[str, float]) -> None:
    """What the capture says at its end hides what ended it."""
    error = RuntimeError("CUDA error: operation failed due to a previous error during capture")
    assert lack_of_memory(error, ON_GPU) == ""
    error.__context__ = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert "2.00 GiB more were asked for" in lack_of_memory(error, ON_GPU)


def test_what_libraries_take_beside_torch_is_told_in_their_words(gpu: dict[str, float]) -> None:
    said = (
        "NCCL error in: x.cpp:7, unhandled cuda error\nLast error:\nCuda failure 2 'out of memory'"
    )
    found = lack_of_memory(RuntimeError(said), ON_GPU)
    assert found.startswith("out of GPU memory with 512 images")
    assert found.endswith("by calculation (Cuda failure 2 'out of memory')")


def test_what_an_error_came_from_counts(gpu: dict[str, float]) -> None:
    wrapper = RuntimeError("backend='inductor' raised an error")
    wrapper.__cause__ = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert "2.00 GiB more were asked for" in lack_of_memory(wrapper, ON_GPU)


def test_the_hosts_memory_is_not_the_gpus(gpu: dict[str, float]) -> None:
    said = "Critical error in pipeline:\nCan't allocate 4096 bytes on host."
    assert lack_of_memory(RuntimeError(said), ON_GPU).startswith("out of memory with 512 images")


def test_a_gpu_that_no_longer_answers(
    gpu: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch.cuda, "mem_get_info", lost)
    found = lack_of_memory(RuntimeError("CUDA error: out of memory"), ON_GPU)
    assert "the GPU no longer answers" in found
    assert lack_of_memory(NO_ENGINE, ON_GPU) == ""


def test_pythons_own_error_names_no_amount() -> None:
    assert "more were asked for" not in lack_of_memory(MemoryError(), CONFIG)
    assert lack_of_memory(MemoryError(), CONFIG).startswith("out of memory with 512 images")


def test_other_errors_are_told_as_they_are() -> None:
    assert lack_of_memory(RuntimeError("3 is no layout"), CONFIG) == ""

"""What a rank says when its memory runs out."""

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


def test_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 71.25 * 2**30)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (0, 80 * 2**30))
    said = "CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of"
    assert lack_of_memory(torch.OutOfMemoryError(said), CONFIG) == (
        "out of GPU memory with 512 images of 64 x 64 per rank: at most 71.2 GiB were held, "
        "0.50 GiB more were asked for, the GPU has 80.0 GiB; its tensors need 1.3 GiB by "
        "calculation"
    )


def test_pythons_own_error_names_no_amount() -> None:
    assert "more were asked for" not in lack_of_memory(MemoryError(), CONFIG)
    assert lack_of_memory(MemoryError(), CONFIG).startswith("out of memory with 512 images")


def test_other_errors_are_told_as_they_are() -> None:
    assert lack_of_memory(RuntimeError("3 is no layout"), CONFIG) == ""

"""DeepSpeed on one rank and a CPU, and an accelerator that answers as a GPU's would."""

import contextlib
import importlib
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from resnext_bench.worker.optimizers import build_optimizer
from tests.reports.made_results import made_config

CPU = torch.device("cpu")
_ALONE = {
    "RANK": "0",
    "WORLD_SIZE": "1",
    "LOCAL_RANK": "0",
    "MASTER_ADDR": "127.0.0.1",
    "GLOO_SOCKET_IFNAME": "lo",
    "DS_ACCELERATOR": "cpu",
}


@contextlib.contextmanager
def group_of_one() -> Iterator[None]:
    """A process group of one rank, with the variables that DeepSpeed reads.

    DeepSpeed keeps its groups for as long as the process lives: there can be only one of these.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _ALONE.items():
            patch.setenv(name, value)
        # It would compile it for minutes, and one rank has nobody to share memory with.
        backend = importlib.import_module("deepspeed.comm.torch")
        patch.setattr(backend, "build_shm_op", lambda: None)
        store = torch.distributed.HashStore()
        torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
        try:
            yield
        finally:
            torch.distributed.destroy_process_group()


def engine_of(module: nn.Module, device: torch.device = CPU, **options: Any) -> Any:
    """A module in training under DeepSpeed."""
    from resnext_bench.worker.deepspeed_engine import DeepSpeed

    usual = {"zero_stage": 0, "bucket_mib": 25.0, "amp_dtype": "none", "channels_last": False}
    config = made_config(engine="deepspeed", **{**usual, **options})
    optimizer = build_optimizer(
        config.optimizer, module.parameters(), rate=1e-6, momentum=0.0, weight_decay=0.0
    )
    return DeepSpeed(config, module, optimizer, device)


def step(engine: Any, images: torch.Tensor, times: float = 1.0) -> None:
    """Train for one step, towards outputs of 0; `times` makes its gradients larger."""
    engine.backward((times * engine.model(images).float()).square().mean())
    engine.update()


def noting(calls: list[str]) -> Callable[..., None]:
    """Return a function that notes which function of which file has called it."""

    def called(*_: object, **__: object) -> None:
        frame = traceback.extract_stack()[-2]
        calls.append(f"{Path(frame.filename).name}: {frame.name}")

    return called


class Nothing:
    """A stream or an event, whose methods do nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def answer_as_a_gpu(patch: pytest.MonkeyPatch) -> None:
    """Let DeepSpeed's accelerator answer as CUDA's does, with streams that do nothing.

    DeepSpeed then takes the ways through its code that it takes on a GPU.
    """
    from deepspeed.accelerator import get_accelerator

    accelerator, stream = get_accelerator(), Nothing()
    patch.setattr(accelerator, "resolves_data_dependency", lambda: False)
    patch.setattr(accelerator, "is_synchronized_device", lambda: False)
    patch.setattr(accelerator, "current_stream", lambda *_: stream)
    patch.setattr(accelerator, "stream", lambda _: contextlib.nullcontext())
    for name in ("Stream", "Event"):
        patch.setattr(type(accelerator), name, property(lambda _: lambda *_, **__: Nothing()))
    patch.setattr(torch.Tensor, "record_stream", lambda *_: None)

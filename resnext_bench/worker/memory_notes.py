"""What a rank notes of its memory while it is profiled: which address holds what, and when.

The profiler records addresses and sizes, and does not know what they are for; the rank does. Notes
go into the trace itself (`reports/trace/memory/noted.py`), so that one file says all.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec
import torch

from resnext_bench.pipelines.batches import Batch
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.trace.memory.device_types import NUMBERS
from resnext_bench.reports.trace.memory.noted import Moment, Noted, NotedKind, Storage
from resnext_bench.worker.training import Training
from resnext_bench.worker.witness import Sees

_FP32: Final = 4
"""Bytes of a value."""


class MemoryNotes:
    """Notes of the steps that are kept; it also sees images on the device, as a witness does."""

    def __init__(self, training: Training, config: RunConfig, witness: Sees, first: int) -> None:
        """Note steps from `first` on, which is the first one in the trace."""
        self._training, self._config = training, config
        self._witness, self._first = witness, first
        self._names = {id(one): name for name, one in training.module.named_parameters()}
        self.storages: list[Storage] = []

    def see(self, step: int, images: torch.Tensor, loss: torch.Tensor) -> None:
        """Note the images, which are there until the end of the step, and pass them on."""
        self._witness.see(step, images, loss)
        self._note(step, "backward", "batch", "images", images)

    def note(self, step: int) -> None:
        """Note what is there between backward and the optimizer: gradients above all."""
        module = self._training.module
        if step < self._first:
            return
        for name, one in module.named_parameters():
            self._note(step, "optimizer", "parameters", name, one)
            self._note(step, "optimizer", "gradients", name, one.grad)
        for name, buffer in module.named_buffers():
            self._note(step, "optimizer", "buffers", name, buffer)
        for name, state in self._states():
            self._note(step, "optimizer", "optimizer", name, state)

    def hold(self, step: int, batch: Batch) -> None:
        """Note the batch as the loader made it."""
        for name, one in zip(("images", "labels"), batch, strict=False):
            self._note(step, "optimizer", "batch", name, one)

    def _states(self) -> Iterator[tuple[str, torch.Tensor]]:
        engine: Any = self._training.engine
        optimizer = getattr(engine, "optimizer", None) or getattr(engine.model, "optimizer", None)
        for parameter, states in getattr(optimizer, "state", {}).items():
            name = self._names.get(id(parameter), "")
            for key, one in states.items() if isinstance(states, dict) else ():
                yield f"{name}: {key}", one

    def _note(self, step: int, moment: Moment, kind: NotedKind, name: str, one: object) -> None:
        if step < self._first or not isinstance(one, torch.Tensor):
            return
        try:
            storage = one.untyped_storage()
            address, size = storage.data_ptr(), storage.nbytes()
        except (RuntimeError, NotImplementedError):  # of a tensor without memory of its own
            return
        device = one.device
        if address and size and device.type in NUMBERS:
            self.storages.append(
                Storage(
                    step=step - self._first,
                    moment=moment,
                    kind=kind,
                    name=name,
                    address=address,
                    bytes=size,
                    device_type=NUMBERS[device.type],
                    device=-1 if device.index is None else device.index,
                )
            )

    def told(self) -> str:
        """Return all notes as JSON, with what calculating the memory needs."""
        notes = setting(self._config)
        return msgspec.json.encode(msgspec.structs.replace(notes, storages=self.storages)).decode()


def setting(config: RunConfig) -> Noted:
    """Return what calculating the memory of a training needs beside its network."""
    is_bytes, mixed = config.pixels == "uint8", config.amp_dtype != "none"
    floats = _FP32 // 2 if mixed else _FP32
    return Noted(
        optimizer=config.optimizer,
        momentum=config.momentum > 0,
        weight_decay=config.weight_decay > 0,
        on_gpu=config.device == "cuda",
        pixel_bytes=1 + floats if is_bytes else _FP32,
        casts_images=not is_bytes,
        buckets=_buckets(config),
        is_plain=config.compile_mode == "none" and config.engine != "deepspeed",
    )


def _buckets(config: RunConfig) -> Literal["none", "beside", "views"]:
    if config.engine != "ddp":
        return "none"
    return "views" if config.gradient_as_bucket_view else "beside"

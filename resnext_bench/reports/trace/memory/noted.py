"""What a rank of ours notes of its memory in its own trace: which address holds what, and when.

The caching allocators give addresses out again, so that an address means something only at a
moment. The moments are the beginnings of parts of a step, which the trace has as annotations: at
the n-th `## optimizer ##`, for instance, the gradients of the n-th step are all there.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

NOTED: Final = "resnext_bench_memory"
"""Field of a trace beside its events."""
Moment = Literal["backward", "optimizer"]
NotedKind = Literal["parameters", "buffers", "gradients", "optimizer", "batch"]


class Storage(msgspec.Struct, frozen=True, array_like=True):
    """One storage at one moment."""

    step: int
    """Step of the trace, from 0."""
    moment: Moment
    kind: NotedKind
    name: str
    address: int
    bytes: int
    device_type: int
    """PyTorch's number of it (`device_types.py`); CUDA and ROCm are one."""
    device: int
    """Index; -1: none, as of a CPU."""


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """All notes, and what calculating the memory needs."""

    optimizer: str = "sgd"
    momentum: bool = True
    weight_decay: bool = True
    on_gpu: bool = False
    pixel_bytes: int = 4
    casts_images: bool = True
    buckets: Literal["none", "beside", "views"] = "none"
    is_plain: bool = True
    """Whether PyTorch trains eagerly, in fp32 or with autocast: what is calculated assumes it."""
    storages: list[Storage] = []


def noted(header: Mapping[str, Any]) -> Noted | None:
    """Return what a trace's rank noted; None of a trace that is not ours."""
    try:
        return msgspec.convert(header.get(NOTED), Noted)
    except msgspec.ValidationError:
        return None

"""The few questions asked of NVIDIA's management library; every one has an answer without it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GpuFacts = tuple[str, float, tuple[int, int]]
"""Name, memory in GiB, compute capability."""


@contextmanager
def session() -> Iterator[Any]:
    """NVML initialised, or None where the library or the driver is missing."""
    try:
        import pynvml  # noqa: PLC0415  (an extra, and loading it costs time at start-up)

        pynvml.nvmlInit()
    except Exception:  # the library raises its own types, which exist only once it is there
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def visible_gpus() -> list[GpuFacts]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves visible, in that order."""
    with session() as library:
        if library is None:
            return []
        return [_facts(library, handle) for handle in visible_handles(library)]


def visible_handles(library: Any) -> list[Any]:
    """NVML handles in the order of CUDA_VISIBLE_DEVICES (indices or UUIDs, as CUDA reads it)."""
    count = library.nvmlDeviceGetCount()
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return [library.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    handles = []
    for entry in (part.strip() for part in wanted.split(",")):
        handle = _handle(library, entry, count)
        if handle is None:  # CUDA ignores everything behind the first invalid entry
            break
        handles.append(handle)
    return handles


def _handle(library: Any, entry: str, count: int) -> Any | None:
    if entry.isdigit():
        return library.nvmlDeviceGetHandleByIndex(int(entry)) if int(entry) < count else None
    try:
        return library.nvmlDeviceGetHandleByUUID(entry)  # of a GPU, or of a MIG device
    except library.NVMLError:
        return _by_prefix(library, entry, count)


def _by_prefix(library: Any, entry: str, count: int) -> Any | None:
    """CUDA takes the beginning of a UUID where it is enough to tell the GPUs apart."""
    handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    found = [one for one in handles if str(library.nvmlDeviceGetUUID(one)).startswith(entry)]
    return found[0] if entry.startswith("GPU-") and len(found) == 1 else None


def _facts(library: Any, handle: Any) -> GpuFacts:
    name = library.nvmlDeviceGetName(handle)
    memory = library.nvmlDeviceGetMemoryInfo(handle).total / 2**30
    major, minor = library.nvmlDeviceGetCudaComputeCapability(handle)
    return str(name), float(memory), (int(major), int(minor))

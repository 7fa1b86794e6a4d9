"""Checks whether the GPUs of a run can be used at all, before a rank is started.

Torch may be built for other GPUs, or for a newer driver; a GPU may take no process, or no second
one; NCCL needs shared memory. What is not known is no reason to refuse.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from resnext_bench.errors import CannotHere
from resnext_bench.machine.gpu.driver import EXCLUSIVE, PROHIBITED
from resnext_bench.machine.gpu.fit import torch_lack, vendor_lack
from resnext_bench.machine.gpu.torch_build import read_build
from resnext_bench.machine.gpu.vendors import NVIDIA
from resnext_bench.machine.host.memory import FOLDER, shared_memory
from resnext_bench.machine.host.sources import cpu_list, here
from resnext_bench.machine.inventory import Gpu, Machine
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.topology import Topology
from resnext_bench.wording import count_of

ALLOW_PROCESSES: Final = NVIDIA.commands.modes
_MPS_FOLDER: Final = "/tmp/nvidia-mps"
"""Where the Multi-Process Service is met unless CUDA_MPS_PIPE_DIRECTORY says otherwise."""


class UnfitGpu(CannotHere):
    """A GPU, its driver or the build of torch does not allow the run."""


def require_gpus(config: RunConfig, topology: Topology, machine: Machine) -> None:
    """Raise UnfitGpu with the first reason why the run's GPUs cannot be used."""
    for lack in gpu_lacks(config, topology, machine):
        raise UnfitGpu(lack)


def gpu_lacks(config: RunConfig, topology: Topology, machine: Machine) -> Iterator[str]:
    """Yield every reason why the run's GPUs cannot be used, with what to do."""
    if config.device != "cuda":
        return
    gpus = used_gpus(topology, machine)
    if build := read_build(here().torch):
        capabilities = {gpu.capability: gpu.name for gpu in gpus if gpu.capability}
        if lack := torch_lack(build, capabilities, machine.driver):
            yield str(lack)
        if lack := vendor_lack(build, ((gpu.vendor, gpu.name) for gpu in gpus)):
            yield str(lack)
    yield from _modes(gpus, topology)
    if topology.backend == "nccl" and len(topology.places) > 1:
        yield from _shared_memory()


def used_gpus(topology: Topology, machine: Machine) -> list[Gpu]:
    """Return the GPUs that the run's ranks use."""
    devices = {place.device for place in topology.places}
    return [gpu for gpu in machine.gpus if f"cuda:{gpu.index}" in devices]


def _modes(gpus: Sequence[Gpu], topology: Topology) -> Iterator[str]:
    """Yield what compute modes do not allow."""
    if closed := [gpu.index for gpu in gpus if gpu.compute_mode == PROHIBITED]:
        yield (
            f"GPU {cpu_list(closed)}: compute mode prohibited, so no process may compute there; "
            f"{ALLOW_PROCESSES}, or choose others with CUDA_VISIBLE_DEVICES"
        )
    sharers = {place.device: place.device_shared_by for place in topology.places}
    for gpu in gpus:
        ranks = sharers[f"cuda:{gpu.index}"]
        if ranks > 1 and _takes_one(gpu):
            yield (
                f"{ranks} ranks share GPU {gpu.index}, which takes one process at a time (compute "
                f"mode exclusive process); {ALLOW_PROCESSES}, or start one rank for each GPU"
            )


def exclusive_gpus(topologies: Sequence[Topology], machine: Machine) -> str:
    """Return why sides cannot be resident on their GPUs together; empty where they can."""
    used = [{gpu.index: gpu for gpu in used_gpus(one, machine)} for one in topologies]
    for index, gpu in sorted({k: v for one in used for k, v in one.items()}.items()):
        sides = sum(index in one for one in used)
        if sides > 1 and _takes_one(gpu):
            return (
                f"GPU {index} takes one process at a time (compute mode exclusive process), and "
                f"{count_of(sides, 'side')} would use it at once"
            )
    return ""


def _takes_one(gpu: Gpu) -> bool:
    """Return whether a GPU takes one process alone: under MPS, processes share that place."""
    folder = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or _MPS_FOLDER)
    return gpu.compute_mode == EXCLUSIVE and not (folder / "control").exists()


def _shared_memory() -> Iterator[str]:
    """Yield why NCCL's ranks cannot meet in shared memory."""
    there = shared_memory()
    if there.problem and os.environ.get("NCCL_SHM_DISABLE", "0") == "0":
        yield (
            f"{there.problem}, but NCCL puts its buffers there: mount a tmpfs (mount -t tmpfs "
            f"tmpfs {FOLDER}), or set NCCL_SHM_DISABLE=1"
        )

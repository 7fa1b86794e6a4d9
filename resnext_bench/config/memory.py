"""Checks whether memory can hold the tensors of a run's ranks, before a rank is started."""

from resnext_bench.config.options import flag
from resnext_bench.errors import CannotHere
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.figures.cost import predicted_memory
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.topology import Topology

GIB = 2**30


class NoMemory(CannotHere):
    """The ranks' tensors alone need more memory than there is."""


def require_memory(config: RunConfig, topology: Topology, machine: Machine) -> None:
    """Raise NoMemory where tensors, by calculation, do not fit into all the memory there is.

    Memory that other processes hold is not considered, nor are networks that are not ours.
    """
    memory = predicted_memory(config)
    if memory is None:
        return
    each = memory.peak / GIB
    if config.device == "cpu":
        ranks = sum(place.device == "cpu" for place in topology.places)
        ranks = ranks if topology.emulated or topology.nodes == 1 else config.nproc_per_node
        _require(config, ranks, each, machine.memory_gib, "this machine")
        return
    shared = max(place.device_shared_by for place in topology.places)
    known = (gpu.memory_gib for gpu in machine.gpus if gpu.memory_gib is not None)
    least = min(known, default=each * shared)
    _require(config, shared, each, least, "the GPU")


def _require(config: RunConfig, ranks: int, each_gib: float, there_gib: float, what: str) -> None:
    if ranks * each_gib <= there_gib:
        return
    of = f"of {ranks} ranks" if ranks > 1 else "of a rank"
    raise NoMemory(
        f"{flag('batch_size')} {config.batch_size} of {config.image_size} x {config.image_size}: "
        f"the tensors {of} need {ranks * each_gib:,.1f} GiB by calculation, but {what} has "
        f"{there_gib:,.1f}; give a smaller batch, or {flag('batch_size')} auto"
    )

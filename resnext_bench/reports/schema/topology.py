"""Where the ranks of a run are: nodes, cores, threads, devices."""

from typing import Literal

import msgspec

Backend = Literal["none", "gloo", "nccl"]


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one rank owns. Its global rank is assigned by the launcher, and is not planned here."""

    node: int
    local_rank: int
    cores: tuple[int, ...]
    """Logical CPUs to which the rank is bound; they belong to no other rank of the host."""
    threads: int
    loader_threads: int
    device: str
    """Either "cpu", or "cuda:K" with K the index among the GPUs that are visible to the program."""
    # A factory, so that the field is written though others that say nothing are left out.
    device_shared_by: int = msgspec.field(default_factory=lambda: 1)
    """Number of ranks on this device; above 1 the run is not a measurement of scaling."""
    host: str = ""
    """Host that the rank reported; empty where all ranks run on the host of the record."""
    gpu: str = ""
    """UUID of its GPU, where only the rank could find out which one it was given."""
    alone: str = ""
    """UUID of the GPU that it must be the only one to see, where boards are cut in slices (MIG):
    CUDA shows a process one slice at most."""
    board: str = ""
    """UUID of the board of a slice, or of a whole board beside slices."""
    core_nodes: tuple[int, ...] = ()
    """NUMA nodes of its cores; empty where they are not known."""
    gpu_node: int | None = None
    """NUMA node to which its GPU is attached; None where it is not known, and without a GPU."""


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """All places of a run, node by node."""

    nodes: int
    nproc_per_node: int
    emulated: bool
    """Whether several nodes are on one host."""
    backend: Backend
    places: tuple[Place, ...]

    @property
    def devices(self) -> int:
        """The number of distinct devices in use: GPUs, or ranks where they compute on the CPU."""
        named = [place for place in self.places if place.device != "cpu"]
        gpus = {(place.host, place.gpu or place.device) for place in named}
        return len(gpus) or len(self.places)

    def place(self, node: int, local_rank: int) -> Place:
        """Return the place of one rank."""
        return self.places[node * self.nproc_per_node + local_rank]

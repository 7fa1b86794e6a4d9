"""Where the ranks of a run stand: nodes, cores, threads, devices."""

from typing import Literal

import msgspec

Backend = Literal["none", "gloo", "nccl"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What one rank owns. The global rank is given by the launcher, so it is not planned here."""

    node: int
    local_rank: int
    cores: tuple[int, ...]
    """Logical CPUs the rank is bound to, disjoint from those of every other rank of the host."""
    threads: int
    loader_threads: int
    device: str
    """ "cpu", or "cuda:K" with K the index among the GPUs visible to the program."""
    device_shared_by: int = 1
    """Ranks on this device; above 1 the run is not a scaling measurement."""
    host: str = ""
    """Where the rank said it was; empty where all stand on the host of the record."""
    gpu: str = ""
    """UUID of its GPU, where only the rank could tell which one it was given."""


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """All places of a run, node by node."""

    nodes: int
    nproc_per_node: int
    emulated: bool
    """True when several nodes stand on one host."""
    backend: Backend
    places: tuple[Place, ...]

    @property
    def devices(self) -> int:
        """Distinct devices in use: GPUs, or ranks where they compute on the CPU."""
        named = [place for place in self.places if place.device != "cpu"]
        gpus = {(place.host, place.gpu or place.device) for place in named}
        return len(gpus) or len(self.places)

    def place(self, node: int, local_rank: int) -> Place:
        """The place of one rank."""
        return self.places[node * self.nproc_per_node + local_rank]

"""Gives every rank its own cores, threads and device."""

from collections.abc import Sequence
from typing import TypedDict

import msgspec

from resnext_bench.machine.division import cores_of_ranks
from resnext_bench.machine.inventory import Gpu, Machine
from resnext_bench.machine.member import Member
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.schema.topology import Backend, Place, Topology


def place_member(config: RunConfig, machine: Machine, member: Member) -> Topology:
    """Place one rank that another launcher has started; the others are not known yet.

    All places are assumed to be like this rank's, until the ranks report theirs (`topology_seen`).
    """
    gpus = machine.gpus if config.device == "cuda" else ()
    gpu = gpus[member.local_rank % len(gpus)] if gpus else None
    own = Place(
        node=member.node,
        local_rank=member.local_rank,
        cores=machine.cores,
        threads=config.threads,
        loader_threads=config.loader_threads,
        device=f"cuda:{gpu.index}" if gpu else "cpu",
        core_nodes=machine.numa.nodes(machine.cores),
        gpu_node=gpu.node if gpu else None,
        **_alone(machine, gpu),
    )
    each = config.nproc_per_node
    return Topology(
        nodes=config.nodes,
        nproc_per_node=each,
        emulated=False,
        backend=_backend(config, config.world_size if gpus else 0),
        places=tuple(
            msgspec.structs.replace(own, node=rank // each, local_rank=rank % each)
            for rank in range(config.world_size)
        ),
    )


def topology_seen(planned: Topology, result: SessionResult) -> Topology:
    """Return the places that the ranks of another launcher's group have reported."""
    pairs = list(zip(result.samples, result.facts, strict=True))
    devices = [(samples.host, facts.gpu) for samples, facts in pairs]
    boards = {(samples.host, facts.board or facts.gpu) for samples, facts in pairs}
    places = [
        Place(
            node=samples.node,
            local_rank=samples.local_rank,
            cores=facts.affinity,
            threads=facts.torch_threads,
            loader_threads=planned.places[0].loader_threads,
            device=samples.device,
            device_shared_by=devices.count(device) if facts.gpu else 1,
            host=samples.host,
            gpu=facts.gpu,
            core_nodes=facts.core_nodes,
            gpu_node=facts.gpu_node,
            board=facts.board,
        )
        for device, (samples, facts) in zip(devices, pairs, strict=True)
    ]
    shared = len(boards) < len(devices)
    backend: Backend = "gloo" if planned.backend == "nccl" and shared else planned.backend
    return msgspec.structs.replace(
        planned,
        emulated=planned.nodes > len({place.host for place in places}),
        backend=backend,
        places=tuple(sorted(places, key=lambda place: (place.node, place.local_rank))),
    )


def place_ranks(config: RunConfig, machine: Machine) -> Topology:
    """Split this host's cores and GPUs over all ranks of all (emulated) nodes.

    Ranks get equally many cores of their own, siblings of a physical core together, on the NUMA
    node of their GPU. GPUs are assigned to ranks in turn; where there are fewer, ranks share them
    and the places say so. In a plan with more ranks than cores, no rank has any.
    """
    world = config.world_size
    visible = machine.gpus if config.device == "cuda" else ()
    gpus = len(visible)
    parts = cores_of_ranks(machine, world, on_gpus=bool(gpus))
    places = tuple(
        Place(
            node=rank // config.nproc_per_node,
            local_rank=rank % config.nproc_per_node,
            cores=cores,
            threads=config.threads,
            loader_threads=config.loader_threads,
            device=f"cuda:{visible[rank % gpus].index}" if gpus else "cpu",
            device_shared_by=_sharers(rank % gpus, world, gpus) if gpus else 1,
            core_nodes=machine.numa.nodes(cores),
            gpu_node=visible[rank % gpus].node if gpus else None,
            **_alone(machine, visible[rank % gpus] if gpus else None),
        )
        for rank, cores in enumerate(parts)
    )
    return Topology(
        nodes=config.nodes,
        nproc_per_node=config.nproc_per_node,
        emulated=config.nodes > 1,
        backend=_backend(config, _boards(places)),
        places=places,
    )


class _Alone(TypedDict):
    alone: str
    board: str


def _alone(machine: Machine, gpu: Gpu | None) -> _Alone:
    """Return what a rank must see alone, where boards are cut: CUDA numbers others than we do.

    What torch lists is numbered as CUDA does, and its UUIDs do not say whether they are slices'.
    """
    by_torch = machine.stock.told_by == "torch"
    if gpu is None or by_torch or not (gpu.board or machine.stock.is_cut):
        return _Alone(alone="", board="")
    return _Alone(alone=gpu.uuid, board=gpu.board or gpu.uuid)


def _boards(places: Sequence[Place]) -> int:
    """Return on how many boards the ranks are; 0 on the CPU."""
    return len({place.board or place.device for place in places if place.device != "cpu"})


def _sharers(gpu: int, world: int, gpus: int) -> int:
    return len(range(gpu, world, gpus))


def _backend(config: RunConfig, boards: int) -> Backend:
    if config.engine == "none":
        return "none"
    # NCCL refuses two ranks on one board; gloo takes CUDA tensors by way of the host.
    return "nccl" if boards >= config.world_size else "gloo"

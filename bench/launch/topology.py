"""Gives every rank its own cores, threads and device."""

from bench.machine.inventory import Machine
from reports.schema.config import RunConfig
from reports.schema.topology import Backend, Place, Topology


def place_ranks(config: RunConfig, machine: Machine) -> Topology:
    """Split this host's cores and GPUs over all ranks of all (emulated) nodes.

    Ranks get equal, disjoint runs of cores, siblings of a physical core together. GPUs go round
    over the ranks; where there are fewer, ranks share them and the places say so.
    """
    world = config.world_size
    each = machine.usable_cores // world
    gpus = len(machine.gpus) if config.device == "cuda" else 0
    places = tuple(
        Place(
            node=rank // config.nproc_per_node,
            local_rank=rank % config.nproc_per_node,
            cores=machine.cores[rank * each : (rank + 1) * each],
            threads=config.threads,
            loader_threads=config.loader_threads,
            device=f"cuda:{rank % gpus}" if gpus else "cpu",
            device_shared_by=_sharers(rank % gpus, world, gpus) if gpus else 1,
        )
        for rank in range(world)
    )
    return Topology(
        nodes=config.nodes,
        nproc_per_node=config.nproc_per_node,
        emulated=config.nodes > 1,
        backend=_backend(config, gpus),
        places=places,
    )


def _sharers(gpu: int, world: int, gpus: int) -> int:
    return len(range(gpu, world, gpus))


def _backend(config: RunConfig, gpus: int) -> Backend:
    if config.engine == "none":
        return "none"
    # NCCL refuses two ranks on one GPU; gloo takes CUDA tensors by way of the host.
    return "nccl" if gpus >= config.world_size else "gloo"

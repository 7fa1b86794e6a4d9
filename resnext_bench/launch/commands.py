"""The commands that start a session, one for each node, as a user could type them."""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.config.errata import VARIABLE as ERRATA_VARIABLE
from resnext_bench.job import NODE_VARIABLE
from resnext_bench.launch.launchers import LAUNCHERS, Start, gpus_of
from resnext_bench.machine.member import Member
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.topology import Place, Topology

WORKER = "resnext_bench.worker"
KEEP_MEMORY: Final = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
"""Variables that let a rank on the CPU keep freed memory, as it does on a GPU (mallopt(3)).

glibc would return it to the kernel in each step and have it zeroed again: thousands of page faults,
a quarter of a small network's step. How many depends on how a launch happened to lay out its heap,
so that launches of one configuration differed by 10 %.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeCommand:
    """The command that starts one node: a launcher's agent, or the worker that is the only rank."""

    node: int
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """Variables that are added to those of the caller."""
    cores: tuple[int, ...]

    def shell(self) -> str:
        """Return the command as one line for a shell."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*variables, shlex.join(self.argv)])


def commands(
    config: RunConfig,
    topology: Topology,
    *,
    folder: Path,
    run_id: str,
    port: int,
    module: str = WORKER,
) -> tuple[NodeCommand, ...]:
    """Return one command per node, each of which runs `module` on `folder`.

    All nodes meet at `port` of this host's loopback address.
    """
    launcher = LAUNCHERS[config.launcher]

    def start(node: int) -> Start:
        return Start(config=config, topology=topology, node=node, run_id=run_id, port=port)

    return tuple(
        NodeCommand(
            node=node,
            argv=(
                *_python(),
                *launcher.arguments(start(node)),
                *(launcher.module_flag, module, str(folder)),
            ),
            environment=_environment(config, topology, node),
            cores=tuple(core for place in _places(topology, node) for core in place.cores),
        )
        for node in range(topology.nodes)
    )


def member_command(
    config: RunConfig, topology: Topology, member: Member, *, folder: Path, module: str = WORKER
) -> NodeCommand:
    """Return the command of one rank that another launcher has started."""
    place = topology.place(member.node, member.local_rank)
    own = msgspec.structs.replace(topology, places=(place,))
    variables = {
        "RANK": str(member.rank),
        "LOCAL_RANK": str(member.local_rank),
        "WORLD_SIZE": str(member.world),
        "LOCAL_WORLD_SIZE": str(member.nproc_per_node),
        "MASTER_ADDR": member.address,
        "MASTER_PORT": str(member.port),
    }
    return NodeCommand(
        node=member.node,
        argv=(*_python(), "-m", module, str(folder)),
        environment=_environment(config, own, member.node) | variables,
        cores=place.cores,
    )


def _python() -> tuple[str, ...]:
    return (sys.executable, "-P")


def _environment(config: RunConfig, topology: Topology, node: int) -> dict[str, str]:
    places = _places(topology, node)
    variables = {
        NODE_VARIABLE: str(node),
        # A user's folder may hold a bench/ or reports/ of its own: never import from it.
        "PYTHONSAFEPATH": "1",
        # NVML's order, by which the GPUs were chosen and are watched; CUDA's own is another.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "OMP_NUM_THREADS": str(places[0].threads),
    }
    if len(topology.places) == 1:  # nothing of a surrounding torchrun or srun may leak in
        variables |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    if places[0].device == "cpu":
        variables |= kept_memory()
    if topology.emulated:
        variables["GLOO_SOCKET_IFNAME"] = "lo"
    # Empty with `--device cpu`: no rank makes a context on a GPU that it does not use.
    variables["CUDA_VISIBLE_DEVICES"] = ",".join(gpus_of(places))
    if config.cudnn_errata:
        variables[ERRATA_VARIABLE] = config.cudnn_errata
    return variables


def kept_memory() -> dict[str, str]:
    """Return variables that keep freed memory; none where the user has chosen an allocator."""
    return {} if _allocator_is_chosen() else dict(KEEP_MEMORY)


def _allocator_is_chosen() -> bool:
    """Return whether the user has tuned glibc's malloc, or loads another allocator."""
    tuned = any(name.startswith("MALLOC_") for name in os.environ)
    return (
        tuned
        or "malloc" in os.environ.get("GLIBC_TUNABLES", "")
        or bool(os.environ.get("LD_PRELOAD"))
    )


def _places(topology: Topology, node: int) -> tuple[Place, ...]:
    return tuple(place for place in topology.places if place.node == node)

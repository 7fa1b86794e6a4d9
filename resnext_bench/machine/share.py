"""Finds the part of a machine that belongs to one rank that another launcher has started.

Srun and mpirun may have bound each rank to cores of its own; torchrun leaves all of a node's ranks
on all cores. The kernel knows which it is: every rank of the group on this host has an affinity
mask, and ranks with the same mask divide it.
"""

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from resnext_bench.errors import CannotHere
from resnext_bench.machine.division import divide
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.member import Member

PATIENCE_S: Final = 20.0
"""Seconds to wait for the ranks of a node, which a launcher starts one after another."""

Masks = dict[int, tuple[int, ...]]
"""Affinity masks of the group's ranks on this host."""


def own_share(machine: Machine, member: Member) -> Machine:
    """Return what this rank computes on, once the node's other ranks have started."""
    require_address(member)
    return share_of(machine, member, wait_for_masks(member))


def require_address(member: Member) -> None:
    """Raise CannotHere if the address where ranks meet is unknown here: they would wait long."""
    try:
        socket.getaddrinfo(member.address, member.port)
    except OSError as error:
        raise CannotHere(
            f"rank {member.rank} cannot resolve {member.address or 'the first node'}, where ranks "
            "meet; set MASTER_ADDR to the address of the first node"
        ) from error


def share_of(machine: Machine, member: Member, masks: Masks) -> Machine:
    """Return the part of `machine` that this rank computes on: its cores, and one GPU.

    Ranks that see all of a node's GPUs know where the others' are, and share out each NUMA node's
    cores among its ranks; ranks that see fewer divide the cores in their order.
    """
    sharers = sorted(rank for rank, mask in masks.items() if mask == masks[member.rank])
    each = machine.usable_cores // len(sharers)
    if not each:
        raise CannotHere(
            f"{len(sharers)} ranks share {machine.usable_cores} CPU cores, but each needs one of "
            "its own; start fewer on each node"
        )
    gpus = machine.gpus
    mine = gpus[member.local_rank % len(gpus)] if gpus else None
    cores = divide(machine, _homes(machine, member, masks, sharers))[sharers.index(member.rank)]
    return replace(
        machine,
        cores=cores,
        usable_cores=len(cores),
        physical_cores=max(1, machine.physical_cores * len(cores) // len(machine.cores)),
        gpus=(mine,) if mine else (),
    )


def _homes(
    machine: Machine, member: Member, masks: Masks, sharers: Sequence[int]
) -> list[int | None]:
    """Return the NUMA nodes of the sharers' GPUs; None where only they can know.

    A rank that is alone on its cores keeps them all, wherever its GPU is.
    """
    gpus, each = machine.gpus, member.nproc_per_node
    if len(sharers) == 1 or len(gpus) < min(each, len(sharers)):
        return [None] * len(sharers)
    # Local ranks count a node's ranks in their order, whether they go node by node or round.
    ranks = sorted(masks)
    return [gpus[ranks.index(rank) % each % len(gpus)].node for rank in sharers]


def wait_for_masks(member: Member) -> Masks:
    """Return the masks of this node's ranks, once all have started, and of others on this host."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        masks = _masks(member, Path("/proc"))
        # Two nodes may stand on one host: their ranks come a moment later, or never.
        enough = member.world if time.monotonic() < deadline - 0.9 * PATIENCE_S else 0
        if len(masks) >= max(enough, member.nproc_per_node):
            return masks
        if time.monotonic() > deadline:
            raise CannotHere(
                f"{member.launcher} reports {member.nproc_per_node} ranks on this node, but only "
                f"{len(masks)} have started after {PATIENCE_S:.0f} s"
            )
        time.sleep(0.1)


def _masks(member: Member, proc: Path) -> Masks:
    found = {member.rank: tuple(sorted(os.sched_getaffinity(0)))}
    for folder in proc.glob("[0-9]*"):
        variables = _variables(folder)
        rank = variables.get(member.rank_variable, "")
        if rank.isdigit() and all(variables.get(name) == mark for name, mark in member.marks):
            try:
                mask = os.sched_getaffinity(int(folder.name))
            except OSError:
                continue
            # A shell around a rank has its mask too; a worker's, bound already, is narrower.
            found[int(rank)] = max(found.get(int(rank), ()), tuple(sorted(mask)), key=len)
    return found


def _variables(folder: Path) -> dict[str, str]:
    """Return the environment of a process as it was started; empty for other users' processes."""
    try:
        text = (folder / "environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)

"""Checks where the GPUs are attached: NUMA nodes, lanes to the host, links to one another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from resnext_bench.machine.doctor.findings import Finding, Severity, fine, hidden
from resnext_bench.machine.doctor.gpus import GpuState, together
from resnext_bench.machine.gpu.attachment import SWITCH, Pcie
from resnext_bench.machine.host.numa import Numa, node_list, read_numa
from resnext_bench.machine.host.sources import Sources

NODE: Final = "GPU NUMA node"
"""A check whose number is the node."""
_BUSY_PERCENT: Final = 50
"""Use of a GPU from which on its link should be at full rate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What the checks compare with."""

    numa: Numa
    cores: tuple[int, ...]
    nodes: int
    """Number of NUMA nodes, with those on which we have no cores."""
    gpus: tuple[GpuState, ...]


def place_findings(gpus: Sequence[GpuState], sources: Sources) -> Iterator[Finding]:
    """Return all findings, one for all GPUs with the same answer."""
    there = [gpu for gpu in gpus if not gpu.lost]
    host = Host(
        numa=read_numa(sources),
        cores=sources.cores,
        nodes=len(list((sources.sys / "devices/system/node").glob("node[0-9]*"))),
        gpus=tuple(there),
    )
    for check in (_node, _lanes, _links):
        yield from together(there, [check(gpu, host) for gpu in there])


def _node(gpu: GpuState, host: Host) -> Finding:
    """Check whether we have cores on its NUMA node."""
    node, ours = gpu.attachment.node, host.numa.nodes(host.cores)
    if host.nodes == 1:
        return fine(NODE, "the host has one")
    if node is None or not ours:
        return hidden(NODE, "neither the driver nor the kernel reports it")
    near = len(host.numa.by_node(host.cores).get(node, ()))
    if near:
        return fine(NODE, f"{node}, with {near} of our cores", number=node)
    return Finding(
        check=NODE,
        severity=Severity.DISTURBS,
        value=f"{node}, and our cores are on {node_list(ours)}",
        number=node,
        why="each batch, and each launch of a kernel, crosses from node to node",
        advice=(
            f"give the program cores of node {node} (a container: --cpuset-cpus; Slurm: "
            "--gpu-bind=closest), or choose a GPU near to its cores"
        ),
        command=f"cat /sys/devices/system/node/node{node}/cpulist",
    )


def _lanes(gpu: GpuState, host: Host) -> Finding:
    """Check the link to the host. A GPU without work lowers its rate, and seldom its width."""
    link = gpu.attachment.pcie
    if link.width is None:
        return hidden("GPU PCIe", "neither the driver nor the kernel reports the link")
    told = _link_words(link)
    slow = link.generation is not None and link.generation < (link.most_generation or 0)
    if link.is_narrow:
        return _slow_link(
            gpu,
            f"{told}: {link.width} of {link.most_width} lanes"
            + ("" if link.slot_width else ", by the driver's word alone"),
            f"copies to and from it take {(link.most_width or 0) / link.width:g} times as long",
        )
    if slow and (gpu.use_percent or 0) >= _BUSY_PERCENT:
        return _slow_link(
            gpu,
            f"{told}, {link.most_generation} at most, while it is in use",
            "copies to and from it take longer than they could",
        )
    if link.most_width and (link.board_width or 0) > link.most_width:
        return Finding(
            check="GPU PCIe",
            severity=Severity.NOTE,
            value=f"{told}: the board has {link.board_width} lanes, its slot {link.most_width}",
            number=link.width,
            unit="lanes",
            why="copies to and from it take longer than on hosts with wider slots",
            advice="use a wider slot, or compare only with hosts that have the same",
        )
    now = f" now, without work; {link.most_generation} at most" if slow else ""
    return fine("GPU PCIe", told + now, number=link.width, unit="lanes")


def _link_words(link: Pcie) -> str:
    rate = "" if link.generation is None else f"generation {link.generation} "
    return f"{rate}x{link.width}"


def _slow_link(gpu: GpuState, value: str, why: str) -> Finding:
    return Finding(
        check="GPU PCIe",
        # A guest sees no slot: how many lanes its host gave to the board is not known.
        severity=Severity.DISTURBS if gpu.attachment.pcie.slot_width else Severity.NOTE,
        value=value,
        number=gpu.attachment.pcie.width,
        unit="lanes",
        why=why,
        advice=(
            "look again while it computes; then at the board's seat, its riser or cable, and the "
            "firmware's setting for it"
        ),
        command=f"sudo lspci -vv -s {gpu.attachment.address or '<address>'} | grep -i lnk",
    )


def _links(gpu: GpuState, host: Host) -> Finding:
    """Check the links between GPUs, and whether some that it has are not active."""
    found = gpu.attachment
    active = sum(found.peers.values())
    most = max(sum(one.attachment.peers.values()) for one in host.gpus if one.name == gpu.name)
    told = _ends(gpu, host.gpus) or "none"
    if active == most and not (active and found.idle_links):
        idle = f", {found.idle_links} not active" if found.idle_links else ""
        return fine("GPU NVLink", told + idle, number=active, unit="links")
    of, fewer = max(most, active + found.idle_links), active < most
    return Finding(
        check="GPU NVLink",
        # Where its neighbours are alike, the board's form may leave some of its links unused.
        severity=Severity.DISTURBS if fewer else Severity.NOTE,
        value=f"{told}: {active} of {of} links are active",
        number=active,
        unit="links",
        why=(
            "gradients go over fewer links than on its neighbours, and all ranks wait for it"
            if fewer
            else "a bridge may be missing; boards of some forms never use all of their links"
        ),
        advice="look at the bridge or the board's seat, and at the kernel's log (Xid)",
        command="nvidia-smi nvlink --status",
    )


def _ends(gpu: GpuState, gpus: Sequence[GpuState]) -> str:
    """Return where its links lead: "18 to a switch", "4 to GPU 1, 4 to GPU 2"."""
    indices = {one.attachment.address: one.index for one in gpus}
    ends = sorted(gpu.attachment.peers.items(), key=lambda end: indices.get(end[0], -1))
    return ", ".join(
        f"{count} to {f'GPU {indices[end]}' if end in indices else _other_end(end)}"
        for end, count in ends
    )


def _other_end(end: str) -> str:
    return SWITCH if end == SWITCH else "a GPU that is not visible here"

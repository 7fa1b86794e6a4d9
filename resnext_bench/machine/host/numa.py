"""Reads which cores belong to which NUMA node, and how far the nodes are from one another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from resnext_bench.machine.host.sources import Sources, read

OWN: Final = 10
OTHER: Final = 20
"""Distances of a node from itself (always 10, by the ACPI specification) and from another whose
distance is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Numa:
    """The NUMA nodes of a host; without any, all memory is equally near to all cores."""

    node_of: Mapping[int, int] = field(default_factory=dict)
    """Node of each logical CPU that this process may use."""
    distances: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    """Distance of each node from each other, in the firmware's units: 10 is the node itself."""

    def nodes(self, cores: Iterable[int]) -> tuple[int, ...]:
        """Return the nodes of these cores, in order; empty where no nodes are known."""
        return tuple(sorted({self.node_of[core] for core in cores if core in self.node_of}))

    def by_node(self, cores: Iterable[int]) -> dict[int, list[int]]:
        """Return the cores of each node, in their order."""
        found: dict[int, list[int]] = {}
        for core in cores:
            found.setdefault(self.node_of.get(core, 0), []).append(core)
        return found

    def distance(self, one: int, other: int) -> int:
        """Return how far one node is from another."""
        usual = OWN if one == other else OTHER
        return self.distances.get(one, {}).get(other, usual)

    def nearest(self, node: int, others: Iterable[int]) -> list[int]:
        """Return the other nodes, the nearest to `node` first."""
        return sorted(others, key=lambda other: (self.distance(node, other), other))

    def equally_near(self, node: int, others: Iterable[int]) -> list[int]:
        """Return those of the other nodes to which none is nearer."""
        ordered = self.nearest(node, others)
        least = self.distance(node, ordered[0])
        return [other for other in ordered if self.distance(node, other) == least]

    def clusters(self, nodes: Iterable[int], within: int) -> list[list[int]]:
        """Return the nodes in groups, each within this distance from another of its group."""
        found: list[list[int]] = []
        for node in sorted(nodes):
            near = [
                group
                for group in found
                if any(self.distance(node, other) <= within for other in group)
            ]
            found = [group for group in found if group not in near]
            found.append([one for group in near for one in group] + [node])
        return found


def read_numa(sources: Sources) -> Numa:
    """Return the nodes of this process's cores."""
    return Numa(
        node_of={core: node_of(sources.cpu(core)) for core in sources.cores},
        distances=read_distances(sources.sys),
    )


def node_of(cpu: Path) -> int:
    """Return the NUMA node of a logical CPU by its folder; 0 where the kernel knows no nodes."""
    return min((int(path.name.removeprefix("node")) for path in cpu.glob("node[0-9]*")), default=0)


def read_distances(sys: Path) -> dict[int, dict[int, int]]:
    """Return the distances between nodes as the kernel lists them, in the order of the nodes."""
    folders = {
        int(path.name.removeprefix("node")): path
        for path in (sys / "devices/system/node").glob("node[0-9]*")
    }
    numbers = sorted(folders)
    rows = {node: (read(folders[node] / "distance") or "").split() for node in numbers}
    return {
        node: dict(zip(numbers, map(int, row), strict=True))
        for node, row in rows.items()
        if len(row) == len(numbers) and all(one.isdigit() for one in row)
    }


def node_list(nodes: Sequence[int]) -> str:
    """Return nodes in words: "node 0", "nodes 0 and 2"."""
    named = [str(node) for node in nodes]
    several = f"{', '.join(named[:-1])} and {named[-1]}" if named[1:] else "".join(named)
    return f"node{'s' * (len(named) > 1)} {several}"

"""Divides the cores of a host among its ranks, near to the GPU of each.

Ranks get equally many cores, as a collective waits for the slowest. Cores of other NUMA nodes than
the GPU's are used only where its own node has less than half of an equal share, and then the
nearest first.
"""

from collections.abc import Mapping, Sequence

from resnext_bench.machine.host.numa import Numa
from resnext_bench.machine.inventory import Machine

Cores = tuple[int, ...]


def cores_of_ranks(machine: Machine, ranks: int, *, on_gpus: bool) -> list[Cores]:
    """Return the cores of each rank of this host; ranks take GPUs in turn.

    Where there are more ranks than cores, no rank has any.
    """
    gpus = machine.gpus if on_gpus else ()
    return divide(machine, [gpus[rank % len(gpus)].node if gpus else None for rank in range(ranks)])


def divide(machine: Machine, homes: Sequence[int | None]) -> list[Cores]:
    """Return the cores of each rank; `homes` are the NUMA nodes of their GPUs, None: unknown."""
    share = machine.usable_cores // len(homes)
    there = machine.numa.by_node(machine.cores)
    if len(there) < 2 or not share or all(home is None for home in homes):
        return [machine.cores[rank * share : (rank + 1) * share] for rank in range(len(homes))]
    settled = _settled(homes, there, machine.numa)
    clusters, each = _clusters(settled, there, share, machine.numa)
    # Whole physical cores, where that leaves most of a share.
    threads = len(machine.cores) // machine.physical_cores
    each -= each % threads if each >= 2 * threads else 0
    found: dict[int, list[int]] = {}
    for cluster in clusters:
        ranks = [rank for rank, home in enumerate(settled) if home in cluster]
        left = {node: list(there[node]) for node in cluster}
        found |= _near(ranks, settled, left, each)
        for rank in ranks:
            _fill(found[rank], each, settled[rank], left, machine.numa)
    return [tuple(found[rank]) for rank in range(len(homes))]


def _settled(
    homes: Sequence[int | None], there: Mapping[int, Sequence[int]], numa: Numa
) -> list[int]:
    """Return a node with cores of ours for each rank.

    Where its GPU's node has none, it is one of the nearest that have; where that node is not known,
    any. Among several it is the one with the most cores for each of its ranks.
    """
    known = {rank: home for rank, home in enumerate(homes) if home is not None and home in there}
    for rank, home in sorted(enumerate(homes), key=lambda one: one[1] is None):
        if rank not in known:
            near = there if home is None else numa.equally_near(home, there)
            taken = list(known.values())
            known[rank] = max(near, key=lambda node: len(there[node]) / (taken.count(node) + 1))
    return [known[rank] for rank in range(len(homes))]


def _clusters(
    homes: Sequence[int], there: Mapping[int, Sequence[int]], share: int, numa: Numa
) -> tuple[list[list[int]], int]:
    """Return the nodes in the smallest groups that have enough cores, and the cores of a rank."""
    radii = sorted({numa.distance(one, other) for one in there for other in there})
    clusters: list[list[int]] = []
    each = 0
    for radius in radii:
        clusters = numa.clusters(there, radius)
        counts = [(cluster, sum(home in cluster for home in homes)) for cluster in clusters]
        each = min(
            share,
            *(sum(len(there[node]) for node in nodes) // ranks for nodes, ranks in counts if ranks),
        )
        if 2 * each >= share:
            break
    return clusters, each


def _near(
    ranks: Sequence[int], homes: Sequence[int], left: Mapping[int, list[int]], each: int
) -> dict[int, list[int]]:
    """Take cores of the ranks' own nodes, which those of a node share equally."""
    found: dict[int, list[int]] = {}
    for node, cores in left.items():
        own = [rank for rank in ranks if homes[rank] == node]
        count = min(each, len(cores) // len(own)) if own else 0
        for rank in own:
            found[rank], cores[:count] = cores[:count], []
    return found


def _fill(
    cores: list[int], each: int, home: int, left: Mapping[int, list[int]], numa: Numa
) -> None:
    """Add cores of the nearest nodes until there are enough."""
    for node in numa.nearest(home, left):
        lacking = each - len(cores)
        cores += left[node][:lacking]
        del left[node][:lacking]

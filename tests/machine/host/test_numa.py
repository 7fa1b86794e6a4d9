"""NUMA nodes, read from files made by hand."""

from pathlib import Path

from resnext_bench.machine.host.numa import Numa, node_list, read_distances, read_numa
from tests.machine.made_kernel import MadeKernel


def test_nodes_of_cores(tmp_path: Path) -> None:
    kernel = MadeKernel(tmp_path, cores=4)
    for cpu in range(4):
        kernel.write(f"sys/devices/system/cpu/cpu{cpu}/node{cpu // 2}/cpulist", "")
    numa = read_numa(kernel.sources(cores=(1, 2, 3)))
    assert numa.node_of == {1: 0, 2: 1, 3: 1}
    assert (numa.nodes((3, 2)), numa.nodes((1, 3)), numa.nodes(())) == ((1,), (0, 1), ())
    assert numa.by_node((3, 1, 2)) == {1: [3, 2], 0: [1]}


def test_a_kernel_without_nodes(tmp_path: Path) -> None:
    assert set(read_numa(MadeKernel(tmp_path).sources()).node_of.values()) == {0}


def test_distances_are_rows_of_the_nodes_there_are(tmp_path: Path) -> None:
    """Nodes may have gaps in their numbers, and a file may hold something else."""
    folder = tmp_path / "devices/system/node"
    for node, text in {0: "10 21 21\n", 2: "21 10 12\n", 8: "nonsense\n"}.items():
        (folder / f"node{node}").mkdir(parents=True)
        (folder / f"node{node}/distance").write_text(text)
    assert read_distances(tmp_path) == {0: {0: 10, 2: 21, 8: 21}, 2: {0: 21, 2: 10, 8: 12}}
    assert read_distances(tmp_path / "none") == {}


def test_the_nearest_come_first() -> None:
    numa = Numa(distances={1: {0: 21, 1: 10, 2: 12}})
    assert numa.nearest(1, [0, 1, 2]) == [1, 2, 0]
    assert Numa().nearest(1, [0, 1, 2]) == [1, 0, 2]


def test_groups_of_near_nodes() -> None:
    numa = Numa(distances={0: {0: 10, 1: 12, 2: 32}, 1: {0: 12, 1: 10, 2: 32}, 2: {0: 32, 1: 32}})
    assert numa.clusters([0, 1, 2], 10) == [[0], [1], [2]]
    assert numa.clusters([0, 1, 2], 12) == [[0, 1], [2]]
    assert numa.clusters([0, 1, 2], 32) == [[0, 1, 2]]


def test_words() -> None:
    assert node_list([3]) == "node 3"
    assert node_list([0, 2, 5]) == "nodes 0, 2 and 5"

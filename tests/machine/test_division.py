"""Cores for ranks: equally many for each, near to its GPU, and nobody's twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.machine.division import cores_of_ranks, divide
from resnext_bench.machine.host.numa import Numa
from resnext_bench.machine.inventory import Machine
from tests.machine.made_machines import made_machine

NPS4 = {
    one: {other: 10 if one == other else 12 if one // 4 == other // 4 else 32 for other in range(8)}
    for one in range(8)
}
"""Distances of two sockets with four nodes each."""


def host(
    cores: int,
    nodes: int,
    *gpu_nodes: int | None,
    siblings: bool = True,
    distances: dict[int, dict[int, int]] | None = None,
) -> Machine:
    """A host whose physical cores its nodes share equally, with a GPU on each of `gpu_nodes`."""
    machine = made_machine(cores=cores, gpus=len(gpu_nodes), siblings=siblings)
    physical = cores // 2 if siblings else cores
    node_of = {cpu: cpu % physical * nodes // physical for cpu in range(cores)}
    return replace(
        machine,
        gpus=tuple(
            replace(gpu, node=node) for gpu, node in zip(machine.gpus, gpu_nodes, strict=True)
        ),
        numa=Numa(node_of=node_of, distances=distances or {}),
    )


def only(machine: Machine, cores: set[int]) -> Machine:
    """The same host where the mask allows these cores alone."""
    kept = tuple(core for core in machine.cores if core in cores)
    return replace(
        machine,
        cores=kept,
        usable_cores=len(kept),
        physical_cores=len({core % 112 for core in kept}),
        numa=replace(machine.numa, node_of={core: machine.numa.node_of[core] for core in kept}),
    )


def nodes(machine: Machine, parts: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return [machine.numa.nodes(part) for part in parts]


H100X8 = host(224, 2, 0, 0, 0, 0, 1, 1, 1, 1)


def test_each_rank_is_on_the_socket_of_its_gpu() -> None:
    parts = cores_of_ranks(H100X8, 8, on_gpus=True)
    assert nodes(H100X8, parts) == [(0,)] * 4 + [(1,)] * 4
    assert {len(part) for part in parts} == {28}
    assert parts[0] == tuple(core for cpu in range(14) for core in (cpu, cpu + 112))


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ((4, 5, 6, 7), [(1,)] * 4),
        ((7, 0), [(1,), (0,)]),
        ((5,), [(1,)]),
        ((0, 4, 1, 5), [(0,), (1,), (0,), (1,)]),
    ],
)
def test_gpus_chosen_in_any_order(visible: tuple[int, ...], expected: list[tuple[int]]) -> None:
    """CUDA_VISIBLE_DEVICES says which GPUs there are, and in which order."""
    machine = replace(H100X8, gpus=tuple(H100X8.gpus[index] for index in visible))
    parts = cores_of_ranks(machine, len(visible), on_gpus=True)
    assert nodes(machine, parts) == expected


def test_two_ranks_of_one_node_have_half_of_it_each() -> None:
    """Cores of a node without a GPU stay idle rather than far away."""
    machine = host(256, 8, 3, 3, 1, 1, 7, 7, 5, 5, distances=NPS4)  # a DGX A100
    parts = cores_of_ranks(machine, 8, on_gpus=True)
    assert nodes(machine, parts) == [(3,), (3,), (1,), (1,), (7,), (7,), (5,), (5,)]
    assert {len(part) for part in parts} == {16}


def test_more_nodes_than_gpus() -> None:
    """One GPU: a quarter of its socket would be too little, and the other socket is far."""
    machine = host(256, 8, 5, distances=NPS4)
    (part,) = cores_of_ranks(machine, 1, on_gpus=True)
    assert machine.numa.nodes(part) == (4, 5, 6, 7)
    assert machine.numa.node_of[part[0]] == 5


def test_a_node_without_cores_of_ours() -> None:
    machine = only(H100X8, set(range(56)))  # a container on the first socket
    parts = cores_of_ranks(machine, 8, on_gpus=True)
    assert nodes(machine, parts) == [(0,)] * 8
    assert {len(part) for part in parts} == {7}
    assert len({core for part in parts for core in part}) == 56


def test_a_node_without_cores_is_as_near_to_one_as_to_another() -> None:
    """GPUs of a node that has no cores at all: those of the others are shared, not one's alone."""
    machine = host(224, 2, 0, 0, 2, 2, 2, 2)
    parts = cores_of_ranks(machine, 6, on_gpus=True)
    assert nodes(machine, parts) == [(0,), (0,), (1,), (1,), (0,), (1,)]
    near = {2: {0: 21, 1: 12, 2: 10}}
    machine = replace(machine, numa=replace(machine.numa, distances=near))
    assert nodes(machine, cores_of_ranks(machine, 6, on_gpus=True))[2:] == [(1,)] * 4


def test_a_node_with_few_cores_of_ours() -> None:
    """Ranks of the second socket fill up from the first one."""
    machine = only(H100X8, {*range(56), 56, 57, 58, 59})
    parts = cores_of_ranks(machine, 8, on_gpus=True)
    assert {len(part) for part in parts} == {7}
    assert nodes(machine, parts)[:4] == [(0,)] * 4
    assert nodes(machine, parts)[4:] == [(0, 1)] * 4


def test_uneven_nodes_cost_cores_rather_than_distance() -> None:
    machine = host(128, 2, 0, 0, 0, 1)
    parts = cores_of_ranks(machine, 4, on_gpus=True)
    assert nodes(machine, parts) == [(0,), (0,), (0,), (1,)]
    assert {len(part) for part in parts} == {20}  # 64 / 3, in whole physical cores


def test_whole_physical_cores() -> None:
    for part in cores_of_ranks(host(128, 2, 0, 0, 0, 1), 4, on_gpus=True):
        assert {core % 64 for core in part if core < 64} == {
            core % 64 for core in part if core >= 64
        }


def test_a_quota_counts_on_every_node() -> None:
    machine = replace(H100X8, usable_cores=16)
    parts = cores_of_ranks(machine, 8, on_gpus=True)
    assert {len(part) for part in parts} == {2}
    assert nodes(machine, parts) == [(0,)] * 4 + [(1,)] * 4


def test_a_gpu_whose_node_nobody_knows_goes_where_room_is() -> None:
    machine = host(64, 2, 0, 0, None, None)
    assert nodes(machine, cores_of_ranks(machine, 4, on_gpus=True)) == [(0,), (0,), (1,), (1,)]


@pytest.mark.parametrize("gpu_nodes", [(None, None), (0, 0)])
def test_without_nodes_ranks_go_in_order(gpu_nodes: tuple[int | None, ...]) -> None:
    machine = replace(host(8, 1, *gpu_nodes, siblings=False))
    assert cores_of_ranks(machine, 2, on_gpus=True) == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_ranks_on_the_cpu_go_in_order() -> None:
    machine = host(16, 2, 1, siblings=False)
    parts = cores_of_ranks(machine, 2, on_gpus=False)
    assert parts == [tuple(range(8)), tuple(range(8, 16))]


def test_a_plan_with_more_ranks_than_cores() -> None:
    machine = host(4, 2, 0, 1, siblings=False)
    assert cores_of_ranks(machine, 8, on_gpus=True) == [()] * 8


@given(
    st.integers(1, 8),
    st.integers(1, 16),
    st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=1, max_size=12),
    st.booleans(),
    st.data(),
)
def test_cores_are_disjoint_and_equally_many(
    count: int, each: int, homes: list[int | None], siblings: bool, data: st.DataObject
) -> None:
    total = 2 * count * each
    machine = host(total, count, siblings=siblings)
    usable = data.draw(st.integers(1, total))
    parts = divide(replace(machine, usable_cores=usable), homes)
    cores = [core for part in parts for core in part]
    assert len(cores) == len(set(cores)) <= usable
    assert set(cores) <= set(machine.cores)
    assert len({len(part) for part in parts}) == 1
    share = usable // len(homes)
    assert share // 2 - 1 <= len(parts[0]) <= share
    assert bool(parts[0]) is bool(share)

"""Every rank has its own cores, whatever the machine and the request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.launch.topology import place_member, place_ranks, topology_seen
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import RankFacts, Samples
from resnext_bench.reports.schema.topology import Topology
from tests.machine.made_machines import made_machine
from tests.machine.made_members import made_member
from tests.reports.made_results import even_samples, made_config, made_facts, made_result


@st.composite
def plans(draw: st.DrawFn) -> tuple[RunConfig, Machine]:
    """A machine, and a configuration that fits on it."""
    cores = 2 * draw(st.integers(1, 64))
    usable = draw(st.integers(1, cores))
    gpus = draw(st.integers(0, 8))
    machine = made_machine(cores=cores, usable=usable, gpus=gpus, siblings=draw(st.booleans()))
    nodes = draw(st.integers(1, usable))
    nproc = draw(st.integers(1, min(usable // nodes, gpus or usable)))
    device = "cuda" if gpus else "cpu"
    return made_config(nodes=nodes, nproc_per_node=nproc, device=device), machine


@given(plans())
def test_cores_are_disjoint_equal_and_of_this_machine(plan: tuple[RunConfig, Machine]) -> None:
    config, machine = plan
    places = place_ranks(config, machine).places
    cores = [core for place in places for core in place.cores]
    assert len(places) == config.world_size
    assert len(cores) == len(set(cores)) <= machine.usable_cores
    assert set(cores) <= set(machine.cores)
    counts = {len(place.cores) for place in places}
    assert counts == {machine.usable_cores // config.world_size}
    assert min(counts) >= 1


@given(plans())
def test_places_are_found_by_node_and_local_rank(plan: tuple[RunConfig, Machine]) -> None:
    config, machine = plan
    topology = place_ranks(config, machine)
    for place in topology.places:
        assert topology.place(place.node, place.local_rank) is place
    assert topology.emulated is (config.nodes > 1)


@given(plans())
def test_sharers_are_counted_right(plan: tuple[RunConfig, Machine]) -> None:
    config, machine = plan
    topology = place_ranks(config, machine)
    devices = [place.device for place in topology.places]
    if not machine.gpus:
        assert set(devices) == {"cpu"}
        assert {place.device_shared_by for place in topology.places} == {1}
        return
    for place in topology.places:
        assert place.device_shared_by == devices.count(place.device)
    assert max(map(devices.count, devices)) - min(map(devices.count, devices)) <= 1
    assert topology.devices == min(config.world_size, len(machine.gpus))


@given(plans())
def test_ranks_of_a_node_never_share_a_gpu(plan: tuple[RunConfig, Machine]) -> None:
    config, machine = plan
    for node in range(config.nodes):
        places = [place for place in place_ranks(config, machine).places if place.node == node]
        gpus = [place.device for place in places if place.device != "cpu"]
        assert len(gpus) == len(set(gpus))


def test_siblings_stay_together() -> None:
    # Physical core k is logical CPU k and k + 4: a rank gets whole physical cores.
    machine = made_machine(cores=8, siblings=True)
    places = place_ranks(made_config(nodes=2), machine).places
    assert [place.cores for place in places] == [(0, 4, 1, 5), (2, 6, 3, 7)]


@pytest.mark.parametrize(
    ("gpus", "nodes", "nproc", "backend", "devices", "shared"),
    [
        (0, 1, 1, "none", ["cpu"], 1),
        (0, 2, 1, "gloo", ["cpu", "cpu"], 1),
        (1, 1, 1, "none", ["cuda:0"], 1),
        (1, 2, 1, "gloo", ["cuda:0", "cuda:0"], 2),
        (4, 2, 2, "nccl", ["cuda:0", "cuda:1", "cuda:2", "cuda:3"], 1),
        (2, 2, 2, "gloo", ["cuda:0", "cuda:1", "cuda:0", "cuda:1"], 2),
        (8, 1, 2, "nccl", ["cuda:0", "cuda:1"], 1),
    ],
)
def test_devices_and_how_they_talk(
    gpus: int, nodes: int, nproc: int, backend: str, devices: list[str], shared: int
) -> None:
    config = made_config(
        nodes=nodes,
        nproc_per_node=nproc,
        device="cuda" if gpus else "cpu",
        engine="none" if nodes * nproc == 1 else "ddp",
    )
    topology = place_ranks(config, made_machine(cores=16, gpus=gpus))
    assert topology.backend == backend
    assert [place.device for place in topology.places] == devices
    assert {place.device_shared_by for place in topology.places} == {shared}


def test_threads_are_those_of_the_configuration() -> None:
    config = made_config(threads=3, loader_threads=2)
    places = place_ranks(config, made_machine(cores=16)).places
    assert {(place.threads, place.loader_threads) for place in places} == {(3, 2)}


@pytest.mark.parametrize(("gpus", "backend"), [(0, "gloo"), (1, "nccl")])
def test_an_engine_of_one_rank_has_a_group_too(gpus: int, backend: str) -> None:
    config = made_config(nodes=1, engine="ddp", device="cuda" if gpus else "cpu")
    assert place_ranks(config, made_machine(cores=4, gpus=gpus)).backend == backend


def test_a_member_knows_its_own_place_alone() -> None:
    config = made_config(nodes=2, nproc_per_node=2, device="cuda")
    topology = place_member(config, made_machine(cores=4, gpus=1), made_member(3, 4, 2))
    own = topology.place(1, 1)
    assert (own.cores, own.device) == ((0, 1, 2, 3), "cuda:0")
    assert (topology.backend, topology.emulated) == ("nccl", False)


def told(
    rank: int, host: str, node: int, local_rank: int, gpu: str = ""
) -> tuple[Samples, RankFacts]:
    device = "cuda:0" if gpu else "cpu"
    where = {"host": host, "node": node, "local_rank": local_rank, "device": device}
    samples = even_samples(rank, [10], **where)
    return samples, made_facts(rank, affinity=(rank,), torch_threads=3, gpu=gpu)


def seen(*ranks: tuple[Samples, RankFacts], gpus: int = 0) -> Topology:
    world = len(ranks)
    config = made_config(nodes=2, nproc_per_node=world // 2, device="cuda" if gpus else "cpu")
    planned = place_member(config, made_machine(cores=4, gpus=gpus), made_member(0, world, 2))
    samples = [samples for samples, _ in ranks]
    return topology_seen(planned, made_result(*samples, facts=[facts for _, facts in ranks]))


def test_where_ranks_stood_is_what_they_told() -> None:
    topology = seen(told(0, "a", 0, 0), told(1, "b", 1, 0))
    assert [place.host for place in topology.places] == ["a", "b"]
    assert [place.cores for place in topology.places] == [(0,), (1,)]
    assert {place.threads for place in topology.places} == {3}
    assert not topology.emulated


def test_two_nodes_of_one_host_are_emulated() -> None:
    assert seen(told(0, "a", 0, 0), told(1, "a", 1, 0)).emulated


def test_gpus_are_told_apart_by_uuid() -> None:
    """Each rank calls its own one cuda:0."""
    topology = seen(told(0, "a", 0, 0, "u1"), told(1, "b", 1, 0, "u1"), gpus=1)
    assert (topology.devices, topology.backend) == (2, "nccl")
    shared = seen(told(0, "a", 0, 0, "u1"), told(1, "a", 1, 0, "u1"), gpus=1)
    assert (shared.devices, shared.backend) == (1, "gloo")
    assert {place.device_shared_by for place in shared.places} == {2}


def test_ranks_that_go_round_the_nodes_stand_node_by_node() -> None:
    cyclic = (told(0, "a", 0, 0), told(1, "b", 1, 0), told(2, "a", 0, 1), told(3, "b", 1, 1))
    topology = seen(*cyclic)
    assert topology.place(0, 1).cores == (2,)
    assert topology.place(1, 0).host == "b"

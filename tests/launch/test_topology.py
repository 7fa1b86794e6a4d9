"""Every rank has its own cores, whatever the machine and the request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.launch.topology import place_ranks
from bench.machine.inventory import Machine
from reports.schema.config import RunConfig
from tests.machine.made_machines import made_machine
from tests.reports.made_results import made_config


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

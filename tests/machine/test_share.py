"""What of a host belongs to one of the ranks that another program has started on it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from resnext_bench.errors import CannotHere
from resnext_bench.machine import share
from resnext_bench.machine.host.numa import Numa
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.share import require_address, share_of, wait_for_masks
from tests.machine.made_machines import made_machine
from tests.machine.made_members import made_member, variables

EIGHT = tuple(range(8))


def test_ranks_on_the_same_cores_share_them_out() -> None:
    machine, masks = made_machine(cores=8), dict.fromkeys(range(4), EIGHT)
    parts = [share_of(machine, made_member(rank, 4, 4), masks).cores for rank in range(4)]
    assert parts == [(0, 1), (2, 3), (4, 5), (6, 7)]


def test_ranks_that_are_bound_already_keep_their_cores() -> None:
    machine = made_machine(cores=4)
    masks = {0: (0, 1, 2, 3), 1: (4, 5, 6, 7)}
    assert share_of(machine, made_member(0), masks).cores == machine.cores


def test_two_nodes_on_one_host_share_it_too() -> None:
    masks = dict.fromkeys(range(4), EIGHT)
    parts = [share_of(made_machine(cores=8), made_member(rank, 4, 2), masks) for rank in range(4)]
    assert len({core for part in parts for core in part.cores}) == 8


def test_a_quota_counts() -> None:
    machine = replace(made_machine(cores=8), usable_cores=4)
    found = share_of(machine, made_member(1), {0: EIGHT, 1: EIGHT})
    assert (found.cores, found.usable_cores) == ((2, 3), 2)


def test_more_ranks_than_cores() -> None:
    masks = dict.fromkeys(range(2), (0,))
    with pytest.raises(CannotHere, match="2 ranks share 1 CPU cores"):
        share_of(made_machine(cores=1), made_member(), masks)


def test_each_local_rank_has_a_gpu_and_goes_round_where_there_are_fewer() -> None:
    machine, masks = made_machine(cores=8, gpus=2), dict.fromkeys(range(4), EIGHT)
    parts = [share_of(machine, made_member(rank, 4, 4), masks) for rank in range(4)]
    assert [part.gpus[0].index for part in parts] == [0, 1, 0, 1]


def two_sockets(*gpu_nodes: int) -> Machine:
    machine = made_machine(cores=16, gpus=len(gpu_nodes))
    return replace(
        machine,
        gpus=tuple(
            replace(gpu, node=node) for gpu, node in zip(machine.gpus, gpu_nodes, strict=True)
        ),
        numa=Numa(node_of={core: core // 8 for core in range(16)}),
    )


@pytest.mark.parametrize(
    ("gpu_nodes", "expected"), [((0, 0, 1, 1), [0, 0, 1, 1]), ((1, 0, 1, 0), [1, 0, 1, 0])]
)
def test_ranks_on_the_same_cores_share_each_node(
    gpu_nodes: tuple[int, ...], expected: list[int]
) -> None:
    machine, masks = two_sockets(*gpu_nodes), dict.fromkeys(range(4), tuple(range(16)))
    parts = [share_of(machine, made_member(rank, 4, 4), masks).cores for rank in range(4)]
    assert [{core // 8 for core in part} for part in parts] == [{node} for node in expected]
    assert len({core for part in parts for core in part}) == 16


def test_a_rank_that_was_bound_keeps_its_cores_however_far() -> None:
    machine = two_sockets(1)
    found = share_of(machine, made_member(), {0: tuple(range(16))})
    assert found.cores == machine.cores


def test_ranks_that_see_one_gpu_each_divide_the_cores_in_their_order() -> None:
    """Only they know where theirs is: what one assumed of the others would give cores twice."""
    masks = dict.fromkeys(range(4), tuple(range(16)))
    parts = [
        share_of(two_sockets(node), made_member(rank, 4, 4), masks).cores
        for rank, node in enumerate((1, 1, 0, 0))
    ]
    assert parts == [tuple(range(first, first + 4)) for first in range(0, 16, 4)]


@pytest.fixture
def neighbour() -> Iterator[None]:
    """Rank 1 of the group as another process, bound to one core."""
    code = "import os, time; os.sched_setaffinity(0, [0]); print(flush=True); time.sleep(60)"
    process = subprocess.Popen(
        (sys.executable, "-c", code),
        env=os.environ | variables(1, 2, 2, "neighbours"),
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    with process:
        yield
        process.kill()


@pytest.mark.usefixtures("neighbour")
def test_masks_are_those_of_this_groups_processes() -> None:
    own = tuple(sorted(os.sched_getaffinity(0)))
    assert wait_for_masks(made_member(0, run="neighbours")) == {0: own, 1: (0,)}


def test_ranks_that_never_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "PATIENCE_S", 0.1)
    with pytest.raises(CannotHere, match="reports 2 ranks on this node, but only 1 have started"):
        wait_for_masks(made_member(run="nobody else"))


def test_a_meeting_place_without_address() -> None:
    require_address(made_member())
    lost = replace(made_member(), address="no-such-host.invalid")
    with pytest.raises(CannotHere, match=r"cannot resolve no-such-host.invalid.*set MASTER_ADDR"):
        require_address(lost)

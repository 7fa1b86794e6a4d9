"""Findings about where GPUs are, and whether the installed torch suits them."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.machine.doctor.checks import examine
from resnext_bench.machine.doctor.findings import Activity, Finding, Severity
from resnext_bench.machine.host.sources import here
from tests.machine.gpu.ready import A10X4, DGX_A100, H100X8, LOST_OF_EIGHT, V100X4
from tests.machine.gpu.scripted import Board, ScriptedMachine, scripted

SPOILS, DISTURBS, NOTE, FINE, HIDDEN = Severity
A10 = A10X4.boards[0]
Doctor = Callable[..., dict[str, list[Finding]]]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Doctor:
    """Return the doctor's findings by check."""
    folders = count()

    def look(
        machine: ScriptedMachine, cores: set[int] | None = None, slot: int | None = None
    ) -> dict[str, list[Finding]]:
        root = tmp_path / str(next(folders))
        scripted(machine, monkeypatch, root)
        if slot:  # of the bridge above the boards
            (root / "sys/bus/pci/devices/max_link_width").write_text(f"{slot}\n")
        if cores:
            monkeypatch.setattr("os.sched_getaffinity", lambda pid: cores)
        quiet = Activity(seconds=1.0)
        found: dict[str, list[Finding]] = {}
        for one in examine(here(), sampler=lambda _: quiet, holder=lambda: None).findings:
            found.setdefault(one.check, []).append(one)
        return found

    return look


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def values(findings: list[Finding]) -> list[str]:
    return [finding.value for finding in findings]


def test_a_good_machine(doctor: Doctor) -> None:
    found = doctor(H100X8)
    assert values(found["GPU NUMA node"]) == [
        "GPU 0-3: 0, with 112 of our cores",
        "GPU 4-7: 1, with 112 of our cores",
    ]
    assert values(found["GPU PCIe"]) == ["GPU 0-7: generation 5 x16"]
    assert values(found["GPU NVLink"]) == ["GPU 0-7: 18 to a switch"]
    assert only(found["GPU and torch"]).severity is FINE
    checks = ("GPU NUMA node", "GPU PCIe", "GPU NVLink")
    assert {one.severity for check in checks for one in found[check]} == {FINE}


def test_nodes_in_an_odd_order(doctor: Doctor) -> None:
    assert [value.split(",")[0] for value in values(doctor(DGX_A100)["GPU NUMA node"])] == [
        "GPU 0-1: 3",
        "GPU 2-3: 1",
        "GPU 4-5: 7",
        "GPU 6-7: 5",
    ]


def test_several_nodes_are_no_disturbance_where_ranks_are_bound(doctor: Doctor) -> None:
    """Binding all to one node would take half of the GPUs' near cores away."""
    (found,) = doctor(H100X8)["numa nodes"]
    assert (found.severity, "leave runs on GPUs alone" in found.advice) == (NOTE, True)
    (found,) = doctor(replace(H100X8, boards=()))["numa nodes"]
    assert (found.severity, "bind the program" in found.advice) == (DISTURBS, True)


def test_a_node_without_cores_of_ours(doctor: Doctor) -> None:
    near, far = doctor(H100X8, cores=set(range(8)))["GPU NUMA node"][::-1]
    assert (near.severity, far.severity) == (FINE, DISTURBS)
    assert far.value == "GPU 4-7: 1, and our cores are on node 0"
    assert "cores of node 1" in far.advice


def test_a_node_that_nobody_knows(doctor: Doctor) -> None:
    machine = replace(H100X8, boards=(Board(node=None),))
    assert only(doctor(machine)["GPU NUMA node"]).severity is HIDDEN
    assert only(doctor(replace(machine, numa_nodes=1))["GPU NUMA node"]).severity is FINE


def test_a_lost_gpu_costs_the_others_nothing(doctor: Doctor) -> None:
    found = doctor(LOST_OF_EIGHT)
    assert values(found["GPU PCIe"]) == ["GPU 0-4,6-7: generation 5 x16"]
    assert only(found["GPU and torch"]).severity is FINE


@pytest.mark.parametrize(
    ("board", "severity", "value"),
    [
        ({"pcie": (1, 16)}, FINE, "generation 1 x16 now, without work; 4 at most"),
        ({"pcie": (4, 8)}, DISTURBS, "generation 4 x8: 8 of 16 lanes"),
        ({"pcie": (1, 4)}, DISTURBS, "generation 1 x4: 4 of 16 lanes"),
        (
            {"pcie": (3, 16), "answers": {"nvmlDeviceGetUtilizationRates": [99, 40]}},
            DISTURBS,
            "generation 3 x16, 4 at most, while it is in use",
        ),
        ({"pcie": (4, 8), "pcie_most": (4, 8)}, FINE, "generation 4 x8"),
    ],
)
def test_lanes(doctor: Doctor, board: dict[str, Any], severity: Severity, value: str) -> None:
    found = only(doctor(A10X4.with_boards(replace(A10, **board)), slot=16)["GPU PCIe"])
    assert (found.severity, found.value) == (severity, value)
    assert severity is FINE or "lspci -vv -s 0000:18:00.0" in found.command


def test_a_guest_does_not_know_its_slot(doctor: Doctor) -> None:
    found = only(doctor(A10X4.with_boards(replace(A10, pcie=(4, 8))))["GPU PCIe"])
    assert (found.severity, found.value) == (
        NOTE,
        "generation 4 x8: 8 of 16 lanes, by the driver's word alone",
    )


def test_a_slot_with_fewer_lanes_than_the_board(
    monkeypatch: pytest.MonkeyPatch, doctor: Doctor, tmp_path: Path
) -> None:
    """NVML's highest width is what board and slot can do together; the kernel knows the board's."""
    answers = {"nvmlDeviceGetMaxPcieLinkWidth": 8}
    machine = A10X4.with_boards(replace(A10, pcie=(4, 8), answers=answers))
    found = only(doctor(machine)["GPU PCIe"])
    assert (found.severity, found.value) == (
        NOTE,
        "generation 4 x8: the board has 16 lanes, its slot 8",
    )


def test_links_between_gpus(doctor: Doctor) -> None:
    boards = [replace(A10, nvlinks=4, peer=peer) for peer in (1, 0, 3, 2)]
    assert values(doctor(A10X4.with_boards(*boards))["GPU NVLink"]) == [
        "GPU 0: 4 to GPU 1",
        "GPU 1: 4 to GPU 0",
        "GPU 2: 4 to GPU 3",
        "GPU 3: 4 to GPU 2",
    ]


def test_links_that_are_not_active(doctor: Doctor) -> None:
    down = replace(H100X8.boards[1], answers={"nvmlDeviceGetNvLinkState(17)": 0})
    bad, good = doctor(H100X8.with_boards(H100X8.boards[0], down))["GPU NVLink"]
    assert (bad.severity, bad.value) == (
        DISTURBS,
        "GPU 1: 17 to a switch: 17 of 18 links are active",
    )
    assert good.value == "GPU 0: 18 to a switch"


def test_a_board_with_fewer_links_than_its_neighbour(doctor: Doctor) -> None:
    fewer = replace(H100X8.boards[1], nvlinks=12)
    bad, _ = doctor(H100X8.with_boards(H100X8.boards[0], fewer))["GPU NVLink"]
    assert "12 of 18 links are active" in bad.value


def test_bridges_that_nobody_plugged_in(doctor: Doctor) -> None:
    off = {f"nvmlDeviceGetNvLinkState({link})": 0 for link in range(4)}
    found = only(doctor(A10X4.with_boards(replace(A10, answers=off)))["GPU NVLink"])
    assert (found.severity, found.value) == (FINE, "none, 4 not active")


def test_links_that_no_board_of_the_kind_uses(doctor: Doctor) -> None:
    off = {f"nvmlDeviceGetNvLinkState({link})": 0 for link in range(12, 18)}
    pair = [replace(A10, nvlinks=18, peer=peer, answers=off) for peer in (1, 0)]
    found = doctor(A10X4.with_boards(*pair))["GPU NVLink"]
    assert [one.severity for one in found] == [NOTE, NOTE]
    assert "12 of 18 links are active" in found[0].value


def test_an_old_driver_and_an_old_gpu(doctor: Doctor) -> None:
    found = only(doctor(V100X4)["GPU and torch"])
    assert found.severity is SPOILS
    assert "no kernels for Tesla V100-SXM2-32GB (capability 7.0)" in found.value
    assert "driver 550.127.05 supports CUDA 12.4" in found.value
    assert found.command.endswith("whl/cu126")


def test_an_old_driver_alone(doctor: Doctor) -> None:
    found = only(doctor(DGX_A100)["GPU and torch"])
    assert found.severity is SPOILS
    assert "no kernels" not in found.value
    assert found.advice.startswith("update the driver to 580 or newer")


def test_an_old_gpu_alone(doctor: Doctor) -> None:
    old = Board(name="Tesla P40", capability=(6, 1))
    found = only(doctor(replace(H100X8, boards=(old,)))["GPU and torch"])
    assert (found.severity, "needs a driver" in found.value) == (SPOILS, False)


@pytest.mark.parametrize(("mode", "severity"), [(0, FINE), (3, DISTURBS), (2, SPOILS)])
def test_who_may_compute(doctor: Doctor, mode: int, severity: Severity) -> None:
    board = replace(A10, answers={"nvmlDeviceGetComputeMode": mode})
    assert only(doctor(A10X4.with_boards(board))["GPU compute mode"]).severity is severity

"""A plan: refused where the run would be, and made where no more than this machine is lacking."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.cli.run import command as run_module
from resnext_bench.machine.inventory import Gpu, Machine
from tests.cli.typed import Typed
from tests.machine.gpu.ready import A10X4, DGX_A100, H100X8, V100X4
from tests.machine.gpu.scripted import ScriptedMachine, scripted
from tests.worker.made_training import LAPTOP

PLAIN = ("--pipeline", "synthetic")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("COLUMNS", "200")
    return Typed(monkeypatch, capsys, "run")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"RANK": "0", "WORLD_SIZE": "4"}, "RANK and WORLD_SIZE are set (Kubeflow does) but not L"),
        ({"SLURM_STEP_ID": "0", "SLURM_PROCID": "1"}, "but not SLURM_STEP_NUM_TASKS"),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, "but not MPI_LOCALRANKID or MPI_LOCALNRANKS"),
    ],
)
@pytest.mark.parametrize("how", [(), ("--dry-run",)], ids=["run", "plan"])
def test_what_the_run_refuses_the_plan_refuses(
    typed: Typed,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    words: str,
    how: tuple[str, ...],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, out, err = typed(*PLAIN, *how)
    assert (code, out) == (5, "")
    assert words in err
    assert err.count("\n") == 1


def machine(monkeypatch: pytest.MonkeyPatch, found: Machine) -> None:
    monkeypatch.setattr(run_module, "inspect", lambda device: found)


def test_a_plan_needs_no_cores(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, LAPTOP)
    code, out, err = typed(*PLAIN, "--nodes", 16, "--dry-run")
    assert (code, err) == (0, "")
    assert out.count("would run") == 16
    assert re.search("channels-last +on ", out)
    assert (
        "cannot run it: 16 nodes x 1 rank = 16 ranks, but each needs a CPU core of its own and only"
    ) in out
    code, out, err = typed(*PLAIN, "--nodes", 16)
    assert code == 5
    assert "may be used here; lower --nodes or --nproc-per-node" in err


def test_what_this_machine_lacks_is_in_json(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, LAPTOP)
    _, out, _ = typed(*PLAIN, "--nproc-per-node", 64, "--dry-run", "--json")
    (why,) = json.loads(out)["cannot_run_here"]
    assert "64 ranks" in why
    _, out, _ = typed(*PLAIN, "--dry-run", "--json")
    assert json.loads(out)["cannot_run_here"] == []


def test_a_plan_needs_no_gpu_for_each_rank(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(index=0, name="H200", memory_gib=139.8, capability=(9, 0))
    cores = tuple(range(64))
    machine(
        monkeypatch,
        Machine(
            cores=cores,
            physical_cores=64,
            usable_cores=64,
            memory_gib=500,
            gpus=(gpu,),
            cpu_name="made",
        ),
    )
    code, out, _ = typed(*PLAIN, "--nproc-per-node", 8, "--dry-run")
    assert code == 0
    assert "cannot run it: --nproc-per-node 8: only 1 GPU here" in out
    code, _, err = typed(*PLAIN, "--nproc-per-node", 8)
    assert code == 5
    assert "only 1 GPU here; give at most 1 (" in err


def plan(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, root: Path, host: ScriptedMachine, *more: str
) -> dict[str, Any]:
    scripted(host, monkeypatch, root)
    code, out, _ = typed(*PLAIN, "--dry-run", "--json", *more)
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_ranks_stand_on_the_sockets_of_their_gpus(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An HGX H100: the first four GPUs on one socket, the others on the second."""
    places = plan(typed, monkeypatch, tmp_path, H100X8)["topology"]["places"]
    assert [place["gpu_node"] for place in places] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert all(place["core_nodes"] == [place["gpu_node"]] for place in places)
    assert {len(place["cores"]) for place in places} == {28}


def test_a_dgx_in_its_odd_order(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = plan(typed, monkeypatch, tmp_path, replace(DGX_A100, driver="580.95.05", cuda=13000))
    places = found["topology"]["places"]
    assert [place["core_nodes"] for place in places] == [[3], [3], [1], [1], [7], [7], [5], [5]]
    assert found["cannot_run_here"] == []


def test_a_container_on_the_other_socket(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is told, in the plan as in the table."""
    scripted(H100X8, monkeypatch, tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(56)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    code, out, _ = typed(*PLAIN, "--dry-run", "--json")
    (place,) = json.loads(out)["topology"]["places"]
    assert (code, place["gpu_node"], place["core_nodes"]) == (0, 1, [0])
    _, out, _ = typed(*PLAIN, "--dry-run")
    assert "note rank 0 has its GPU on NUMA node 1 and its cores on 0" in out


def test_one_gpu_of_two_sockets(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = plan(typed, monkeypatch, tmp_path, H100X8, "--nproc-per-node", "1")
    (place,) = found["topology"]["places"]
    assert (place["core_nodes"], len(place["cores"])) == ([0], 112)
    assert found["commands"][0]["cores"] == place["cores"]


def test_nodes_have_a_column_where_there_are_several(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted(H100X8, monkeypatch, tmp_path)
    _, out, _ = typed(*PLAIN, "--dry-run")
    assert "NUMA node" in out
    assert "70-83,182-195" in out
    scripted(A10X4, monkeypatch, tmp_path / "other")
    _, out, _ = typed(*PLAIN, "--dry-run")
    assert "NUMA node" not in out


def test_a_plan_says_what_to_install(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (why,) = plan(typed, monkeypatch, tmp_path, V100X4)["cannot_run_here"]
    assert "no kernels for Tesla V100-SXM2-32GB" in why
    assert why.endswith("--index-url https://download.pytorch.org/whl/cu126")

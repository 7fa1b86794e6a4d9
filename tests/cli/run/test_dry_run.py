"""A plan: refused where the run would be, and made where no more than this machine is lacking."""

import json
import re

import pytest

from resnext_bench.cli.run import command as run_module
from resnext_bench.machine.inventory import Gpu, Machine
from tests.cli.typed import Typed
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
    monkeypatch.setattr(run_module, "inspect", lambda: found)


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

"""`doctor` and `run --dry-run` on machines that users have: kinds and values, not sentences.

All of them are scripted; what a driver answers there was never measured by us.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.machine.gpu.ready import READY
from tests.rehearsal.machines import OLDER, ROCM, Build, On, on

Sit = Callable[..., On]


MACHINES = {**READY, "no GPU, two nodes": replace(READY["no GPU"], numa_nodes=2)}


@pytest.fixture
def sit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Sit:
    """Return what takes a place at a machine by its name."""
    return lambda name, *build: on(MACHINES[name], monkeypatch, capsys, tmp_path, *build)


@dataclass(frozen=True, kw_only=True)
class Trains:
    """A machine that trains."""

    name: str
    ranks: int
    device: str = "cuda"
    type: str = "bf16"
    nodes: tuple[int, ...] = ()
    """NUMA node of each rank's cores and of its GPU; empty where the host has one, or it is not
    known."""
    backend: str = "nccl"
    batch: int = 128
    visible: str = ""
    """CUDA_VISIBLE_DEVICES of the ranks' agent, where it is more than a row of indices."""
    doctor: int = 0
    """The exit code of the doctor."""
    build: tuple[Build, ...] = ()


SLICES = tuple(f"MIG-{number:08x}-1111-5222-8333-444444444444" for number in (0, 1))
TRAIN = (
    Trains(name="8xH100", ranks=8, nodes=(0, 0, 0, 0, 1, 1, 1, 1)),
    Trains(name="8xH100", ranks=2, nodes=(0, 0)),
    Trains(name="DGX A100", ranks=8, nodes=(3, 3, 1, 1, 7, 7, 5, 5), build=(OLDER,)),
    Trains(name="4xA10", ranks=4, batch=64),
    Trains(name="GB10", ranks=1, backend="none"),
    Trains(name="a MIG pod", ranks=1, backend="none", batch=16, visible=SLICES[0]),
    Trains(name="two slices", ranks=2, backend="gloo", batch=64, visible=",".join(SLICES)),
    Trains(name="4xV100", ranks=4, type="fp16", build=(OLDER,)),
    Trains(name="Orin", ranks=1, backend="none", build=(OLDER,)),
    Trains(name="not available", ranks=1, backend="none"),
    Trains(name="4xMI250X", ranks=8, nodes=(0, 0, 1, 1, 2, 2, 3, 3), build=(ROCM,)),
    # Torch lists what the driver cannot be asked about, and nobody says on which sockets.
    Trains(name="no utility", ranks=8),
    Trains(name="8xMI300X", ranks=8, nodes=(0, 0, 0, 0, 1, 1, 1, 1), build=(ROCM,)),
    Trains(name="no GPU", ranks=2, device="cpu", backend="gloo", batch=8),
)


@pytest.mark.parametrize("case", TRAIN, ids=lambda case: f"{case.ranks} ranks on {case.name}")
def test_what_would_train(sit: Sit, case: Trains) -> None:
    machine = sit(case.name, *case.build)
    assert machine.doctor("--json").code == case.doctor
    plan = machine.plan("--nproc-per-node", case.ranks, "--json")
    assert (plan.code, plan.err) == (0, "")
    assert plan.json["cannot_run_here"] == []
    chosen = plan.json["resolved"]
    assert (chosen["device"], chosen["batch_size"]) == (case.device, case.batch)
    assert chosen["amp_dtype"] == case.type
    assert plan.json["topology"]["backend"] == case.backend
    on_gpus = case.device == "cuda"
    devices = [f"cuda:{rank}" if on_gpus else "cpu" for rank in range(case.ranks)]
    assert [place["device"] for place in plan.places] == devices
    _own_cores(plan.places)
    if case.nodes:
        assert [place["core_nodes"] for place in plan.places] == [[node] for node in case.nodes]
        assert [place["gpu_node"] for place in plan.places] == list(case.nodes)
    (command,) = plan.json["commands"]
    seen = case.visible or ",".join(map(str, range(case.ranks)))
    assert command["environment"]["CUDA_VISIBLE_DEVICES"] == (seen if on_gpus else "")


def test_a_plan_shows_links(sit: Sit) -> None:
    machine = sit("8xH100")
    boards = machine.plan("--json").json["boards"]
    assert [board["gpus"] for board in boards] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert {(one["pcie_generation"], one["pcie_width"]) for one in boards} == {(5, 16)}
    assert all(board["nvlinks"] == [["switch", 18]] for board in boards)
    said = " ".join(machine.plan().out.split())
    links = "PCIe generation 5 at most, 16 of 16 lanes, 18 NVLinks to a switch"
    assert f"GPUs 0, 1, 2, 3: {links}" in said


def _own_cores(places: list[dict[str, Any]]) -> None:
    """Each rank has cores of its own, and all have equally many."""
    each = [place["cores"] for place in places]
    everybodys = [core for one in each for core in one]
    assert len(set(everybodys)) == len(everybodys)
    assert {len(one) for one in each} == {len(each[0])}


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A machine on which nothing trains as it is."""

    name: str
    says: tuple[str, ...]
    """What the refusal has to name: what is wrong, and what to do."""
    check: str = "GPU driver"
    """The check of the doctor that finds it."""
    planned: bool = False
    """Whether a plan is made all the same, and says so."""


REFUSED = (
    Refused(
        name="DGX A100",
        says=("CUDA 13", "580", "550.127.05", "12.4", "whl/cu126"),
        check="GPU and torch",
        planned=True,
    ),
    Refused(name="4xV100", says=("V100", "7.0", "whl/cu126"), check="GPU and torch", planned=True),
    Refused(
        name="8xMI300X",
        says=("MI300X", "for CUDA 13.2", "ROCm"),
        check="GPU and torch",
        planned=True,
    ),
    Refused(
        name="a lost GPU",
        says=("GPU 5 of 8", "GPU is lost", "CUDA_VISIBLE_DEVICES=GPU-00000000-"),
    ),
    Refused(name="an unmatched driver", says=("mismatch", "Error 803", "restart", "--device cpu")),
)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_is_refused(sit: Sit, case: Refused) -> None:
    machine = sit(case.name)
    doctor = machine.doctor("--json")
    assert doctor.code == 3
    spoiling = [one["severity"] for one in doctor.findings(case.check)]
    assert "spoils" in spoiling
    plan = machine.plan("--json")
    if case.planned:
        assert plan.code == 0
        said = " ".join(plan.json["cannot_run_here"])
    else:
        assert (plan.code, plan.out) == (5, "")
        said = plan.err
    for word in case.says:
        assert word in said
    # What a plan says, a run is refused with, before anything is started.
    run = machine.run()
    assert (run.code, run.out) == (5, "")
    for word in case.says:
        assert word in " ".join(run.err.split())


@pytest.mark.parametrize("name", ["an unmatched driver", "a lost GPU"])
def test_the_cpu_is_there_for_who_asks(sit: Sit, name: str) -> None:
    """A GPU that is plainly there and cannot be used costs a run on the CPU nothing."""
    plan = sit(name).plan("--device", "cpu", "--json")
    assert (plan.code, plan.json["cannot_run_here"]) == (0, [])
    assert {place["device"] for place in plan.places} == {"cpu"}


def test_no_gpu_at_all(sit: Sit) -> None:
    said = sit("no GPU").plan("--device", "cuda")
    assert (said.code, said.out) == (5, "")
    assert "--device cuda" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("name", READY)
def test_the_table_says_no_less(sit: Sit, name: str) -> None:
    """Each finding of a GPU that is not fine is in the table, and no line names what is unknown."""
    machine = sit(name)
    found, table = machine.doctor("--json"), machine.doctor()
    assert table.code == found.code
    shown = [one for one in found.json["findings"] if one["severity"] in ("spoils", "disturbs")]
    flat = " ".join(table.out.replace("│", " ").split())
    for one in shown:
        assert one["check"] in flat
        assert one["value"][:40] in flat
    assert "None" not in flat


@dataclass(frozen=True, kw_only=True)
class Find:
    """One finding of the doctor."""

    name: str
    check: str
    severity: str
    number: float | None = None
    count: int = 1
    """How many of its kind there are: boards with different answers have one each."""


FINDINGS = (
    Find(name="8xH100", check="GPU NUMA node", severity="fine", count=2),
    Find(name="8xH100", check="GPU NVLink", severity="fine", number=18),
    Find(name="8xH100", check="GPU PCIe", severity="fine", number=16),
    Find(name="8xH100", check="GPU and torch", severity="fine"),
    Find(name="DGX A100", check="GPU NUMA node", severity="fine", count=4),
    Find(name="DGX A100", check="GPU NVLink", severity="fine", number=12),
    Find(name="4xA10", check="GPU NVLink", severity="fine", number=0),
    Find(name="GB10", check="GPU and torch", severity="fine"),
    Find(name="GB10", check="GPU ECC", severity="not visible"),
    Find(name="GB10", check="GPU power limit", severity="not visible"),
    Find(name="a MIG pod", check="GPU MIG", severity="disturbs"),
    Find(name="4xV100", check="GPU and torch", severity="spoils"),
    Find(name="a lost GPU", check="GPU NUMA node", severity="fine", count=2),
    Find(name="no utility", check="GPU driver", severity="disturbs"),
    Find(name="8xMI300X", check="GPU NUMA node", severity="fine", count=2),
    Find(name="8xMI300X", check="GPU power limit", severity="fine"),
    Find(name="8xMI300X", check="GPU PCIe", severity="not visible"),
    Find(name="4xMI250X", check="GPU power limit", severity="not visible"),
    Find(name="Orin", check="GPU temperature", severity="not visible"),
    Find(name="not available", check="GPU temperature", severity="not visible"),
    Find(name="not available", check="GPU power limit", severity="not visible"),
    Find(name="not available", check="GPU errors", severity="fine"),
)


@pytest.mark.parametrize("case", FINDINGS, ids=lambda case: f"{case.check} of {case.name}")
def test_what_the_doctor_finds(sit: Sit, case: Find) -> None:
    found = sit(case.name).doctor("--json").findings(case.check)
    ours = [one for one in found if one["severity"] == case.severity]
    assert len(ours) == case.count
    if case.number is not None:
        assert {one["number"] for one in ours} == {case.number}


def test_no_command_is_another_vendors(sit: Sit) -> None:
    findings = sit("8xMI300X", ROCM).doctor("--json").json["findings"]
    told = [f"{one['advice']} {one['command']}" for one in findings if "GPU" in one["check"]]
    assert not [text for text in told if "nvidia" in text]


def test_slices_go_by_the_index_of_their_board(sit: Sit) -> None:
    (finding,) = sit("two slices").doctor("--json").findings("GPU MIG")
    assert finding["value"] == "GPU 0: on"


@pytest.mark.parametrize(
    ("name", "severity"), [("8xH100", "note"), ("no GPU, two nodes", "disturbs")]
)
def test_whom_several_nodes_concern(sit: Sit, name: str, severity: str) -> None:
    """Ranks on GPUs are bound near to them: that the host has two nodes disturbs none of them."""
    (finding,) = sit(name).doctor("--json").findings("numa nodes")
    assert finding["severity"] == severity
    assert ("--device cpu" in finding["command"]) == (severity == "note")


@pytest.mark.parametrize(("visible", "code"), [("4", 5), ("0,0", 5), ("0,4,1", 0)])
def test_a_slip_in_the_names_is_said(
    sit: Sit, visible: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And trains nothing on the CPU, where it leaves no GPU."""
    machine = sit("4xA10")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    plan = machine.plan()
    assert plan.code == code
    assert f"CUDA_VISIBLE_DEVICES={visible}:" in " ".join((plan.out + plan.err).split())
    doctor = machine.doctor("--json")
    (finding,) = doctor.findings("GPU names")
    assert (doctor.code, finding["severity"]) == ((3, "spoils") if code else (0, "disturbs"))


def test_one_lost_board_costs_the_others_no_answer(sit: Sit) -> None:
    less = sit("a lost GPU").doctor("--json")
    for check in ("GPU use", "GPU temperature", "GPU ECC", "GPU PCIe"):
        (finding,) = [one for one in less.findings(check) if one["severity"] == "fine"]
        assert "0-4,6-7" in finding["value"]


def test_seven_of_eight(sit: Sit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lost board left out as the refusal says, the others train."""
    machine = sit("a lost GPU")
    others = machine.plan().err.split("CUDA_VISIBLE_DEVICES=")[1].split()[0]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", others)
    plan = machine.plan("--nproc-per-node", 7, "--json")
    assert (plan.code, plan.json["cannot_run_here"]) == (0, [])
    assert [place["gpu_node"] for place in plan.places] == [0, 0, 0, 0, 1, 1, 1]

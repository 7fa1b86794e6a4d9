"""What is typed to start a session, node by node."""

import shlex
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from resnext_bench.launch.commands import NodeCommand, commands, member_command
from resnext_bench.launch.launchers import LAUNCHERS
from resnext_bench.launch.launchers import Launcher as Entry
from resnext_bench.launch.topology import place_member, place_ranks
from resnext_bench.reports.schema.choices import AskedLauncher, Launcher
from tests.machine.made_machines import made_machine
from tests.machine.made_members import made_member
from tests.reports.made_results import made_config

VISIBLE = "CUDA_VISIBLE_DEVICES"
FOLDER = Path("/runs/ID/session-1")


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VISIBLE, raising=False)


def planned(*, gpus: int = 0, port: int = 29500, **changes: Any) -> tuple[NodeCommand, ...]:
    config = made_config(**{"device": "cuda" if gpus else "cpu"} | changes)
    topology = place_ranks(config, made_machine(cores=16, gpus=gpus))
    return commands(config, topology, folder=FOLDER, run_id="ID", port=port)


def option(command: NodeCommand, name: str) -> str:
    return command.argv[command.argv.index(name) + 1]


def test_all_nodes_meet_at_one_place() -> None:
    """A fresh rendezvous id for each node makes them wait for one another for ever."""
    plan = planned(nodes=3, nproc_per_node=2, port=12345)
    assert [command.node for command in plan] == [0, 1, 2]
    assert {option(command, "--rdzv-id") for command in plan} == {"ID"}
    assert {option(command, "--rdzv-endpoint") for command in plan} == {"127.0.0.1:12345"}
    assert {option(command, "--rdzv-backend") for command in plan} == {"c10d"}
    assert {option(command, "--nnodes") for command in plan} == {"3"}
    assert {option(command, "--nproc-per-node") for command in plan} == {"2"}


def test_the_first_node_alone_is_the_host() -> None:
    hosts = [
        dict(pair.split("=") for pair in option(command, "--rdzv-conf").split(","))["is_host"]
        for command in planned(nodes=3)
    ]
    assert hosts == ["1", "0", "0"]


def test_each_agent_runs_the_worker_on_the_folder() -> None:
    for command in planned():
        assert command.argv[:4] == (sys.executable, "-P", "-m", "torch.distributed.run")
        assert command.argv[-3:] == ("-m", "resnext_bench.worker", str(FOLDER))


def test_one_process_needs_no_agent() -> None:
    (command,) = planned(nodes=1, launcher="direct", engine="none")
    assert command.argv == (sys.executable, "-P", "-m", "resnext_bench.worker", str(FOLDER))
    assert "GLOO_SOCKET_IFNAME" not in command.environment


def test_environment() -> None:
    for node, command in enumerate(planned(threads=3)):
        assert command.environment["PYTHONSAFEPATH"] == "1"
        assert command.environment["OMP_NUM_THREADS"] == "3"
        assert command.environment["RESNEXT_BENCH_NODE"] == str(node)
        assert command.environment["GLOO_SOCKET_IFNAME"] == "lo"


MINE = ("GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_ARENA_MAX", "MALLOC_MMAP_MAX_")


@pytest.mark.parametrize(
    ("device", "caller", "kept"),
    [
        ("cpu", {}, True),
        ("cpu", {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F"}, True),
        ("cpu", {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=0"}, False),
        ("cpu", {"MALLOC_ARENA_MAX": "1"}, False),
        ("cpu", {"LD_PRELOAD": "libjemalloc.so.2"}, False),
        ("cuda", {}, False),
    ],
)
def test_ranks_on_the_cpu_keep_freed_memory_unless_the_caller_chose_an_allocator(
    device: str, caller: dict[str, str], kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in MINE:
        monkeypatch.delenv(name, raising=False)
    for name, value in caller.items():
        monkeypatch.setenv(name, value)
    plan = planned(nodes=1) if device == "cpu" else planned(gpus=4, nodes=1)
    for command in plan:
        found = {name for name in command.environment if name.startswith("MALLOC_")}
        assert found == ({"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"} if kept else set())


def test_cores_are_those_of_the_node() -> None:
    assert [command.cores for command in planned(nproc_per_node=2)] == [
        tuple(range(8)),
        tuple(range(8, 16)),
    ]


@pytest.mark.parametrize(
    ("caller", "nodes"),
    [
        (None, ["0,1", "2,3"]),
        ("0,1,2,3", ["0,1", "2,3"]),
        ("4,5,6,7", ["4,5", "6,7"]),
        ("7, 5,3 ,1", ["7,5", "3,1"]),
        ("GPU-aa,GPU-bb,GPU-cc,GPU-dd", ["GPU-aa,GPU-bb", "GPU-cc,GPU-dd"]),
        ("2,3,4,5,9", ["2,3", "4,5"]),
    ],
)
def test_each_node_sees_its_own_gpus(
    caller: str | None, nodes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if caller is not None:
        monkeypatch.setenv(VISIBLE, caller)
    plan = planned(gpus=4, nproc_per_node=2)
    assert [command.environment[VISIBLE] for command in plan] == nodes


def test_nodes_that_share_a_gpu_both_see_it() -> None:
    assert [command.environment[VISIBLE] for command in planned(gpus=1)] == ["0", "0"]


def test_ranks_that_go_round_the_gpus() -> None:
    plan = planned(gpus=4, nproc_per_node=3)  # ranks 3, 4, 5 are on 3, 0, 1
    assert [command.environment[VISIBLE] for command in plan] == ["0,1,2", "3,0,1"]


@pytest.mark.parametrize("caller", [None, "", "0", "GPU-aa"])
def test_on_cpu_no_gpu_is_visible(caller: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if caller is not None:
        monkeypatch.setenv(VISIBLE, caller)
    for command in planned(gpus=2, device="cpu"):
        assert command.environment[VISIBLE] == ""


def test_a_shell_can_run_it() -> None:
    command = NodeCommand(
        node=0, argv=("python", "-c", "print(1 + 1)"), environment={"A": "x y"}, cores=(0,)
    )
    assert shlex.split(command.shell()) == ["A=x y", "python", "-c", "print(1 + 1)"]


def test_deepspeeds_launcher_on_cpus() -> None:
    (command,) = planned(nodes=1, nproc_per_node=2, launcher="deepspeed")
    assert command.argv[2:4] == ("-m", "deepspeed.launcher.runner")
    assert option(command, "--num_gpus") == "2"
    assert option(command, "--hostfile") == "/dev/null"
    assert command.argv[-3:] == ("--module", "resnext_bench.worker", str(FOLDER))


def test_deepspeeds_launcher_is_told_which_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself it would number them from 0, whatever the caller may see."""
    monkeypatch.setenv(VISIBLE, "4,6,7")
    (command,) = planned(gpus=3, nodes=1, nproc_per_node=2, launcher="deepspeed")
    assert option(command, "--include") == "localhost:4,6"
    assert "--num_gpus" not in command.argv


def joined(rank: int, gpus: int = 0, **changes: Any) -> NodeCommand:
    member = made_member(rank, 4, 2)
    config = made_config(nodes=2, nproc_per_node=2, device="cuda" if gpus else "cpu")
    config = msgspec.structs.replace(config, **changes)
    topology = place_member(config, made_machine(cores=3, gpus=gpus), member)
    return member_command(config, topology, member, folder=FOLDER)


def test_a_rank_that_others_started_is_one_worker() -> None:
    command = joined(3)
    assert command.argv == (sys.executable, "-P", "-m", "resnext_bench.worker", str(FOLDER))
    assert (command.node, command.cores) == (1, (0, 1, 2))
    wanted = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "RESNEXT_BENCH_NODE": "1"}
    assert wanted.items() <= command.environment.items()
    assert "GLOO_SOCKET_IFNAME" not in command.environment  # nodes meet over their network


def test_a_rank_that_others_started_sees_its_own_gpu_alone() -> None:
    assert joined(3, gpus=1).environment[VISIBLE] == "0"


def test_every_launcher_is_known() -> None:
    assert set(LAUNCHERS) == set(get_args(Launcher))
    assert set(get_args(AskedLauncher)) < set(get_args(Launcher))
    page = (Path(__file__).parents[2] / "docs" / "launching.md").read_text()
    for name in get_args(AskedLauncher):
        assert f"| `--launcher {name}` |" in page


@pytest.mark.parametrize("launcher", LAUNCHERS.values(), ids=LAUNCHERS)
def test_how_a_launcher_reports_ends_can_be_read(launcher: Entry) -> None:
    assert launcher.ends is None or set(launcher.ends.groupindex) == {"rank", "code", "pid"}
    assert launcher.first_end is None or set(launcher.first_end.groupindex) == {"code"}
    assert launcher.tells_ends is (launcher.ends is not None)


def test_ranks_get_the_rules_of_their_side_alone() -> None:
    name, mine = "CUDNN_ERRATA_JSON_FILE", "/rules/without-22.json"
    for command in planned(cudnn_errata=mine, cudnn_errata_sha256="00"):
        assert command.environment[name] == mine
    assert all(name not in command.environment for command in planned())
    assert name not in joined(0).environment
    assert joined(0, cudnn_errata=mine).environment[name] == mine

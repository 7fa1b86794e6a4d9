"""Which part a process has in a group that another program has started."""

import pytest

from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.member import Member, find_member, first_host, require_alone

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "6",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "GROUP_RANK": "2",
    "MASTER_ADDR": "node-a",
    "MASTER_PORT": "29400",
    "TORCHELASTIC_RUN_ID": "job",
    "TORCHELASTIC_RESTART_COUNT": "1",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}
SRUN = {
    "SLURM_JOB_ID": "77",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    "SLURM_STEP_NODELIST": "gpu[03-04]",
}
OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "PMIX_NAMESPACE": "prterun-1@1",
}
HYDRA = {
    "PMI_RANK": "1",
    "PMI_SIZE": "2",
    "MPI_LOCALRANKID": "1",
    "MPI_LOCALNRANKS": "2",
}


def member(variables: dict[str, str]) -> Member:
    found = find_member(variables)
    assert found
    return found


def place(found: Member) -> tuple[int, int, int, int, int]:
    return found.rank, found.world, found.node, found.local_rank, found.nodes


def test_torchrun() -> None:
    found = member(TORCHRUN)
    assert place(found) == (5, 6, 2, 1, 3)
    assert (found.address, found.port, found.hosted) == ("node-a", 29400, True)
    assert (found.launcher, found.attempt) == ("torchrun", "1")
    assert not found.leads


def test_srun() -> None:
    found = member(SRUN)
    assert place(found) == (3, 4, 1, 1, 2)
    assert (found.address, found.hosted, found.launcher) == ("gpu03", False, "srun")


def test_all_tasks_of_a_job_find_the_same_port_and_another_job_another() -> None:
    first, second = member(SRUN), member(SRUN | {"SLURM_PROCID": "0"})
    assert first.port == second.port
    assert first.port != member(SRUN | {"SLURM_JOB_ID": "78"}).port
    assert 20_000 <= first.port < 32_768


def test_an_address_that_the_user_names_wins() -> None:
    given = {"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "4000"}
    found = member(SRUN | given)
    assert (found.address, found.port) == ("10.0.0.1", 4000)


@pytest.mark.parametrize("variables", [OPEN_MPI, HYDRA], ids=["open mpi", "hydra"])
def test_mpirun(variables: dict[str, str]) -> None:
    found = member(variables)
    assert place(found) == (1, 2, 0, 1, 1)
    assert (found.address, found.launcher) == ("127.0.0.1", "mpirun")


@pytest.mark.parametrize(
    ("spread", "said"),
    [
        (OPEN_MPI | {"OMPI_COMM_WORLD_SIZE": "4"}, "mpirun -x MASTER_ADDR=<"),
        (HYDRA | {"PMI_SIZE": "4"}, "mpirun -genv MASTER_ADDR <"),
    ],
    ids=["open mpi", "hydra"],
)
def test_mpirun_on_nodes_must_be_told_where_they_meet(spread: dict[str, str], said: str) -> None:
    with pytest.raises(CannotHere, match=said):
        find_member(spread)
    assert member(spread | {"MASTER_ADDR": "a"}).nodes == 2


def test_the_innermost_launcher_counts() -> None:
    """Torchrun under srun: its ranks are those of torchrun's agents."""
    assert member(SRUN | TORCHRUN).launcher == "torchrun"
    assert member(SRUN | OPEN_MPI).launcher == "mpirun"
    # Its proxies are srun's tasks, one on each node; the ranks are not.
    assert member(SRUN | HYDRA).launcher == "mpirun"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
        TORCHRUN | {"WORLD_SIZE": "1", "RANK": "0"},
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_JOB_ID": "7"},
        SRUN | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_TASKS_PER_NODE": "1", "SLURM_PROCID": "0"},
    ],
    ids=lambda variables: " ".join(variables)[:40],
)
def test_a_process_that_is_alone_launches_by_itself(variables: dict[str, str]) -> None:
    assert find_member(variables | {"SLURM_LOCALID": "0", "SLURM_NODEID": "0"}) is None


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (TORCHRUN | {"RANK": "x"}, "RANK='x': the launcher of this rank should set a number"),
        (TORCHRUN | {"RANK": "6"}, "rank 6 of 6, .* numbered from 0 to one less than their number"),
        (TORCHRUN | {"LOCAL_RANK": "2"}, "local rank 2 of 2, but ranks are numbered from 0"),
        (TORCHRUN | {"RANK": "0", "WORLD_SIZE": "0"}, "rank 0 of 0, .* numbered from 0"),
        (TORCHRUN | {"LOCAL_WORLD_SIZE": "0"}, "LOCAL_WORLD_SIZE=0: .* a number of at least 1"),
        (OPEN_MPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "0"}, "LOCAL_SIZE=0: .* of at least 1"),
        (TORCHRUN | {"MASTER_PORT": "99999"}, "MASTER_PORT=99999: a port is a number from 1 to"),
        (TORCHRUN | {"MASTER_PORT": "0"}, "MASTER_PORT=0: a port is a number from 1 to"),
        (TORCHRUN | {"LOCAL_WORLD_SIZE": "4"}, "all nodes must have the same number of ranks"),
        (SRUN | {"SLURM_STEP_TASKS_PER_NODE": "2,1"}, "srun has started 2,1 tasks on its nodes"),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, "LOCAL_WORLD"),
    ],
)
def test_what_contradicts_itself_is_refused(variables: dict[str, str], words: str) -> None:
    with pytest.raises(CannotHere, match=words):
        find_member(variables)


def without(variables: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in names}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"RANK": "0", "WORLD_SIZE": "4"},
            (
                r"RANK and WORLD_SIZE are set \(Kubeflow does\) but not LOCAL_RANK, "
                r"LOCAL_WORLD_SIZE, MASTER_ADDR or MASTER_PORT: start it with torchrun, or unset"
            ),
        ),
        (
            {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
            r"but not LOCAL_RANK or LOCAL_WORLD_SIZE: start it with torchrun, or unset RANK",
        ),
        ({"WORLD_SIZE": "8"}, "WORLD_SIZE is set but not RANK, LOCAL_RANK, LOCAL_WORLD_SIZE,"),
        ({"LOCAL_RANK": "1"}, "LOCAL_RANK is set but not RANK, WORLD_SIZE,"),
        (
            without(TORCHRUN, "MASTER_PORT"),
            ("but not MASTER_PORT: start it with torchrun, or unset R"),
        ),
        (
            without(SRUN, "SLURM_LOCALID"),
            ("but not SLURM_LOCALID: start it with srun, or unset SLURM"),
        ),
        (
            {"SLURM_STEP_ID": "0", "SLURM_PROCID": "1"},
            "SLURM_STEP_ID and SLURM_PROCID are set but not SLURM_STEP_NUM_TASKS, SLURM_LOCALID",
        ),
        (
            without(OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE"),
            "but not OMPI_COMM_WORLD_LOCAL_SIZE: start it with the mpirun",
        ),
        (
            {"PMI_RANK": "0", "PMI_SIZE": "2"},
            "PMI_RANK and PMI_SIZE are set but not MPI_LOCALRANKID or MPI_LOCALNRANKS: start it",
        ),
    ],
)
def test_a_part_of_a_launchers_variables_is_refused(variables: dict[str, str], words: str) -> None:
    with pytest.raises(CannotHere, match=words):
        find_member(variables)


def test_a_part_hides_no_launcher_that_says_all() -> None:
    exported = {"RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "a", "MASTER_PORT": "4000"}
    assert member(SRUN | exported).launcher == "srun"
    assert member(SRUN | {"PMI_RANK": "3", "PMI_SIZE": "4"}).launcher == "srun"
    deepspeed = without(TORCHRUN, "LOCAL_WORLD_SIZE") | {"LOCAL_SIZE": "2"}
    assert member(deepspeed).nproc_per_node == 2


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("gpu03", "gpu03"),
        ("gpu03,gpu04", "gpu03"),
        ("gpu[03-05,9],x1", "gpu03"),
        ("r[1-2]n[04,7]-ib", "r1n04-ib"),
        ("", ""),
    ],
)
def test_the_first_host_of_slurms_list(nodes: str, host: str) -> None:
    assert first_host(nodes) == host


def test_commands_that_launch_ranks_must_be_started_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="srun has started the command 4 times"):
        require_alone("compare")

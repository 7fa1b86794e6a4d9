"""Finds out whether another launcher has started this process as one rank of many.

Torchrun, srun and mpirun each say so in variables of their own. Then nothing is launched: each of
their processes takes part as one rank, and the first one writes the record.
"""

import os
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from resnext_bench.errors import CannotHere, UsageError

Variables = Mapping[str, str]

_PORTS: Final = range(20_000, 32_000)
"""Ports below those that Linux hands out by itself (from 32768 on)."""
_HIGHEST_PORT: Final = 65_535


_TORCH: Final = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
"""Torchrun's variables of a rank; MASTER_ADDR and MASTER_PORT prove nothing, as users set them."""
_MEETING: Final = ("MASTER_ADDR", "MASTER_PORT")
_ALIAS: Final = {"LOCAL_WORLD_SIZE": "LOCAL_SIZE"}
"""DeepSpeed's launcher and Horovod have names of their own."""
_SRUN: Final = (
    *("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NODEID"),
    "SLURM_STEP_TASKS_PER_NODE",
)
"""Srun's variables of a task; SLURM_STEP_ID shows that srun has started it."""
_MPI: Final = (
    (
        *("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        *("OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
        *("PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"),
    ),
    (
        *("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
        *("PMI_SIZE", "MPI_LOCALNRANKS"),
    ),
)
"""Variables of each MPI: rank, ranks, local rank, ranks on the node, what all ranks share.

MPICH's and Intel's ranks do not share the name of a job.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One rank of a group that was launched by another program."""

    launcher: str
    """The launcher as the user knows it: torchrun, srun, mpirun."""
    rank: int
    world: int
    local_rank: int
    nproc_per_node: int
    node: int
    address: str
    """Address of the first node, where all ranks meet."""
    port: int
    hosted: bool
    """Whether the launcher runs the store at this port; otherwise rank 0 does."""
    attempt: str
    """Distinguishes one start of the group from the next, as a store may outlive ranks."""
    marks: tuple[tuple[str, str], ...]
    """Variables that all ranks of the group share, and no other process has."""
    rank_variable: str
    """Variable that holds a process's rank."""

    @property
    def nodes(self) -> int:
        """Number of nodes, all with the same number of ranks."""
        return self.world // self.nproc_per_node

    @property
    def leads(self) -> bool:
        """Whether this rank writes the record and reports to the user."""
        return self.rank == 0


def find_member(variables: Variables | None = None) -> Member | None:
    """Return the rank that this process is in a launched group; None where it is alone.

    Raises CannotHere where the variables contradict each other or are incomplete.
    """
    given = os.environ if variables is None else variables
    readers: tuple[Callable[[Variables], Member | None], ...]
    # From the inside out: torchrun runs under srun, and mpirun starts its ranks by way of it.
    readers = (_torchrun, _mpirun, _srun)
    member = next(filter(None, (read(given) for read in readers)), None)
    if member is None:
        _require_whole(given)
    if member is None or member.world == 1:
        return None
    return _checked(member)


def require_alone(command: str) -> None:
    """Raise UsageError if a command that launches ranks itself was started several times."""
    if member := find_member():
        raise UsageError(
            f"{command} starts its ranks itself, but {member.launcher} has started the command "
            f"{member.world} times; start it once (under srun: srun --ntasks 1 --overlap …)"
        )


def _checked(member: Member) -> Member:
    inside = 0 <= member.rank < member.world and 0 <= member.local_rank < member.nproc_per_node
    if not inside or member.world % member.nproc_per_node:
        needed = (
            "all nodes must have the same number of ranks"
            if inside
            else "ranks are numbered from 0 to one less than their number"
        )
        raise CannotHere(
            f"{member.launcher} reports rank {member.rank} of {member.world}, local rank "
            f"{member.local_rank} of {member.nproc_per_node}, but {needed}"
        )
    if not 0 < member.port <= _HIGHEST_PORT:
        raise CannotHere(f"MASTER_PORT={member.port}: a port is a number from 1 to {_HIGHEST_PORT}")
    return member


def _require_whole(given: Variables) -> None:
    """Raise CannotHere if some of a launcher's variables are missing, rather than guess."""
    mpi = next((names[:4] for names in _MPI if set(names[:4]) & given.keys()), ())
    if mpi and not _is_one(given, mpi[1]):
        how = "start it with the mpirun of an MPI that sets all of them"
        raise _in_part(given, mpi, "", how)
    if "SLURM_STEP_ID" in given and not _is_one(given, "SLURM_STEP_NUM_TASKS"):
        raise _in_part(given, ("SLURM_STEP_ID", *_SRUN), "", "start it with srun")
    if set(_TORCH) & given.keys() and not _is_one(given, "WORLD_SIZE"):
        kubeflow = " (Kubeflow does)" if {"RANK", "WORLD_SIZE"} <= given.keys() else ""
        raise _in_part(given, (*_TORCH, *_MEETING), kubeflow, "start it with torchrun")


def _is_one(given: Variables, name: str) -> bool:
    """Return whether the group has one rank: its numbering is then often not given."""
    return given.get(name, "").strip() == "1"


def _in_part(given: Variables, names: Sequence[str], who: str, how: str) -> CannotHere:
    present = [name for name in names if name in given]
    missing = [name for name in names if not _has(given, name)]
    are = "is" if len(present) == 1 else "are"
    told = [name for name in present if name not in _MEETING] or present
    return CannotHere(
        f"{_listed(present, 'and')} {are} set{who} but not {_listed(missing, 'or')}: {how}, "
        f"or unset {_listed(told, 'and')} to launch from here"
    )


def _has(given: Variables, name: str) -> bool:
    return name in given or _ALIAS.get(name, name) in given


def _listed(names: Sequence[str], last: str) -> str:
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


def _torchrun(given: Variables) -> Member | None:
    """Find torchrun's group; DeepSpeed's launcher and scripts set most of its variables too."""
    needed = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", *_MEETING)
    if _is_one(given, "WORLD_SIZE") or not all(_has(given, name) for name in needed):
        return None
    world, rank = _number(given, "WORLD_SIZE"), _number(given, "RANK")
    each = _count(given, "LOCAL_WORLD_SIZE", "LOCAL_SIZE")
    run = given.get("TORCHELASTIC_RUN_ID", "")
    return Member(
        launcher="torchrun" if run else "the launcher (RANK, WORLD_SIZE)",
        rank=rank,
        world=world,
        local_rank=_number(given, "LOCAL_RANK", default=rank % each),
        nproc_per_node=each,
        node=_number(given, "GROUP_RANK", "CROSS_RANK", default=rank // each),
        address=given["MASTER_ADDR"],
        port=_number(given, "MASTER_PORT"),
        hosted=given.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        attempt=given.get("TORCHELASTIC_RESTART_COUNT", "0"),
        marks=_marks(given, "TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT"),
        rank_variable="RANK",
    )


def _mpirun(given: Variables) -> Member | None:
    """Find the group of Open MPI, MPICH or Intel's; none gives its ranks an address to meet at."""
    names = next((names for names in _MPI if set(names[:4]) <= given.keys()), None)
    if names is None:
        return None
    rank, world, local_rank = (_number(given, name) for name in names[:3])
    each = _count(given, names[3])
    marks = _marks(given, *names[4:])
    address = given.get("MASTER_ADDR", "127.0.0.1" if each == world else "")
    if not address:
        open_mpi = names[0].startswith("OMPI")
        passed = "-x MASTER_ADDR=" if open_mpi else "-genv MASTER_ADDR "
        raise CannotHere(
            "mpirun provides no address where the nodes can meet; pass one to all ranks: mpirun "
            f"{passed}<address of the first node> …"
        )
    return Member(
        launcher="mpirun",
        rank=rank,
        world=world,
        local_rank=local_rank,
        nproc_per_node=each,
        node=rank // each,
        address=address,
        port=_number(given, "MASTER_PORT", default=_port("".join(mark for _, mark in marks))),
        hosted=False,
        attempt="0",
        marks=marks,
        rank_variable=names[0],
    )


def _srun(given: Variables) -> Member | None:
    """Find srun's group; a batch script that srun has not started has a rank too, but no step."""
    if not {"SLURM_STEP_ID", *_SRUN} <= given.keys():
        return None
    job = f"{given.get('SLURM_JOB_ID', '')}.{given['SLURM_STEP_ID']}"
    return Member(
        launcher="srun",
        rank=_number(given, "SLURM_PROCID"),
        world=_number(given, "SLURM_STEP_NUM_TASKS"),
        local_rank=_number(given, "SLURM_LOCALID"),
        nproc_per_node=_tasks_each(given["SLURM_STEP_TASKS_PER_NODE"]),
        node=_number(given, "SLURM_NODEID"),
        address=given.get("MASTER_ADDR") or first_host(given.get("SLURM_STEP_NODELIST", "")),
        port=_number(given, "MASTER_PORT", default=_port(job)),
        hosted=False,
        attempt=given.get("SLURM_RESTART_COUNT", "0"),
        marks=_marks(given, "SLURM_JOB_ID", "SLURM_STEP_ID"),
        rank_variable="SLURM_PROCID",
    )


def _tasks_each(text: str) -> int:
    """Return the tasks per node; Slurm writes "2(x3)" for three nodes with two tasks each."""
    each = re.fullmatch(r"(\d+)(?:\(x\d+\))?", text)
    if each is None:
        raise CannotHere(
            f"srun has started {text or 'an unknown number of'} tasks on its nodes; start the same "
            "number on each: srun --ntasks-per-node N …"
        )
    return int(each[1])


def first_host(nodes: str) -> str:
    """Return the first host of Slurm's compressed list: "gpu[03-05,9],x1" begins with gpu03."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", nodes)
    return re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", first[0] if first else "")


def _marks(given: Variables, *names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, given[name]) for name in names if name in given)


def _port(text: str) -> int:
    """Return a port that all ranks of a job agree on, and the next job does not use."""
    return _PORTS.start + zlib.crc32(text.encode()) % len(_PORTS)


def _count(given: Variables, *names: str) -> int:
    """Return how many ranks there are, by the first of these variables that is set."""
    count = _number(given, *names)
    if count < 1:
        name = next(name for name in names if name in given)
        raise CannotHere(
            f"{name}={count}: the launcher of this rank should set a number of at least 1; unset "
            "it to launch from here"
        )
    return count


def _number(given: Variables, *names: str, default: int | None = None) -> int:
    name = next((name for name in names if name in given), names[0])
    if name not in given and default is not None:
        return default
    try:
        return int(given[name])
    except (KeyError, ValueError) as error:
        raise CannotHere(
            f"{name}={given.get(name, '')!r}: the launcher of this rank should set a number; unset "
            "it to launch from here"
        ) from error

"""What is decided about a run before a process starts: configuration, places, data, folder."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from resnext_bench.config.answers import is_installed
from resnext_bench.config.attribution import other_threads
from resnext_bench.config.gpu_fit import require_gpus
from resnext_bench.config.memory import require_memory
from resnext_bench.config.resolve import DataFacts, Resolved, resolve
from resnext_bench.errors import CannotHere
from resnext_bench.job import Job, Meeting, Part, SessionFolder
from resnext_bench.launch.commands import NodeCommand, commands, member_command
from resnext_bench.launch.launchers import LAUNCHERS
from resnext_bench.launch.ports import require_loopback
from resnext_bench.launch.topology import place_member, place_ranks
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.member import Member
from resnext_bench.reports.schema.config import Request, RunConfig
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.reports.schema.topology import Topology
from resnext_bench.reports.store import runs
from resnext_bench.session.data import (
    Data,
    Tell,
    one_at_a_time,
    prepare_data,
    record_of,
    require_batch,
    unread_data,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """One configuration on this machine, and the folder in which it is measured."""

    folder: Path
    command: tuple[str, ...]
    request: Request
    machine: Machine
    resolved: Resolved
    topology: Topology
    data: Data | None
    member: Member | None = None
    """The rank that this process is in a group that another launcher has started."""
    traces: Path | None = None
    """Where traces that stay on this node go, if not into the run's own folder."""
    part: Part = "train"
    """Which part of a step its ranks do."""
    other_threads: int = 0
    """Threads of the second loader that its ranks open; 0: none."""
    spare_gib: float = 0.0
    """GPU memory that each rank keeps aside, GiB: in trial training."""

    @property
    def id(self) -> str:
        """The run's id is its folder's name."""
        return self.folder.name

    @property
    def config(self) -> RunConfig:
        """The resolved configuration."""
        return self.resolved.config

    @property
    def thresholds(self) -> Thresholds:
        """Limits that make a run invalid, or give it a note."""
        return Thresholds(cores_lost_percent=self.config.max_cores_lost)

    @property
    def cores(self) -> int:
        """How many cores all its ranks have together."""
        return sum(len(place.cores) for place in self.topology.places)

    def session_folder(self, number: int) -> SessionFolder:
        """Return the folder that the processes of session `number` share."""
        return SessionFolder((self.folder / f"session-{number}").absolute())

    def job(self, number: int, timeout_s: float, room: int = 0, block_room: int = 0) -> Job:
        """Return the work order of session `number`."""
        return Job(
            run_id=self.id,
            session=number,
            config=self.config,
            topology=self.topology,
            images=self.data.facts.root if self.data else None,
            timeout_s=timeout_s,
            room=room,
            block_room=block_room,
            part=self.part,
            other_threads=self.other_threads,
            spare_gib=self.spare_gib,
            root=str((self.traces or self.folder.parent).absolute()),
            meeting=self._meeting(number),
        )

    def commands(self, folder: SessionFolder, port: int) -> tuple[NodeCommand, ...]:
        """Return the commands that start the ranks: all, or the one that this process is."""
        if self.member:
            return (member_command(self.config, self.topology, self.member, folder=folder.path),)
        return commands(self.config, self.topology, folder=folder.path, run_id=self.id, port=port)

    def gpu_indices(self) -> list[int]:
        """Return the GPUs in use, by their index among the visible ones."""
        names = {place.device for place in self.topology.places if place.device != "cpu"}
        return sorted(int(name.partition(":")[2]) for name in names)

    def beside(self, name: str, config: RunConfig, part: Part = "train") -> Self:
        """Return the same setup with another configuration, in a folder inside its own."""
        return replace(
            self,
            folder=self.folder / name,
            resolved=replace(self.resolved, config=config),
            topology=place_ranks(config, self.machine),
            data=self.data if config.reads_images else None,
            part=part,
            other_threads=0,
        )

    def _meeting(self, number: int) -> Meeting | None:
        if self.member is None:
            return None
        return Meeting(
            address=self.member.address,
            # A store that rank 0 keeps ends with it: its port may still be closing.
            port=self.member.port + (0 if self.member.hosted else number - 1),
            hosted=self.member.hosted,
            prefix=f"resnext-bench-{self.member.attempt}-{number}",
            images=record_of(self.data).digest if self.data else "",
        )


def set_up(
    request: Request,
    machine: Machine,
    *,
    root: Path,
    command: Sequence[str],
    tell: Tell,
    member: Member | None = None,
) -> Setup:
    """Prepare the data, resolve the configuration and make the run's folder."""
    # What is wrong with the options is told before images are decoded, which may take minutes.
    planned, places = _planned(request, machine, unread_data(request), member)
    _require_torch()
    require_gpus(planned.config, places, machine)
    if not LAUNCHERS[planned.config.launcher].is_direct:
        require_loopback(planned.config.launcher)
    # Ranks of one node would all make or check the same images at once.
    with one_at_a_time() if member else nullcontext():
        data = prepare_data(request, machine, tell)
    resolved, topology = _planned(request, machine, data.facts if data else None, member)
    if data:
        require_batch(data.facts, resolved.config)
    return Setup(
        folder=runs.create(root, f"{resolved.config.model}-{resolved.config.nodes}n"),
        command=tuple(command),
        request=request,
        machine=machine,
        resolved=resolved,
        topology=topology,
        data=data,
        member=member,
        other_threads=other_threads(resolved.config, len(topology.places[0].cores)),
    )


def _require_torch() -> None:
    """Refuse to train where PyTorch is missing: plans, reports and stored runs need none."""
    if not is_installed("torch"):
        raise CannotHere(
            "PyTorch is not installed, and training needs it: "
            "pip install 'resnext-bench[train]' (after the build of PyTorch that your GPU needs)"
        )


def _planned(
    request: Request, machine: Machine, facts: DataFacts | None, member: Member | None
) -> tuple[Resolved, Topology]:
    resolved = resolve(request, machine, facts, member)
    if member:
        topology = place_member(resolved.config, machine, member)
    else:
        topology = place_ranks(resolved.config, machine)
    require_memory(resolved.config, topology, machine)
    return resolved, topology

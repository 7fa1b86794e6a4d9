"""Which files are the last cycle that the processes of a run have in common.

A process whose schedule repeats writes a trace for each cycle (`HOST_PID.TIME.pt.trace.json`).
Ranks write those of one cycle at about the same time, so that the time in a name tells which belong
together: they are nearer than half of what is between two cycles of a process.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Final

from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.reports.trace.header import distributed_info, whole_number
from resnext_bench.reports.trace.reading.categories import meaning
from resnext_bench.reports.trace.reading.pieces import Account, pieces
from resnext_bench.reports.trace.reading.source import beginning
from resnext_bench.reports.trace.reading.trace import Kind

NAME: Final = re.compile(r"(.+)\.(\d{10}|\d{13}|\d{16}|\d{19})\.pt\.trace\.json(\.gz)?")
"""Of torch.profiler's `tensorboard_trace_handler`: the process, and when it wrote (s to ns)."""

Cycle = dict[Hashable, TraceFile]
"""A file of each process that has this cycle."""


def cycles(files: Sequence[TraceFile]) -> dict[TraceFile, str]:
    """Return the files that are not of the last cycle in common, and why each is not."""
    named = [file for file in files if NAME.fullmatch(file.path.name)]
    folders: dict[Path, list[TraceFile]] = defaultdict(list)
    for file in named:
        folders[file.path.parent].append(file)
    found: dict[TraceFile, str] = {}
    for mine in folders.values():
        for team in _teams(_cycles(_processes(mine))):
            found.update(_others(team))
    return found


def _processes(files: Sequence[TraceFile]) -> dict[Hashable, list[TraceFile]]:
    """Return the files of each process in order; where several have one name, traces tell them."""
    stems: dict[str, list[TraceFile]] = defaultdict(list)
    for file in files:
        stems[_stem(file)].append(file)
    found: dict[Hashable, list[TraceFile]] = defaultdict(list)
    for stem, mine in stems.items():
        for file in sorted(mine, key=_written_ns):
            found[(stem, _within(file) if len(mine) > 1 else None)].append(file)
    return found


def _within(file: TraceFile) -> Hashable:
    head = peek(file.path)
    rank = whole_number(distributed_info(head.header).get("rank"))
    return file.rank if rank is None else rank, head.process


def _stem(file: TraceFile) -> str:
    match = NAME.fullmatch(file.path.name)
    return match[1] if match else file.path.name


def _written_ns(file: TraceFile) -> int:
    match = NAME.fullmatch(file.path.name)
    return int(match[2].ljust(19, "0")) if match else 0


def _cycles(processes: Mapping[Hashable, Sequence[TraceFile]]) -> Iterator[Cycle]:
    """Yield the cycles of a folder, the earliest first."""
    near = _least_apart(processes.values()) / 2
    every = [(_written_ns(file), who, file) for who, mine in processes.items() for file in mine]
    cycle: Cycle = {}
    begun = 0
    for written, who, file in sorted(every, key=lambda one: one[0]):
        if cycle and (who in cycle or written - begun >= near):
            yield cycle
            cycle = {}
        begun = begun if cycle else written
        cycle[who] = file
    if cycle:
        yield cycle


def _least_apart(processes: Iterable[Sequence[TraceFile]]) -> float:
    """Return what is at least between two cycles of a process, ns."""
    return min(
        (
            _written_ns(later) - _written_ns(one)
            for mine in processes
            for one, later in pairwise(mine)
        ),
        default=math.inf,
    )


def _teams(found: Iterable[Cycle]) -> list[list[Cycle]]:
    """Return the cycles of processes that have some in common, together."""
    teams: list[list[Cycle]] = []
    for cycle in found:
        mine = [team for team in teams if any(cycle.keys() & other.keys() for other in team)]
        teams = [team for team in teams if team not in mine]
        teams.append([*(one for team in mine for one in team), cycle])
    return teams


def _others(team: Sequence[Cycle]) -> Iterator[tuple[TraceFile, str]]:
    """Yield the files of all cycles but the last one of those that most processes have."""
    order = sorted(team, key=lambda cycle: min(map(_written_ns, cycle.values())))
    last = max(range(len(order)), key=lambda at: (len(order[at]), at))
    for at, cycle in enumerate(order):
        for who, file in cycle.items() if at != last else ():
            same = "cycle" if at < last else "later"
            yield file, same if who in order[last] else "recording"


_ENOUGH: Final = 1 << 18
"""Bytes; the fields before the events take some thousands."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a trace begins with; nothing of it where the file cannot be read."""

    header: Mapping[str, Any]
    """Fields before the events."""
    process: int | str | None
    """Process that runs most operators; None: none among the first rows."""


def peek(path: Path) -> Head:
    """Read the beginning of a file."""
    try:
        first = beginning(path)[:_ENOUGH]
    except OSError:
        first = b""
    account = Account()
    events = list(chain.from_iterable(pieces([first], account)))
    on_host = (one.pid for one in events if meaning(one.cat) is Kind.OPERATOR)
    most = Counter(on_host).most_common(1)
    return Head(header=account.header, process=most[0][0] if most else None)

"""Which files of a folder were recorded together, so that they are the ranks of one recording.

A process whose schedule repeats writes a trace for each cycle (see `cycles`); a program that is
started again writes more into the same folder. Neither are further ranks. The last cycle that all
processes have counts, and of several recordings the one with most ranks, of equal ones the last;
what else there is, is told.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_files import LeftOut, LeftOutWhy
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.trace_files import TraceFile, is_hidden
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.cycles import NAME, cycles
from resnext_bench.reports.trace.header import distributed_info, whole_number
from resnext_bench.reports.trace.reading.trace import Kind, Trace
from resnext_bench.wording import readable

_HOST: Final = re.compile(r"(.+)_\d+")
EPOCH_NS: Final = 1_300_000_000 * 10**9
"""Times below (year 2011) count from something else, such as the start of a machine."""
_APART_NS: Final = 3600 * 10**9
"""Ranks of one recording begin within seconds; clocks of machines differ by minutes at most."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A trace: when it was recorded, and by whom."""

    file: TraceFile
    rank: int | None
    world: int | None
    process: int | str | None
    start_ns: int
    end_ns: int

    @property
    def on_clock(self) -> bool:
        """Return whether its times are those of a clock, to be compared with others."""
        return self.start_ns > EPOCH_NS


def recording(analysis: Analysis, file: TraceFile) -> Recording:
    """Return what tells a trace from those of other processes and times."""
    trace, info = analysis.trace, distributed_info(analysis.trace.header)
    rank = whole_number(info.get("rank"))
    operators = trace.host.thread[trace.host.kind == Kind.OPERATOR]
    start, end = recorded_ns(trace)
    return Recording(
        file=file,
        rank=file.rank if rank is None else rank,
        world=whole_number(info.get("world_size")),
        process=trace.threads[operators[0]][0] if len(operators) else None,
        start_ns=start,
        end_ns=end,
    )


def recorded_ns(trace: Trace) -> tuple[int, int]:
    """Return when the first row of a trace began and the last one ended, by its clock."""
    ends = [int(rows.end.max()) for rows in (trace.host, trace.device) if len(rows)]
    return trace.origin_ns, trace.origin_ns + max(ends, default=0)


def last_cycles(files: Sequence[TraceFile]) -> tuple[list[TraceFile], list[LeftOut]]:
    """Keep the last cycle that all processes have, as far as names and beginnings of files tell."""
    found = cycles(files)
    kept = [file for file in files if file not in found]
    return kept, [_left(file, found[file]) for file in files if file in found]


def _left(file: TraceFile, why: str) -> LeftOut:
    return LeftOut(file=readable(file.path), why=why)  # type: ignore[arg-type]


def together(found: Sequence[Recording]) -> tuple[list[int], list[LeftOut]]:
    """Return which of them (places) are one recording, and why the others are left out."""
    left: list[tuple[int, str]] = []
    kept = list(range(len(found)))
    for why, split in _SPLITS:
        groups = split([found[at] for at in kept])
        if len(groups) < 2:
            continue
        best = max(groups, key=lambda group: _rank_of_group([found[kept[at]] for at in group]))
        chosen = sorted(kept[at] for at in best)
        left += [(at, why) for at in kept if at not in chosen]
        kept = chosen
    again = [kept[at] for at in _again([found[at] for at in kept])]
    kept = [at for at in kept if at not in again]
    there = {found[at].rank for at in kept} - {None}
    left += [(at, "twice" if found[at].rank in there else "rank") for at in again]
    mine = [found[at] for at in kept]
    return kept, [_left(found[at].file, _reason(why, found[at], mine)) for at, why in left]


Groups = list[list[int]]
"""Places, of each group."""


def _by(key: Callable[[Recording], Hashable]) -> Callable[[Sequence[Recording]], Groups]:
    def split(found: Sequence[Recording]) -> Groups:
        groups: dict[Hashable, list[int]] = defaultdict(list)
        for at, one in enumerate(found):
            groups[key(one)].append(at)
        return list(groups.values())

    return split


def _by_world(found: Sequence[Recording]) -> Groups:
    """Split by the size of the world; files that do not tell it belong to the only one there is."""
    worlds = {one.world for one in found if one.world}
    return _by(lambda one: one.world)(found) if len(worlds) > 1 else [[*range(len(found))]]


def _by_time(found: Sequence[Recording]) -> Groups:
    """Split into recordings that were made one after another, where times tell them apart."""
    order = sorted(range(len(found)), key=lambda at: found[at].start_ns)
    groups: Groups = []
    for at in order:
        before = [found[other] for other in groups[-1]] if groups else []
        if not before or _far(found[at], before) or any(_later(found[at], one) for one in before):
            groups.append([])
        groups[-1].append(at)
    return groups


def _later(one: Recording, other: Recording) -> bool:
    """Return whether one came after the other, of the same rank: they are two cycles, or runs."""
    if one.start_ns < other.end_ns:
        return False
    if one.rank is not None and other.rank is not None:
        return one.rank == other.rank
    both = one.on_clock and other.on_clock
    return both or (one.process is not None and one.process == other.process)


def _far(one: Recording, others: Sequence[Recording]) -> bool:
    end = max(other.end_ns for other in others)
    clocks = one.on_clock and all(other.on_clock for other in others)
    return clocks and one.start_ns > end + _APART_NS


def _where_twice(key: Callable[[Recording], Hashable]) -> Callable[[Sequence[Recording]], Groups]:
    """Split by a key where a rank is there twice, and each part then has it once."""

    def split(found: Sequence[Recording]) -> Groups:
        groups = _by(key)(found)
        parts = [[found[at] for at in group] for group in groups]
        solved = _twice(found) and not any(_twice(part) for part in parts)
        return groups if solved else [[*range(len(found))]]

    return split


def _twice(found: Sequence[Recording]) -> bool:
    ranks = [one.rank for one in found if one.rank is not None]
    return len(set(ranks)) < len(ranks)


def _again(found: Sequence[Recording]) -> Iterator[int]:
    """Yield all but the first of each rank, and what is more than the world has ranks."""
    world = max((one.world or 0 for one in found), default=0) or len(found)
    seen: set[int | None] = set()
    taken = 0
    for at in sorted(range(len(found)), key=lambda at: found[at].rank is None):
        rank = found[at].rank
        if (rank is not None and rank in seen) or taken >= world:
            yield at
        else:
            seen.add(rank)
            taken += 1


def _host(one: Recording) -> Hashable:
    match = NAME.fullmatch(one.file.path.name)
    host = _HOST.fullmatch(match[1]) if match else None
    return host[1] if host else None


_SPLITS: Final[tuple[tuple[str, Callable[[Sequence[Recording]], Groups]], ...]] = (
    ("run", _by(lambda one: one.file.run)),
    ("world", _by_world),
    ("recording", _by_time),
    ("recording", _where_twice(lambda one: one.file.path.parent)),
    ("recording", _where_twice(_host)),
)
"""From the surest on."""


def _rank_of_group(group: Sequence[Recording]) -> tuple[int, int, list[str]]:
    """Return what makes a recording the one to report: its ranks, when it was, its names."""
    start = max(one.start_ns if one.on_clock else 0 for one in group)
    return len(group), start, sorted(str(one.file.path) for one in group)


def _reason(why: str, one: Recording, kept: Sequence[Recording]) -> str:
    """Call it a cycle where the same process is in the report with another one."""
    same = [other for other in kept if why == "recording" and _same_process(one, other)]
    if not same:
        return why
    return "later" if all(one.start_ns > other.start_ns for other in same) else "cycle"


def _same_process(one: Recording, other: Recording) -> bool:
    if (one.rank, one.process) != (other.rank, other.process) or one.process is None:
        return False
    stems = [NAME.fullmatch(file.path.name) for file in (one.file, other.file)]
    return all(stems) and len({match[1] for match in stems if match}) == 1


def not_taken(file: Path) -> LeftOut:
    """Return a file of the folder that was not taken for a trace."""
    return LeftOut(file=readable(file), why="hidden" if is_hidden(file) else "name")


def left_out_facts(left: Sequence[LeftOut], folder: Path) -> Iterator[Note]:
    """Yield a warning for each reason, with the files as they are called in a folder."""
    for why in get_args(LeftOutWhy):
        names = [_within(Path(one.file), folder) for one in left if one.why == why]
        if names:
            yield warning("files_left_out", of=why, names=tuple(names))


def _within(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name

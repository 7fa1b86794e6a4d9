"""Finds trace files: one by name, those of a folder, of an archive, of a run."""

import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from resnext_bench.reports.errors import StoreError, TraceError
from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.store import archives
from resnext_bench.reports.store.runs import RECORD, find, load_run, runs_folder
from resnext_bench.wording import readable

_TRACE: Final = (".pt.trace.json", ".pt.trace.json.gz")
_ANY: Final = (".json", ".json.gz")
_PACKED: Final = (".gz", ".zst", ".xz", ".bz2", ".lz4", ".zip", ".7z", ".tar", ".tgz", ".trace")
_OURS: Final = re.compile(
    r"(record|state|job|images|rank-\d+\.(error|loader))\.json", re.IGNORECASE
)
"""What a run keeps beside its traces (`docs/architecture.md`)."""
JOB: Final = "job.json"
"""What a session of a run has from its beginning on; the record comes last."""
_MARK: Final = b'"traceEvents"'
_BEGINNING: Final = 1 << 12
"""Bytes in which a trace of any name shows that it is one."""
_MOST: Final = 20_000
"""Files of a folder that are looked at."""
_NUMBER: Final = r"[-_]?(\d{1,6})(?!\d)"
_RANK: Final = re.compile(rf"(?:^|[^a-z]|global[-_]?)rank{_NUMBER}", re.IGNORECASE)
_OTHER_RANK: Final = re.compile(
    rf"(?:local|node|group|tp|pp|dp|ep|cp|sp|etp|dcp|pcp)[-_]?rank{_NUMBER}", re.IGNORECASE
)
"""Places in a part of the world, which are no ranks."""
_WORKER: Final = re.compile(rf"^worker{_NUMBER}|[_-]r(\d{{1,6}})(?=\.)")
_FOLDER: Final = re.compile(rf"rank{_NUMBER}$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceFile:
    """A trace file, and its rank."""

    path: Path
    rank: int | None
    """Rank by the run's record, else by the file's name."""
    doubt: str = ""
    """Reason why its run is not reliable."""
    run: str = ""
    """Folder of the run of ours in which it was found."""
    host: str = ""
    """Host that wrote it, by the run's record."""
    is_named: bool = True
    """Whether it was named, or is called as traces are; else it is JSON that may be anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundTraces:
    """Traces, and files of the same folder that could be some and were not taken."""

    files: tuple[TraceFile, ...]
    beside: tuple[Path, ...] = ()
    replaced: tuple[Path, ...] = ()
    """Members of an archive of which it has a later one, which counts."""
    broken: tuple[TraceError, ...] = ()
    """An archive that ends too early: it may have held more."""


def trace_files(wanted: str, root: Path | None) -> tuple[TraceFile, ...]:
    """Find a file, a folder's or archive's, or a run's by its id (or a part of it, or: last).

    Raises StoreError, which says what was given and what to do, where there is no trace.
    """
    return find_traces(wanted, root).files


def find_traces(wanted: str, root: Path | None) -> FoundTraces:
    """Find them likewise, with what of a folder was not taken."""
    path = Path(wanted)
    what = _what(path)
    if what == "file":
        return FoundTraces(files=(TraceFile(path=path, rank=rank_of(path)),))
    if what == "archive":
        return _in_archive(path)
    if what == "folder":
        return _in_folder(path)
    if what == "run":
        return FoundTraces(files=_of_run(path))
    if what:
        raise StoreError(f"{wanted}: {what}; a trace, a folder of traces or a run is needed")
    if path.suffix in (".json", ".gz") or "/" in wanted:
        raise StoreError(f"{wanted}: there is no such file or folder")
    return FoundTraces(files=_of_run(_run_named(wanted, runs_folder(root))))


def _run_named(wanted: str, root: Path) -> Path:
    """Return the folder of a run; where there is none, the name may have been meant for a file."""
    try:
        return find(root, wanted)
    except StoreError as error:
        if wanted == "last":
            raise
        raise StoreError(f"{wanted}: there is no such file or folder, and {error}") from None


def _what(path: Path) -> str:
    """Return what there is: file, archive, folder, run or something else; empty: nothing."""
    try:
        if path.is_file():
            return "archive" if archives.kind_of(path) else "file"
        if archive := archives.archive_of(path):
            return "file" if path in archives.listing(archive).members else ""
        if path.is_dir():
            return "run" if (path / RECORD).is_file() else "folder"
    except archives.DAMAGED as error:
        return archives.damage_told(error)
    except (OSError, ValueError) as error:  # a NUL in a name is a ValueError
        return f"cannot be read: {_why(error)}"
    if path.is_symlink():
        return "a link that leads nowhere"
    return "no regular file" if path.exists() else ""


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _in_folder(folder: Path) -> FoundTraces:
    return _among(folder, list(_walk(folder)), Path.is_file)


def _in_archive(path: Path) -> FoundTraces:
    """Return the traces of an archive, as if it were a folder."""
    try:
        listed = archives.listing(path)
    except archives.DAMAGED as error:
        raise StoreError(f"{readable(path)}: {archives.damage_told(error)}") from None
    try:
        found = _among(path, list(listed.members), lambda one: one in listed.members)
    except StoreError:
        if listed.damage is None:
            raise
        raise _cut(path, listed.damage) from None
    broken = (_cut(path, listed.damage),) if listed.damage else ()
    return replace(found, replaced=listed.replaced, broken=broken)


def _cut(path: Path, damage: Note) -> TraceError:
    told = f"{readable(path)}: the archive is cut or damaged, and may have held more"
    return TraceError(told, facts=(damage,), kind="archive cut")


def _among(folder: Path, every: Sequence[Path], is_file: Callable[[Path], bool]) -> FoundTraces:
    """Return a folder's own traces, else those of all folders inside; by name, else any JSON."""
    runs = {one.parent for one in every if one.name == RECORD}
    for endings in (_TRACE, _ANY):
        for deep in (False, True):
            named = [one for one in every if _is_named(one, endings)]
            taken = [one for one in named if deep or one.parent == folder]
            files = [one for one in taken if is_file(one)]
            if files:
                found = (
                    TraceFile(
                        path=one,
                        rank=rank_of(one),
                        run=_run(one, runs),
                        is_named=endings is _TRACE,
                    )
                    for one in files
                )
                beside = tuple(_beside(every, {*files}, runs, folder))
                return FoundTraces(files=_sorted(found), beside=beside)
    raise StoreError(_nothing(folder, every))


def _nothing(folder: Path, every: Sequence[Path]) -> str:
    if any(one.name == JOB for one in every):
        return (
            f"{readable(folder)}: a run that has not finished, as it has no {RECORD}; and it has "
            "left no traces"
        )
    told = f"{readable(folder)} holds no traces; traces are named *.pt.trace.json or .json.gz"
    if there := [readable(one.name) for one in every if _could_be(one)]:
        more = f" and {len(there) - 3} more" if len(there) > 3 else ""
        told += f"; name one of these files to have it read: {', '.join(there[:3])}{more}"
    return told


def _walk(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder that is no folder; links to folders are not followed."""
    seen = 0
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise StoreError(f"{readable(folder)}: cannot be read: {_why(error)}") from error
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            seen += 1
            if seen > _MOST:
                return
            yield Path(here) / name


def _is_named(path: Path, endings: tuple[str, ...]) -> bool:
    return path.name.endswith(endings) and not _OURS.fullmatch(path.name) and not is_hidden(path)


def is_hidden(path: Path) -> bool:
    """Whether it is a hidden file, as those that are being copied are: never taken for a rank."""
    return path.name.startswith(".")


def _run(path: Path, runs: set[Path]) -> str:
    """Return the folder of our run that a trace is in; empty where it is in none."""
    return next((str(one) for one in path.parents if one in runs), "")


def _beside(
    every: Iterable[Path], taken: set[Path], runs: set[Path], folder: Path
) -> Iterator[Path]:
    """Yield files that may be traces and were not taken; not those that a run of ours keeps."""
    near = {folder, *(one.parent for one in taken)}
    for one in every:
        if one in taken or one.parent in runs or _OURS.fullmatch(one.name):
            continue
        if _is_named(one, _TRACE) or (one.parent in near and _could_be(one)):
            yield one


def _could_be(path: Path) -> bool:
    """Whether a file has a name that traces have, packed or not, or begins as one."""
    if path.name.endswith((*_ANY, *_PACKED)):
        return True
    try:
        if not path.is_file():  # nor is a member of an archive, which its name has to tell
            return False
        with path.open("rb") as file:
            return _MARK in file.read(_BEGINNING)
    except OSError:
        return False


def _of_run(folder: Path) -> tuple[TraceFile, ...]:
    """Return the traces that the record lists; those of other hosts may not be here."""
    record = load_run(folder)
    if not record.profiled:
        raise StoreError(
            f"{record.id} has no traces; run it again with: resnext-bench run ... --profile"
        )
    doubt = f"INVALID: {record.why}" if record.status == "invalid" else ""
    here = [
        TraceFile(path=_moved(Path(one.trace), folder), rank=one.rank, doubt=doubt, host=one.host)
        for one in record.profiled
    ]
    there = [one for one in here if one.path.is_file()]
    if not there:
        first = record.profiled[0]
        raise StoreError(
            f"{record.id}: its traces are not on {platform.node()}; rank {first.rank} wrote "
            f"{first.trace} on {first.host}: copy the file here, and name it"
        )
    return _sorted(there)


def _moved(trace: Path, folder: Path) -> Path:
    """Return where a trace is after the run's folder was moved or copied."""
    beside = folder / trace.parent.name / trace.name
    return trace if trace.is_file() else beside


def _sorted(files: Iterable[TraceFile]) -> tuple[TraceFile, ...]:
    return tuple(sorted(files, key=lambda one: (-1 if one.rank is None else one.rank, one.path)))


def rank_of(path: Path) -> int | None:
    """Return the rank in a file's name, else in that of its folder; None: none, or several."""
    ranks = {int(one) for one in _RANK.findall(_OTHER_RANK.sub("", path.name))}
    if not ranks:
        ranks = {int(one or other) for one, other in _WORKER.findall(path.name)}
    if not ranks and (match := _FOLDER.match(path.parent.name)):
        ranks = {int(match[1])}
    return ranks.pop() if len(ranks) == 1 else None

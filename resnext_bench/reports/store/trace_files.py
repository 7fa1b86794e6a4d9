"""Finds trace files: one by name, those of a folder, those of a run."""

import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.store.runs import RECORD, find, load_run, runs_folder

_TRACE: Final = ("*.pt.trace.json", "*.pt.trace.json.gz")
_ANY: Final = ("*.json", "*.json.gz")
_RANK: Final = re.compile(r"rank[-_]?(\d{1,6})(?!\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceFile:
    """A trace file, and its rank."""

    path: Path
    rank: int | None
    """Rank by the run's record, else by the file's name."""
    doubt: str = ""
    """Reason why its run is not reliable."""


def trace_files(wanted: str, root: Path | None) -> tuple[TraceFile, ...]:
    """Find a file, a folder's, or a run's by its id (or its beginning or end, or: last) in `root`.

    Raises StoreError, which says what was given and what to do, where there is no trace.
    """
    path = Path(wanted)
    if path.is_file():
        return (TraceFile(path=path, rank=_rank(path)),)
    if path.is_dir() and not (path / RECORD).is_file():
        return _in_folder(path)
    if path.is_dir():
        return _of_run(path)
    if path.suffix in (".json", ".gz") or "/" in wanted:
        raise StoreError(f"{wanted}: there is no such file or folder")
    return _of_run(find(runs_folder(root), wanted))


def _in_folder(folder: Path) -> tuple[TraceFile, ...]:
    """Return a folder's own traces, else those of all folders inside; by name, else any JSON."""
    for patterns in (_TRACE, _ANY):
        for deep in (False, True):
            found = [path for one in patterns for path in _matching(folder, one, deep=deep)]
            files = [path for path in found if path.name != RECORD and path.is_file()]
            if files:
                return _sorted(TraceFile(path=path, rank=_rank(path)) for path in files)
    raise StoreError(f"{folder} holds no traces; traces are named *.pt.trace.json or .json.gz")


def _matching(folder: Path, pattern: str, *, deep: bool) -> Iterable[Path]:
    return folder.rglob(pattern) if deep else folder.glob(pattern)


def _of_run(folder: Path) -> tuple[TraceFile, ...]:
    """Return the traces that the record lists; those of other hosts may not be here."""
    record = load_run(folder)
    if not record.profiled:
        raise StoreError(
            f"{record.id} has no traces; run it again with: resnext-bench run ... --profile"
        )
    doubt = f"INVALID: {record.why}" if record.status == "invalid" else ""
    here = [
        TraceFile(path=_moved(Path(one.trace), folder), rank=one.rank, doubt=doubt)
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


def _rank(path: Path) -> int | None:
    match = _RANK.search(path.name)
    return int(match[1]) if match else None

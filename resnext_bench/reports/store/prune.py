"""Removes stored runs: only what was selected, never what is tagged or may still be running."""

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resnext_bench.reports.schema.kinds import Stored
from resnext_bench.reports.store.files import writing
from resnext_bench.reports.store.runs import Unfinished

QUIET_S: Final = 3600.0
"""Seconds without a change of its files after which an unfinished run is taken to be dead. Ranks
write a heartbeat all the time, and a resumable comparison its state after each session."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruning:
    """What would be removed, and what would be kept although it was selected."""

    folders: tuple[Path, ...]
    size: int
    """Bytes of all files to be removed."""
    kept: tuple[tuple[str, str], ...]
    """Ids of runs that are kept, and the reasons."""


def plan(
    root: Path, selected: Sequence[Stored | Unfinished], *, keep: int = 0, tagged: bool = False
) -> Pruning:
    """Decide on what was selected, oldest first; the newest `keep` of it are kept."""
    ordered = sorted(selected, key=lambda one: one.id)
    newest = {one.id for one in ordered[max(0, len(ordered) - keep) :]} if keep else set()
    kept: list[tuple[str, str]] = []
    going: list[Path] = []
    for one in ordered:
        folder = root / one.id
        why = _why_kept(one, folder, one.id in newest, keep, tagged)
        if why:
            kept.append((one.id, why))
        else:
            going.append(folder)
    size = sum(_size(folder) for folder in going)
    return Pruning(folders=tuple(going), size=size, kept=tuple(kept))


def _why_kept(
    one: Stored | Unfinished, folder: Path, is_newest: bool, keep: int, tagged: bool
) -> str:
    if is_newest:
        return f"one of the newest {keep}"
    if isinstance(one, Unfinished):
        quiet_s = time.time() - _changed(folder)
        if quiet_s < QUIET_S:
            return f"changed {quiet_s / 60:.0f} min ago: it may still be running"
    elif one.tags and not tagged:
        return f"tagged {', '.join(one.tags)}"
    return ""


def remove(pruning: Pruning) -> None:
    """Remove the folders. Each is renamed first, so that none is ever seen half removed."""
    for folder in pruning.folders:
        hidden = folder.with_name(f".removed-{folder.name}")
        with writing(folder, verb="remove"):
            folder.rename(hidden)
            shutil.rmtree(hidden)


def _files(folder: Path) -> list[os.stat_result]:
    found = []
    for path in (folder, *folder.rglob("*")):
        try:
            found.append(path.lstat())
        except OSError:  # gone in the meantime: somebody is at work there
            continue
    return found


def _changed(folder: Path) -> float:
    """Return when anything in it was last written, in seconds since the epoch."""
    return max((one.st_mtime for one in _files(folder)), default=time.time())


def _size(folder: Path) -> int:
    return sum(one.st_size for one in _files(folder))

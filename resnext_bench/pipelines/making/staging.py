"""Makes folders that appear complete or not at all: next to their place, then renamed.

An existing empty folder is kept, as it may be a mount, which cannot be replaced, or be the only
writable place: everything is then made inside it, and moved up at the end.
"""

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from resnext_bench.pipelines.errors import DataError, Unwritable

STALE_S: Final = 3600
PATIENCE_S: Final = 30.0


def taken(folder: Path) -> bool:
    """Return whether something is there that must not be replaced: all but an empty folder."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except FileNotFoundError:
        return folder.is_symlink()
    except OSError:  # no folder, or one that nobody may look into
        return True
    prefix = _prefix(_real(folder))  # what a killed process left behind, or another makes
    return not all(name.startswith(prefix) for name in names)


def lies_in(place: Path, folder: Path) -> bool:
    """Return whether a path leads into a folder, through whatever links and upward steps."""
    return _real(place).is_relative_to(_real(folder))


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """Yield a folder to write into, which becomes `folder` if the body succeeds."""
    place = _real(folder)
    is_there = place.is_dir()
    home = place if is_there else place.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        sweep(home, _prefix(place))
        made = Path(tempfile.mkdtemp(dir=home, prefix=_prefix(place)))
        try:
            fresh = made / ".fresh"  # hidden as well: a manifest looks two folders down
            fresh.mkdir()
            yield fresh
            if is_there:
                _move_up(fresh, place)
            else:
                fresh.rename(place)  # refused where something is there by now
        finally:
            _remove(made)
    except OSError as error:
        raise Unwritable(
            f"cannot write {folder}: {error.strerror or error}; nothing was left there", error
        ) from error
    except BrokenProcessPool as error:
        raise DataError(
            f"a process that made images for {folder} was killed, perhaps because memory ran out: "
            "try again with --workers 1"
        ) from error


def _real(path: Path) -> Path:
    """Resolve links; unlike Path.resolve, circular links are not an error here."""
    return Path(os.path.realpath(path))


def _prefix(place: Path) -> str:
    return f".{place.name}.making-"


def _move_up(fresh: Path, place: Path) -> None:
    """Move all entries of a folder, or none; what was written last, and vouches for all, last."""
    if taken(place):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
    entries = sorted(fresh.iterdir(), key=lambda entry: entry.stat().st_mtime_ns)
    try:
        for entry in entries:
            entry.rename(place / entry.name)
    except BaseException:
        for entry in entries:
            if not entry.exists():
                (place / entry.name).rename(entry)
        raise


def _remove(folder: Path) -> None:
    """Remove a folder into which processes may still be writing."""
    until = time.monotonic() + PATIENCE_S
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)  # their next write then fails, and they end
        if folder.exists():
            time.sleep(0.02)


def sweep(parent: Path, prefix: str) -> None:
    """Remove what killed processes have left behind for the same folder."""
    for left in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left, ignore_errors=True)

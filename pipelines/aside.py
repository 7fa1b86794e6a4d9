"""Folders that appear whole or not at all: made beside their place, then renamed."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipelines.errors import DataError

STALE_S: Final = 3600
PATIENCE_S: Final = 30.0


def taken(folder: Path) -> bool:
    """Whether something is there that must not be replaced: all but an empty folder."""
    try:
        return any(folder.iterdir())
    except FileNotFoundError:
        return folder.is_symlink()
    except NotADirectoryError:
        return True


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` where the body ends well."""
    place = Path(folder).absolute()
    prefix = f".{place.name}.making-"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place.parent, prefix)
        made = Path(tempfile.mkdtemp(dir=place.parent, prefix=prefix))
        try:
            fresh = made / "fresh"
            fresh.mkdir()
            yield fresh
            fresh.rename(place)  # onto an empty folder too; anything else is refused
        finally:
            _remove(made)
    except OSError as error:
        raise DataError(
            f"cannot write {folder}: {error.strerror or error}; nothing was left there"
        ) from error
    except BrokenProcessPool as error:
        raise DataError(
            f"a process that made pictures for {folder} was killed;"
            " it may have run out of memory: try again with --workers 1"
        ) from error


def _remove(folder: Path) -> None:
    """Remove a folder into which processes may still be writing what was asked of them last."""
    until = time.monotonic() + PATIENCE_S
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)  # their next write then fails, and they end
        if folder.exists():
            time.sleep(0.02)


def _sweep(parent: Path, prefix: str) -> None:
    """Remove what killed processes left behind for the same folder."""
    for left in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left, ignore_errors=True)

"""What users write on a run: tags and a note. Everything else in a record never changes."""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.store.files import write_atomically
from resnext_bench.reports.store.runs import RECORD, load_alone

_TAG: Final = re.compile(r"[^\s,'\"]{1,64}")


def tag(folder: Path, add: tuple[str, ...], remove: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Put tags on a run and remove others; return those it then has, in order of arrival."""
    wrong = next((one for one in add if not _TAG.fullmatch(one)), None)
    if wrong is not None:
        raise StoreError(
            f"tag {wrong!r}: a tag has up to 64 characters without space, comma or quote, such "
            "as nightly"
        )
    kept: list[str] = []

    def change(raw: dict[str, Any]) -> None:
        old = [str(one) for one in raw.get("tags", [])]
        missing = next((one for one in remove if one not in old), None)
        if missing is not None:
            has = f"its tags are {', '.join(old)}" if old else "it has none"
            raise StoreError(f"{folder.name} has no tag {missing!r}; {has}")
        kept[:] = dict.fromkeys(one for one in (*old, *add) if one not in remove)
        raw["tags"] = kept

    _edit(folder, change)
    return tuple(kept)


def note(folder: Path, text: str) -> None:
    """Write the user's note; an empty text removes it."""

    def change(raw: dict[str, Any]) -> None:
        raw["note"] = text.strip()

    _edit(folder, change)


def _edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the raw record, so that fields of later versions are kept as they are."""
    with _alone(folder):
        load_alone(folder)  # is it a record that we can read?
        path = folder / RECORD
        raw = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        change(raw)
        data = msgspec.json.format(msgspec.json.encode(raw), indent=1)
        write_atomically(path, data + b"\n")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one editor at a time change a record, so that none undoes another's change."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StoreError(f"cannot read {folder}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

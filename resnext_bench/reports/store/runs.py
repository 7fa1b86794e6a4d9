"""The runs folder is the database: one folder per run, with `record.json` written last.

No index exists, so none can be corrupted by a crash or by two writers on a shared file system.
"""

import contextlib
import difflib
import errno
import os
import re
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.reports.errors import OF_THE_ENVIRONMENT, StoreError
from resnext_bench.reports.schema.kind import Kind, R
from resnext_bench.reports.schema.kinds import Stored, kind_of
from resnext_bench.reports.schema.record import RUN, Record
from resnext_bench.reports.schema.upgrade import decode
from resnext_bench.reports.store.bulk import completed, set_aside
from resnext_bench.reports.store.files import write_atomically, writing

RECORD: Final = "record.json"
FOLDER_VARIABLE: Final = "RESNEXT_BENCH_RUNS"
MOST_LETTERS: Final = 80
"""Largest number of letters of a label in a folder's name; file systems allow 255 in all."""
_ID: Final = re.compile(r"\d{8}-\d{6}-[\w.]+-[0-9a-f]{4}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfinished:
    """A run's folder without a (readable) record: still running, killed, or damaged."""

    id: str
    why: str


def runs_folder(given: Path | None) -> Path:
    """Return the named folder, else $RESNEXT_BENCH_RUNS, else `runs` in the current folder."""
    return given or Path(os.environ.get(FOLDER_VARIABLE) or "runs")


def option_for(root: Path) -> str:
    """Return the option, after a blank, with which commands find the runs in `root`; may be ""."""
    if root.absolute() == runs_folder(None).absolute():
        return ""
    return f" --output {shlex.quote(str(root))}"


def create(root: Path, label: str) -> Path:
    """Make the folder of a new run, named by time (UTC), label and a random end."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name = f"{stamp}-{re.sub(r'[^A-Za-z0-9_.]', '_', label)[-MOST_LETTERS:]}"
    with _in_words(root):
        root.mkdir(parents=True, exist_ok=True)
        return _own_folder(root, name)


def require_usable(root: Path) -> None:
    """Raise what `create` would raise, before anything is measured; nothing is made."""
    with _in_words(root):
        above = (root.absolute(), *root.absolute().parents)
        place = next(one for one in above if os.path.lexists(one))
        if not place.is_dir():
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(place, os.W_OK | os.X_OK):
            is_read_only = os.statvfs(place).f_flag & os.ST_RDONLY
            number = errno.EROFS if is_read_only else errno.EACCES
            raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def _in_words(root: Path) -> Iterator[None]:
    """Say of errors in the body that runs cannot be written there, and what to do."""
    _require_text(root.absolute())
    try:
        with writing(root.absolute(), f"--output or ${FOLDER_VARIABLE}"):
            yield
    except OSError as error:
        if error.errno in OF_THE_ENVIRONMENT:
            raise
        raise StoreError(
            f"cannot write runs to {root.absolute()}: {error.strerror}; "
            f"name another folder with --output or ${FOLDER_VARIABLE}"
        ) from error


def _require_text(root: Path) -> None:
    """Refuse a folder whose name no record could hold: JSON has no bytes that are not UTF-8."""
    if "\ufffd" in (name := os.fsencode(root).decode(errors="replace")):
        raise StoreError(
            f"cannot write runs to {name}: the name is not valid UTF-8, and records can hold no "
            f"other; name another folder with --output or ${FOLDER_VARIABLE}"
        )


def _own_folder(root: Path, name: str) -> Path:
    """Make a folder that no other run of the same second has; its creator owns it."""
    while True:
        folder = root / f"{name}-{secrets.token_hex(2)}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder


def save(folder: Path, record: Stored) -> Stored:
    """Write the record of a run, last of all and by rename; return it as it is loaded again."""
    alone, whole = set_aside(folder, record)
    data = msgspec.json.format(msgspec.json.encode(alone), indent=1)
    write_atomically(folder / RECORD, data + b"\n")
    return whole


def load(folder: Path) -> Stored:
    """Load the record of one run's folder, with what stands beside it."""
    return completed(folder, load_alone(folder))


def load_alone(folder: Path) -> Stored:
    """Load a record without its long part, which stands beside it: enough to list or mark it."""
    path = folder / RECORD
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    return decode(data, str(path))


def load_kind(folder: Path, wanted: Kind[R]) -> R:
    """Load a record of one kind, and refuse others."""
    record = load(folder)
    if isinstance(record, wanted.struct):
        return record
    inside = f"; its runs are {' and '.join(record.children)}" if record.children else ""
    raise StoreError(f"{record.id} is {kind_of(record).noun}, not {wanted.noun}{inside}")


def load_run(folder: Path) -> Record:
    """Load the record of a run, and refuse other kinds."""
    return load_kind(folder, RUN)


def scan(root: Path) -> Iterator[Stored | Unfinished]:
    """Return every run below `root`, oldest first. A damaged one is reported, never fatal.

    Long parts of records stay beside them: see `resnext_bench.reports.store.bulk`.
    """
    for folder in _folders(root):
        if not (folder / RECORD).exists():
            yield Unfinished(
                id=folder.name, why=("there is no record: it is still running, or was killed")
            )
            continue
        try:
            yield load_alone(folder)
        except StoreError as error:
            yield Unfinished(id=folder.name, why=str(error))


def find(root: Path, wanted: str) -> Path:
    """Return the folder of the run whose id is, starts or ends with `wanted`; "last" is the newest.

    Runs of a comparison's sides are in its folder; they are found by name, never as "last".
    """
    names = [folder.name for folder in _folders(root)]
    if not names:
        raise StoreError(f"there are no runs in {root.absolute()}; name their folder with --output")
    if wanted == "last":
        return root / names[-1]
    found = [name for name in names if name.startswith(wanted) or name.endswith(wanted)]
    if wanted in found or len(found) == 1:
        return root / (wanted if wanted in found else found[0])
    inside = _inside(root, wanted) if not found else []
    if len(inside) == 1:
        return inside[0]
    raise StoreError(_not_found(root, wanted, [*found, *(path.name for path in inside)], names))


def _inside(root: Path, wanted: str) -> list[Path]:
    """Return the runs that belong to a comparison."""
    children = [child for folder in _folders(root) for child in _folders(folder)]
    return [path for path in children if path.name.startswith(wanted) or path.name.endswith(wanted)]


def _not_found(root: Path, wanted: str, found: list[str], names: list[str]) -> str:
    if found:
        return f"run {wanted!r} is ambiguous: {', '.join(found[:4])}; give more of the id"
    nearest = difflib.get_close_matches(wanted, names, n=1, cutoff=0.3)
    hint = f"the nearest is {nearest[0]}" if nearest else f"the newest is {names[-1]}"
    return f"there is no run {wanted!r} in {root.absolute()}; {hint} (`runs list` shows all)"


def _folders(root: Path) -> list[Path]:
    try:
        if not root.is_dir():
            return []
        return sorted(path for path in root.iterdir() if _ID.fullmatch(path.name) and path.is_dir())
    except OSError as error:
        raise StoreError(f"cannot read runs in {root.absolute()}: {error.strerror}") from error

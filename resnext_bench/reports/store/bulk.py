"""Long parts of records, which stand in files beside them so that records stay short.

The file is written before its record, which holds its checksum. Lists need the record alone; what
needs the part as well reads it here, and says in a line where it is missing or damaged.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.kind import Bulk, R
from resnext_bench.reports.schema.kinds import Stored, kind_of
from resnext_bench.reports.schema.record import File
from resnext_bench.reports.store.files import describe, write_atomically

_INSTEAD: Final = "copy the file back, or make the record anew"


def set_aside(folder: Path, record: Stored) -> tuple[Stored, Stored]:
    """Write the long part of a record beside it; return the record without it, and with it.

    Both list the file. A record of a kind that has no such part is returned as it is.
    """
    bulk = kind_of(record).bulk
    if bulk is None:
        return record, record
    whole: Any = record
    path = folder / bulk.file
    write_atomically(path, msgspec.msgpack.encode(bulk.part(whole)))
    others = tuple(one for one in whole.files if one.name != bulk.file)
    whole = msgspec.structs.replace(whole, files=(describe(path, folder), *others))
    return bulk.without(whole), whole


def completed(folder: Path, record: Stored) -> Stored:
    """Return a record with the part that stands beside it, or raise StoreError."""
    bulk = kind_of(record).bulk
    if bulk is None:
        return record
    alone: Any = record
    listed = next((one for one in alone.files if one.name == bulk.file), None)
    if listed is None:  # an older record, which holds the part itself
        return record
    whole: Stored = _joined(folder / bulk.file, listed, alone, bulk)
    return whole


def _joined(path: Path, listed: File, record: R, bulk: Bulk[R]) -> R:
    try:
        found = describe(path, path.parent)
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"cannot read {path}: {error.strerror}; {bulk.what} stand there"
        ) from error
    if found != listed:
        raise StoreError(
            f"{path} is damaged: it has {found.size:,} bytes and is not the file of "
            f"{listed.size:,} bytes that was written with its record; {bulk.what} stood there: "
            f"{_INSTEAD}"
        )
    try:
        return bulk.joined(record, msgspec.msgpack.decode(data, type=bulk.type))
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreError(f"{path} does not hold {bulk.what}: {error}") from error

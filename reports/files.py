"""Writing files so that no reader ever sees half of one."""

import hashlib
import os
import tempfile
from pathlib import Path

from reports.schema.record import File


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside `path`, flush to disk, then rename over it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def describe(path: Path, root: Path) -> File:
    """Name, size in bytes and checksum of a file below `root`."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return File(name=path.relative_to(root).as_posix(), size=len(data), sha256=digest)

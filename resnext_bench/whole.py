"""Files and folders that are either complete or absent, whatever interrupts their making.

Both `pipelines` and `reports` use this, which know nothing of each other; so it stands below them,
and needs the standard library alone.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yield a file to write, which gets the name `path` if the body ends without an error.

    It is flushed to disk first, and gets these permissions, whatever the umask: records are there
    to be read by others.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(
    folder: Path, *, is_kept: Callable[[Path], bool] = lambda _: False
) -> Iterator[Path]:
    """Remove a folder if the body fails or is interrupted, unless `is_kept` says otherwise."""
    try:
        yield folder
    except BaseException:
        if not is_kept(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise

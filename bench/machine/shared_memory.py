"""Whether batches on their way from loader processes fit into shared memory.

A container has 64 MiB of it, unless it is told otherwise.
"""

import os
from pathlib import Path
from typing import Final

from bench.errors import CannotHere
from reports.schema.config import RunConfig

_SHM: Final = Path("/dev/shm")
ADVICE: Final = (
    "start the container with a larger --shm-size, or lower --loader-threads, --prefetch or "
    "--batch-size; --pipeline dali needs none"
)
_LABEL_BYTES: Final = 8
_MIB: Final = 2**20


def require_shared_memory(config: RunConfig, ranks: int, path: Path = _SHM) -> None:
    """Raise CannotHere where the batches in flight of so many ranks do not fit.

    Loader processes of torchvision's pipeline hand over bytes, three for each pixel; each keeps
    `prefetch` batches ready, and the rank holds one.
    """
    if config.pipeline != "torchvision" or not config.loader_threads:
        return
    flying = config.prefetch * config.loader_threads + 1
    batch = config.batch_size * (3 * config.image_size**2 + _LABEL_BYTES)
    needed = ranks * flying * batch
    try:
        found = os.statvfs(path)
    except OSError as error:
        raise CannotHere(
            f"{path}: {error.strerror}; loader processes hand over batches there: mount it, or use "
            "--pipeline dali"
        ) from error
    if not os.access(path, os.W_OK) or found.f_flag & os.ST_RDONLY:
        raise CannotHere(
            f"{path} cannot be written to; loader processes hand over batches there: mount it "
            "writable, or use --pipeline dali"
        )
    free = found.f_bavail * found.f_frsize
    # No limit at all is told as no blocks (tmpfs with size=0).
    if found.f_blocks and needed > free:
        of = f" of {ranks} ranks" if ranks > 1 else ""
        raise CannotHere(
            f"{path} has {_mib(free)} free, and up to {flying} batches{of} of {_mib(batch)} are on "
            f"their way in it, {_mib(needed)}: {ADVICE}"
        )


def shared_memory_words(path: Path = _SHM) -> str:
    """How large it is: "/dev/shm has 64 MiB"."""
    try:
        found = os.statvfs(path)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return f"{path} has {_mib(found.f_blocks * found.f_frsize)}"


def _mib(size: int) -> str:
    mib = size / _MIB
    return f"{mib:,.0f} MiB" if mib >= 10 else f"{mib:.2g} MiB"

"""How many traces are read at once: as many as there are cores, and as memory allows.

The peak of a process was measured (`nox -s bench -- traces`): it does not hold the file, but some
numbers of each event. What is estimated here lies above all that was measured.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from resnext_bench.reports.store import archives

BASE_BYTES: Final = 100 << 20
"""Of a process before it reads: Python, numpy, our code; and two pieces of a file."""
PER_BYTE: Final = 0.4
"""Bytes of memory for each byte of a trace without compression."""
SWELLS: Final = 16
"""Bytes of a trace for each of its gzip data; real ones have 12 to 15."""
SPARED: Final = 0.8
"""Part of the free memory that is used: others need some, too."""
WORTH_BYTES: Final = 48 << 20
"""Bytes of traces for which a process is started; to start one takes as long as to read half of
them."""


def processes(
    sizes: Sequence[int], *, cores: int, free_bytes: float, asked: int | None = None
) -> int:
    """Return how many processes read files of these sizes (bytes without compression); at least 1.

    What was asked for is taken as it is, but for processes that would have no file.
    """
    if asked is not None:
        return max(1, min(asked, len(sizes)))
    worth = sum(sizes) // WORTH_BYTES
    return max(1, min(cores, len(sizes), worth, _held(sizes, free_bytes * SPARED)))


def _held(sizes: Sequence[int], free_bytes: float) -> int:
    """Return how many of the largest files can be read at once."""
    needed, count = 0.0, 0
    for size in sorted(sizes, reverse=True):
        needed += peak_bytes(size)
        if needed > free_bytes:
            break
        count += 1
    return count


def peak_bytes(size: int) -> float:
    """Return the memory that reading a file takes at most, by its bytes without compression."""
    return BASE_BYTES + PER_BYTE * size


def plain_size(path: Path) -> int:
    """Return about how many bytes a trace has without compression; 0 where that cannot be told."""
    try:
        size = archives.size_of(path)
    except OSError:
        return 0
    return size * SWELLS if path.name.endswith(".gz") else size

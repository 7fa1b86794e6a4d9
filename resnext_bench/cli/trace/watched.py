"""How far a trace has been read, on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from resnext_bench.cli.terminal.screen import progress_screen
from resnext_bench.reports.trace.reading.source import Progress as Watch
from resnext_bench.reports.trace.reading.source import no_progress

_SHORT: Final = 20 << 20
"""Files of up to this many bytes are read too fast to need a progress bar."""


@contextmanager
def watched(path: Path, number: int, of: int) -> Iterator[Watch]:
    """Show a bar on standard error for files that take more than a moment."""
    if not sys.stderr.isatty() or _size(path) < _SHORT:
        yield no_progress
        return
    name = f"reading {path.name}" + (f" ({number} of {of})" if of > 1 else "")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=progress_screen(), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda read, size: bar.update(task, completed=read, total=size)


def _size(path: Path) -> int:
    """Return the bytes of a file; 0 for one that cannot be read, which is told when it is."""
    try:
        return path.stat().st_size
    except OSError:
        return 0

"""Progress of several files on standard error: how many are read, and how long the rest takes."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.progress import BarColumn, Progress, TextColumn

from resnext_bench.cli.terminal.display import REDRAW_S
from resnext_bench.cli.terminal.screen import progress_screen
from resnext_bench.reports.render.words import duration
from resnext_bench.reports.trace.many.plan import plain_size

_SHORT: Final = 64 << 20
"""Bytes, without compression, that are read too fast to need progress."""
_EARLY: Final = 0.05
"""Part that must have been read before it is said how long the rest takes."""


class Board:
    """How much of each file has been read, drawn at most twice a second."""

    def __init__(
        self,
        sizes: Sequence[int],
        draw: Callable[[str, float], None] | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the sizes of the files (any unit), who draws, and a clock in seconds."""
        self._sizes, self._draw, self._now = [max(1, one) for one in sizes], draw, now
        self._parts = [0.0] * len(sizes)
        self._done = 0
        self._began_s = now()
        self._drawn_s = float("-inf")

    @property
    def is_drawn(self) -> bool:
        """Return whether anybody looks."""
        return self._draw is not None

    def read(self, number: int, read: int, size: int) -> None:
        """Tell how far a file has been read, in bytes of it."""
        self._parts[number] = min(1.0, read / size) if size else 0.0
        self._redraw()

    def done(self, number: int) -> None:
        """Tell that a file has been read."""
        self._parts[number] = 1.0
        self._done += 1
        self._redraw()

    def _redraw(self) -> None:
        now_s = self._now()
        if self._draw is None or now_s - self._drawn_s < REDRAW_S:
            return
        self._drawn_s = now_s
        part = sum(p * s for p, s in zip(self._parts, self._sizes, strict=True)) / sum(self._sizes)
        left = ""
        if part >= _EARLY:
            left = f", {duration((now_s - self._began_s) * (1 - part) / part)} left"
        self._draw(f"{self._done} of {len(self._sizes)} files read{left}", part)


@contextmanager
def board_of(paths: Sequence[Path]) -> Iterator[Board]:
    """Show progress if standard error is a terminal and the files take more than a moment."""
    sizes = [plain_size(one) for one in paths]
    if len(paths) < 2 or sum(sizes) < _SHORT or not sys.stderr.isatty():
        yield Board(sizes, None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24))
    # Nothing but words on progress redraws it, so that it costs nothing meanwhile.
    with Progress(*columns, console=progress_screen(), transient=True, auto_refresh=False) as bar:
        task = bar.add_task(f"reading {len(paths)} files", total=1.0)

        def draw(told: str, part: float) -> None:
            bar.update(task, description=told, completed=part)
            bar.refresh()

        yield Board(sizes, draw)

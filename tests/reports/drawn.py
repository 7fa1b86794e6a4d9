"""A report as a terminal of a given width shows it."""

from collections.abc import Iterable
from io import StringIO

from rich.cells import cell_len
from rich.console import Console

from resnext_bench.reports.render.model import Section
from resnext_bench.reports.render.terminal import draw


def drawn(report: Iterable[Section], width: int, *, uncut: str = "") -> list[str]:
    """Its lines, of which none is too long, but for one that is never cut."""
    written = StringIO()
    draw(Console(file=written, width=width, highlight=False), report)
    lines = [line.rstrip() for line in written.getvalue().splitlines()]
    assert all(cell_len(line) <= width for line in lines if line != uncut)
    return lines

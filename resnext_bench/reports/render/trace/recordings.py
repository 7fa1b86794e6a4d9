"""What is said first where a folder holds several recordings, of which one is reported."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from resnext_bench.reports.render.model import Line
from resnext_bench.reports.schema.trace import RanksReport

_OTHERS: Final = ("recording", "run", "world")
_SHOWN: Final = 4


def mixed(found: RanksReport) -> Iterator[Line]:
    """Yield which recording this is, and what others there are; nothing where there is one."""
    others = [Path(one.file).name for one in found.left_out if one.why in _OTHERS]
    if not others:
        return
    here = [Path(one.file).name for one in found.ranks]
    files = len(here) + len(others)
    this = f"this is {here[0]}" if len(here) == 1 else f"these are {here[0]} to {here[-1]}"
    more = ", ..." if len(others) > _SHOWN else ""
    name = f"name one of: {', '.join(others[:_SHOWN])}{more}"
    of = f"one of {files} files" if len(here) == 1 else f"{len(here)} of {files} files"
    yield Line(text=f"several recordings here: {this}, {of}; {name}", tone="warning")

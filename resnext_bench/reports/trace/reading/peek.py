"""The beginning of a trace file: enough to tell which process wrote it, without reading it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from resnext_bench.reports.trace.reading.categories import meaning
from resnext_bench.reports.trace.reading.pieces import Account, pieces
from resnext_bench.reports.trace.reading.source import Source
from resnext_bench.reports.trace.reading.trace import Kind

_ENOUGH: Final = 1 << 18
"""Bytes; the fields before the events take some thousands."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a trace begins with; nothing of it where the file cannot be read."""

    header: Mapping[str, Any]
    """Fields before the events."""
    process: int | str | None
    """Process that runs most operators; None: none among the first rows."""


def peek(path: Path) -> Head:
    """Read the beginning of a file."""
    try:
        first = next(iter(Source(path)), b"")[:_ENOUGH]
    except OSError:
        first = b""
    account = Account()
    events = list(chain.from_iterable(pieces([first], account)))
    on_host = (one.pid for one in events if meaning(one.cat) is Kind.OPERATOR)
    most = Counter(on_host).most_common(1)
    return Head(header=account.header, process=most[0][0] if most else None)

"""A range of a trace instead of its steps: what lies across an edge is cut there."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.errors import SpanError
from resnext_bench.reports.trace.reading.trace import Ids, Ns, Rows, Trace
from resnext_bench.reports.trace.time.intervals import Windows
from resnext_bench.reports.trace.time.links import Links

Some = TypeVar("Some", bound=Rows)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Moments since the first row of a trace, ns; None: its beginning, its end."""

    start: int | None = None
    end: int | None = None


def window_of(trace: Trace, span: Span) -> Windows:
    """Return the range within this trace.

    Raises SpanError, which says what is allowed, where it is not.
    """
    last = max(int(rows.end.max(initial=0)) for rows in (trace.host, trace.device))
    start = 0 if span.start is None else span.start
    end = last if span.end is None else span.end
    if not 0 <= start < end <= last:
        for option, moment in (("--from", start), ("--to", end)):
            if moment > last:
                told = f"the trace ends at {last / 1e6:,.3f} ms"
                raise SpanError(f"{option} {moment / 1e6:.12g}: {told}")
        asked = " ".join(
            f"{option} {moment / 1e6:.12g}"
            for option, moment in (("--from", span.start), ("--to", span.end))
            if moment is not None
        )
        raise SpanError(
            f"{asked}: {trace.path.name} lasts {last / 1e6:,.3f} ms; give moments from 0 to that, "
            "--from before --to"
        )
    return Windows(start=np.array([start]), end=np.array([end]))


def cut(trace: Trace, links: Links, window: Windows, device: int | None) -> tuple[Trace, Links]:
    """Return the trace with only what runs within the window: of the device, else of the host.

    Calls before the window stay, as they may have launched what runs in it. The links tell which
    rows of the host have work that is not all within.
    """
    low, high = int(window.start[0]), int(window.end[0])
    if device is None:
        links = replace(links, cut=np.flatnonzero(_across(trace.host, low, high)).astype(np.int32))
        return replace(trace, host=_clipped(trace.host, low, high)), links
    rows = trace.device
    within = kept(rows, window)
    links = replace(
        links,
        launch=links.launch[within],
        operator=links.operator[within],
        cut=_origins(links, ~within | _across(rows, low, high)),
    )
    return replace(trace, device=_clipped(rows.take(within), low, high)), links


def kept(rows: Rows, window: Windows) -> NDArray[np.bool_]:
    """Return which rows run within the window, as a whole or in part."""
    low, high = int(window.start[0]), int(window.end[0])
    inside: NDArray[np.bool_] = (rows.end > low) & (rows.start < high)
    inside |= (rows.duration == 0) & (rows.start == low)
    return inside


def _across(rows: Rows, low: int, high: int) -> NDArray[np.bool_]:
    inside = (rows.end > low) & (rows.start < high)
    across: NDArray[np.bool_] = inside & ((rows.start < low) | (rows.end > high))
    return across


def _origins(links: Links, which: NDArray[np.bool_]) -> Ids:
    """Return the rows of the host that these rows of the device come from, each once."""
    found = np.unique(np.concatenate([links.launch[which], links.operator[which]]))
    return found[found >= 0].astype(np.int32)


def _clipped(rows: Some, low: int, high: int) -> Some:
    """Return rows with those that lie across an edge shortened."""
    inside: NDArray[np.bool_] = (rows.end > low) & (rows.start < high)
    start: Ns = np.where(inside, np.maximum(rows.start, low), rows.start)
    end: Ns = np.where(inside, np.minimum(rows.end, high), rows.end)
    return replace(rows, start=start, duration=end - start)

"""All that is found out about one trace; reports and tables are made of this."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.schema.trace_files import Evidence
from resnext_bench.reports.schema.trace_graphs import Graphs
from resnext_bench.reports.schema.trace_time import Impossible
from resnext_bench.reports.trace.alone import signs_of_device, unknown_rows
from resnext_bench.reports.trace.graphs.attached import attached
from resnext_bench.reports.trace.graphs.origins import origins
from resnext_bench.reports.trace.graphs.replays import launches_graphs
from resnext_bench.reports.trace.kernels.device_work import Work, work
from resnext_bench.reports.trace.layers.places import Places, places
from resnext_bench.reports.trace.reading.read import read
from resnext_bench.reports.trace.reading.source import Progress, no_progress
from resnext_bench.reports.trace.reading.trace import Kind, Trace
from resnext_bench.reports.trace.time.identity import Busy, busy
from resnext_bench.reports.trace.time.impossible import believed, fact_of, in_all, near
from resnext_bench.reports.trace.time.intervals import Windows
from resnext_bench.reports.trace.time.links import Links, link
from resnext_bench.reports.trace.time.markers import without_markers
from resnext_bench.reports.trace.time.spans import Span, cut, kept, window_of
from resnext_bench.reports.trace.time.steps import Steps, steps
from resnext_bench.wording import count_of, readable


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """A trace, and what was made of it."""

    trace: Trace
    rank: int | None
    """As the file's name or the run's record says; it counts where the trace itself is silent."""
    device: int | None
    """The device that is looked at, the one that worked most; None: the CPU."""
    impossible: tuple[Impossible, ...]
    """Rows that were left out, cut or moved, as their times cannot be."""
    links: Links
    steps: Steps
    busy: Busy
    work: Work
    places: Places
    """In which module of the model each row of the host is."""
    signs: tuple[Evidence, ...] = ()
    """What shows that a device worked, where the whole trace has no kernel."""
    graphs: Graphs | None = None
    """What is known of replays of captured graphs; None where there are none."""


def analyse(
    path: Path,
    progress: Progress = no_progress,
    rank: int | None = None,
    span: Span | None = None,
    *,
    details: bool = False,
    layers: bool = True,
    capture: Callable[[], Trace] | None = None,
    at: Path | None = None,
) -> Analysis:
    """Read a trace and find out all of it, or all of a range.

    With `details` what only queries ask for is read as well; without `layers` what only tells
    modules of the model is not; `at`: where the file's bytes are, if not where it is. `capture`
    reads another trace of the same program, which may tell what kernels of graphs are that this one
    replays; it is asked only then, and not with `details`.

    Raises TraceError, naming file and byte, where it is no trace or holds no work, and SpanError
    where the range is not within it.
    """
    trace = read(path, progress, details=details, layers=layers, at=at)
    asked = capture is not None and launches_graphs(trace)
    return of(trace, rank, span, capture() if asked and capture else None)


def of(
    trace: Trace, rank: int | None = None, span: Span | None = None, capture: Trace | None = None
) -> Analysis:
    """Of a trace that has been read; `capture`: likewise another one."""
    if not _has_work(trace):
        facts = (*unknown_rows(trace), *trace.facts)
        told = f"{readable(trace.path)}: {_nothing(trace)}"
        raise TraceError(told, facts=facts, kind="no work")
    trace, far = near(without_markers(trace))
    trace, links, wrong = believed(trace, link(trace))
    if not _has_work(trace):
        told = f"{readable(trace.path)}: no work is left whose times can be"
        raise TraceError(
            told, facts=[fact_of(one) for one in in_all([*far, *wrong])], kind="no work"
        )
    device = _device(trace)
    signs = signs_of_device(trace)
    other = _believed(capture) if capture is not None and len(capture.host) else None
    given = "" if capture is None else readable(capture.path)
    replayed = origins(trace, links, device, other, given)
    window: Windows | None = None
    if span is not None:
        window = window_of(trace, span)
        if replayed is not None:
            replayed = replayed.take(kept(trace.device, window))
        trace, links = cut(trace, links, window, device)
    found, ran = steps(trace, links, device, window), busy(trace, links, device)
    modules = places(trace, links)
    if replayed is not None:
        whole = attached(replayed, trace, links, found, modules)
        trace, links, found, modules = whole.trace, whole.links, whole.steps, whole.places
    return Analysis(
        trace=trace,
        rank=rank,
        device=device,
        impossible=in_all([*far, *wrong]),
        links=links,
        steps=found,
        busy=ran,
        work=work(trace, links, found, device),
        places=modules,
        signs=signs,
        graphs=None if replayed is None else replayed.facts,
    )


def _believed(trace: Trace) -> tuple[Trace, Links]:
    """Return another trace with what is believed of it."""
    trace, _ = near(without_markers(trace))
    trace, links, _ = believed(trace, link(trace))
    return trace, links


def _has_work(trace: Trace) -> bool:
    return trace.on_device or bool((trace.host.kind == Kind.OPERATOR).any())


def _nothing(trace: Trace) -> str:
    many = count_of(trace.events, "row") if trace.events else "no events"
    return f"{many}, and neither kernels nor operators among them"


def _device(trace: Trace) -> int | None:
    if not trace.on_device:
        return None
    numbers, at = np.unique(trace.device.device, return_inverse=True)
    return int(numbers[np.bincount(at, weights=trace.device.duration).argmax()])

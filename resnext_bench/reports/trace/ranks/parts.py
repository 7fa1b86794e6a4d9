"""What a rank's own time is: each used step without the time in which only communication runs.

A rank that waits for others waits in a collective, so that its own time is what it needs by itself,
and its parts are what may be the cause. No clock of another rank is needed for it.
"""

from typing import Final

import numpy as np

from resnext_bench.reports.schema.trace_ranks import PARTS, Part
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.idle import Cause, idle_times, loading_times
from resnext_bench.reports.trace.time.identity import identity
from resnext_bench.reports.trace.time.intervals import NO_TIME, Ns, Times, Windows

_OF: Final[dict[Cause, Part]] = {
    Cause.LOADING: "loading",
    Cause.SYNCHRONISATION: "synchronisation",
    Cause.HOST: "launches",
    Cause.LAUNCH: "launches",
    Cause.REPLAY: "launches",
    Cause.RUNTIME: "launches",
    Cause.NO_OPERATOR: "launches",
}
"""What the causes of idle time are here; all others are `other`."""


def own_parts(analysis: Analysis) -> dict[Part, Ns]:
    """Return the parts of each used step, ns; together they are its time but for communication."""
    steps = analysis.steps
    windows = Windows(start=steps.windows.start[steps.used], end=steps.windows.end[steps.used])
    whole = identity(analysis.busy, windows)
    found = {part: np.zeros(len(windows.start), dtype=np.int64) for part in PARTS}
    found["compute"] += whole.compute
    found["copies"] += whole.exposed_copy
    for cause, times in idle_times(analysis).items():
        found[_OF.get(cause, "other")] += times.within(windows)
    if analysis.device is None:
        loading = _loading_by_operators(analysis).within(windows)
        found["loading"] += loading
        found["compute"] -= loading
    return found


def _loading_by_operators(analysis: Analysis) -> Times:
    """Return when a CPU runs operators to load a batch: no gap tells that."""
    loading = loading_times(analysis.trace)
    return (analysis.busy.compute & loading) if len(loading.start) else NO_TIME

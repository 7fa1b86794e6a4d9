"""The host's part of a report: each question is a module of its own, and here they meet."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from resnext_bench.reports.schema.trace_host import Host, OptimizerWork
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.blocking import blocking
from resnext_bench.reports.trace.host.copies import copies
from resnext_bench.reports.trace.host.gaps import NO_GAPS, Gaps, gaps, longest, waited_for
from resnext_bench.reports.trace.host.launches import launches, operators
from resnext_bench.reports.trace.host.streams import streams, threads
from resnext_bench.reports.trace.idle import loading_times
from resnext_bench.reports.trace.time.intervals import Windows
from resnext_bench.reports.trace.time.links import Pass

OURS: Final = "## next batch ##"
"""Only `run --profile` writes this."""
_COMPILED: Final = re.compile(
    r"triton_(poi|red|per|for|tem|unk)_|Torch-Compiled Region|CompiledFxGraph|## Call CompiledFx"
)
_FUSED: Final = re.compile(r"(?i)fused_?(adam|sgd|lamb|adagrad)")
_FOREACH: Final = re.compile(r"multi_tensor_apply|for_each|triton_for_")
_OPTIMIZER: Final = re.compile(r"Optimizer\.step#(\w+)\.step")
_ALONE: Final = "_SingleProcessDataLoaderIter"


def host(analysis: Analysis, *, idles: bool = True) -> Host:
    """Return all of it; no gaps where it is not known when the device idles (`idles`)."""
    names, free = analysis.trace.names, gaps(analysis) if idles else NO_GAPS
    return Host(
        by_us=OURS in names,
        is_compiled=any(_COMPILED.match(name) for name in names),
        launches=launches(analysis),
        operators=operators(analysis),
        blocking=blocking(analysis),
        loading_ns=_loading(analysis),
        loads_alone=any(_ALONE in name for name in names),
        gap_count=len(free.times.start),
        gaps_of_half=free.of_half,
        gaps=longest(analysis, free),
        waited_for=waited_for(analysis, free),
        streams=streams(analysis),
        copies=copies(analysis),
        threads=threads(analysis),
        optimizer=None if analysis.device is None else _optimizer(analysis, free),
    )


def _loading(analysis: Analysis) -> int:
    """Return for how long the host waited for batches, within its own used steps, ns."""
    steps = analysis.steps
    windows = Windows(start=steps.host.start[steps.used], end=steps.host.end[steps.used])
    return int(loading_times(analysis.trace).within(windows).sum())


def _optimizer(analysis: Analysis, free: Gaps) -> OptimizerWork | None:
    """Return what its kernels take, and the gaps that they end."""
    work = analysis.work
    mine = (work.passes == Pass.OPTIMIZER) & ~work.transfer
    if not mine.any():
        return None
    names = {analysis.trace.names[name] for name in np.unique(work.name[mine])}
    length = free.times.end - free.times.start
    ended = np.isin(free.ended_by, work.itself[work.passes == Pass.OPTIMIZER])
    return OptimizerWork(
        kernels=int(mine.sum()),
        work_ns=int(work.duration[mine].sum()),
        idle_ns=int(length[ended].sum()),
        style=_style(names),
        name=_name(analysis.trace.names),
    )


def _name(names: Sequence[str]) -> str:
    return next((found[1] for name in names if (found := _OPTIMIZER.match(name))), "")


def _style(names: set[str]) -> str:
    if any(_FUSED.search(name) for name in names):
        return "fused"
    return "foreach" if any(_FOREACH.search(name) for name in names) else "single"

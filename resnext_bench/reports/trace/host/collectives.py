"""What kind of collective is exposed, and in which pass: remedies depend on it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.rows import used_windows
from resnext_bench.reports.trace.reading.trace import Ids, Kind
from resnext_bench.reports.trace.time.identity import communication
from resnext_bench.reports.trace.time.intervals import union
from resnext_bench.reports.trace.time.links import Pass, of_names
from resnext_bench.reports.trace.time.nest import nearest


class Collective(StrEnum):
    """Who sends what to whom."""

    ALL_REDUCE = "all-reduce"
    ALL_TO_ALL = "all-to-all"
    """Or sent from one to another: kernels are the same."""
    GATHER = "all-gather, reduce-scatter"
    BROADCAST = "broadcast"
    OTHER = "other"
    """Or not told."""


_KINDS: Final = tuple(Collective)
_PATTERNS: Final = {
    Collective.ALL_REDUCE: re.compile(r"all_?reduce|shot_?reduce|cross_device_reduce"),
    Collective.ALL_TO_ALL: re.compile(r"all_?to_?all|all2all|send_?recv|:i?(send|recv)"),
    Collective.GATHER: re.compile(r"all_?gather|reduce_?scatter"),
    Collective.BROADCAST: re.compile(r"broadcast"),
}
"""In lower case."""


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """The kind of collective with most exposed time, in the used steps."""

    collective: Collective
    exposed_ns: int
    """When it ran and no kernel but communication did."""
    is_backward: bool
    """Whether most of it was launched in the backward pass."""


def exposed(analysis: Analysis) -> Exposed:
    """Return it; on a CPU of the operators' time, whether anything else ran or not."""
    rows = analysis.trace.host if analysis.device is None else analysis.trace.device
    talks = communication(analysis.trace)[rows.name] & ~np.isin(
        rows.kind, (Kind.LAUNCH, Kind.COPY, Kind.FILL)
    )
    if analysis.device is not None:
        talks &= analysis.trace.device.device == analysis.device
    mine = np.flatnonzero(talks)
    by = mine if analysis.device is None else analysis.links.origin[mine]
    kind, windows = _kinds(analysis, rows.name[mine], by.astype(np.int32)), used_windows(analysis)

    def lasts(which: Ids) -> int:
        return int((union(rows.start[which], rows.end[which]) - compute).within(windows).sum())

    compute = analysis.busy.compute
    took = {one: lasts(mine[kind == at]) for at, one in enumerate(_KINDS)}
    most = max(took, key=lambda one: took[one])
    passes = np.append(analysis.links.passes, -1)[by]
    back = lasts(mine[(kind == _KINDS.index(most)) & (passes == Pass.BACKWARD)])
    return Exposed(collective=most, exposed_ns=took[most], is_backward=2 * back > took[most])


def _kinds(analysis: Analysis, name: Ids, by: Ids) -> Ids:
    """Return, as an index, what names say, else what the rows of the host around them say."""
    told = of_names(analysis.trace.names, _kind)
    around = nearest(told[analysis.trace.host.name], analysis.links.parent, by)
    found = np.where(told[name] >= 0, told[name], around)
    return np.where(found >= 0, found, _KINDS.index(Collective.OTHER)).astype(np.int32)


def _kind(name: str) -> int | None:
    told = name.lower()
    return next((_KINDS.index(one) for one, what in _PATTERNS.items() if what.search(told)), None)

"""Where a step's time went: four parts that add up to it exactly, in ns.

step = compute + exposed communication + exposed copy + idle

On a device compute is the time in which at least one kernel runs that is no communication;
communication is exposed while no such kernel runs, copies and fills while neither runs; idle is
when nothing does. Every stream counts, as kernels of several streams overlap. On a CPU operators
are what kernels are on a device: time counts for the innermost operator of each thread; operators
of c10d and gloo, and gloo's own spans, are communication; a copy is an operator like any other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.names.communication import is_communication, is_span
from resnext_bench.reports.trace.reading.trace import Host, Kind, Rows, Trace
from resnext_bench.reports.trace.time.intervals import NO_TIME, Ns, Times, Windows, union
from resnext_bench.reports.trace.time.links import Links, of_names


@dataclass(frozen=True, kw_only=True, eq=False)
class Busy:
    """What ran when: three sets of time, which may overlap."""

    compute: Times
    communication: Times
    copy: Times

    @property
    def any(self) -> Times:
        """When anything ran."""
        return self.compute | self.communication | self.copy


@dataclass(frozen=True, kw_only=True, eq=False)
class Identity:
    """The four parts of each window, ns; they add up to its length exactly."""

    compute: Ns
    exposed_communication: Ns
    exposed_copy: Ns
    idle: Ns

    def __post_init__(self) -> None:
        parts = (self.compute, self.exposed_communication, self.exposed_copy, self.idle)
        assert all((part >= 0).all() for part in parts)


def identity(busy: Busy, windows: Windows) -> Identity:
    """Of each window."""
    compute = busy.compute.within(windows)
    both = (busy.compute | busy.communication).within(windows)
    any_ = busy.any.within(windows)
    return Identity(
        compute=compute,
        exposed_communication=both - compute,
        exposed_copy=any_ - both,
        idle=windows.length - any_,
    )


def communication(trace: Trace) -> NDArray[np.bool_]:
    """Of each name of a trace, whether it is communication."""
    found = of_names(trace.names, lambda name: 1 if is_communication(name) else 0)
    return found[:-1] > 0


def busy(trace: Trace, links: Links, device: int | None) -> Busy:
    """When a device was busy, or without one the host."""
    told = communication(trace)
    if device is None:
        spans = of_names(trace.names, lambda name: 1 if is_span(name) else 0) > 0
        host = trace.host
        talks = (told[host.name] & (host.kind == Kind.OPERATOR)) | (
            spans[host.name] & (host.kind == Kind.ANNOTATION)
        )
        return _on_host(host, links, talks)
    rows = trace.device.take(trace.device.device == device)
    kernel = rows.kind == Kind.KERNEL
    talks = told[rows.name] & kernel
    return Busy(
        compute=_of(rows, kernel & ~talks),
        communication=_of(rows, talks),
        copy=_of(rows, ~kernel),
    )


def _of(rows: Rows, which: NDArray[np.bool_]) -> Times:
    return union(rows.start[which], rows.end[which])


def _on_host(host: Host, links: Links, talks: NDArray[np.bool_]) -> Busy:
    """Operators, without the time in which communication is the innermost one of its thread."""
    operator = host.kind == Kind.OPERATOR
    operator &= ~_inside(host, links, operator)
    talkative = np.zeros(host.thread.max(initial=0) + 1, dtype=bool)
    talkative[host.thread[talks]] = True
    mixed = operator & talkative[host.thread]
    return Busy(
        compute=_of(host, operator & ~mixed) | _without(host, mixed, talks),
        communication=_of(host, talks),
        copy=NO_TIME,
    )


def _inside(host: Host, links: Links, operator: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each row lies within an operator directly above: its time is that one's, too."""
    above = np.maximum(links.parent, 0)
    return (links.parent >= 0) & operator[above] & (host.end <= host.end[above])


def _without(host: Host, these: NDArray[np.bool_], those: NDArray[np.bool_]) -> Times:
    """When these rows run and those on the same thread do not.

    Threads are laid out behind one another, each as long as there are moments, so that one
    subtraction does for all of them.
    """
    rows = these | those
    moments = np.sort(np.concatenate([host.start[rows], host.end[rows]]))

    def laid_out(which: NDArray[np.bool_]) -> Times:
        begin = host.thread[which].astype(np.int64) * len(moments)
        return union(
            begin + np.searchsorted(moments, host.start[which]),
            begin + np.searchsorted(moments, host.end[which]),
        )

    left = laid_out(these) - laid_out(those)
    return union(moments[left.start % len(moments)], moments[left.end % len(moments)])

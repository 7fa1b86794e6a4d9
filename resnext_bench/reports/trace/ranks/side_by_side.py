"""Several ranks of one run: a summary of each, who waits for whom, and which ranks are missing.

The time of a collective on one rank is waiting and transfer. Only all ranks together tell them
apart: data can move from when the last rank has arrived to when the first is done, so that
transfer <= min(end) - max(start); the rest of each rank's time is waiting for others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace import CollectiveRow, RanksReport, TraceReport
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.ranks.missing import missing, not_whole
from resnext_bench.reports.trace.reading.trace import Kind
from resnext_bench.reports.trace.recordings import EPOCH_NS, recorded_ns
from resnext_bench.reports.trace.time.identity import communication
from resnext_bench.reports.trace.time.intervals import Ns


@dataclass(frozen=True, kw_only=True, eq=False)
class Collectives:
    """Communication kernels of one rank in the order in which they began."""

    steps: frozenset[int]
    """Numbers of the steps that are used."""
    step: NDArray[np.int64]
    """Number of the step of each."""
    names: tuple[str, ...]
    start: Ns
    """Since the epoch where the trace tells, so that ranks can be compared, ns."""
    end: Ns
    recorded: tuple[int, int]
    """From the first row of the trace to the end of the last, likewise."""


def collectives(analysis: Analysis) -> Collectives:
    """Those of used steps; none on a CPU, where a span of gloo holds its whole queue."""
    trace, steps = analysis.trace, analysis.steps
    told = communication(trace)
    used = np.append(steps.used, False)[steps.of_device]
    mine = used & told[trace.device.name] & (trace.device.kind == Kind.KERNEL)
    mine &= trace.device.device == (-1 if analysis.device is None else analysis.device)
    rows = trace.device.take(mine)
    numbers = np.array(steps.numbers, dtype=np.int64)
    return Collectives(
        steps=frozenset(numbers[steps.used].tolist()),
        step=numbers[steps.of_device[mine]],
        names=tuple(trace.names[one] for one in rows.name),
        start=rows.start + trace.origin_ns,
        end=rows.end + trace.origin_ns,
        recorded=recorded_ns(trace),
    )


def ranks(
    reports: Sequence[TraceReport], talks: Sequence[Collectives], *, whole: bool
) -> RanksReport:
    """Side by side, by rank; `whole`: they are meant to be all of a run."""
    order = sorted(range(len(reports)), key=lambda at: (_rank(reports[at]), reports[at].file))
    reports, talks = [reports[at] for at in order], [talks[at] for at in order]
    places = [(one.rank, one.world_size) for one in reports]
    common = _in_common([one for one in talks if one.steps])
    told, facts = _matched(common)
    if len(talks) > 1 and any(one.names for one in talks) and not any(one.steps for one in common):
        facts = [warning("steps_not_shared")]
    if apart := _apart_ns(talks):
        told, facts = [], [warning("recorded_apart", apart_ns=apart)]
    return RanksReport(
        ranks=list(reports),
        missing=missing(places) if whole else [],
        collectives=told,
        facts=[*(not_whole(places) if whole else ()), *facts],
    )


def _rank(report: TraceReport) -> int:
    return -1 if report.rank is None else report.rank


def _apart_ns(talks: Sequence[Collectives]) -> int:
    """Return how long after the end of one trace another begins; 0: all overlap, or tell no clock.

    Only where there is something to match.
    """
    talking = [one for one in talks if one.names]
    if len(talking) < 2 or any(one.recorded[0] <= EPOCH_NS for one in talking):
        return 0
    last = max(one.recorded[0] for one in talking)
    return max(0, last - min(one.recorded[1] for one in talking))


def _in_common(talks: Sequence[Collectives]) -> list[Collectives]:
    """Those of steps that all ranks have: the n-th of one rank is then the n-th of the others."""
    common = frozenset.intersection(*(one.steps for one in talks)) if talks else frozenset()
    return [_of_steps(one, common) for one in talks]


def _of_steps(talk: Collectives, steps: frozenset[int]) -> Collectives:
    kept = np.flatnonzero(np.isin(talk.step, list(steps)))
    return replace(
        talk,
        steps=steps,
        step=talk.step[kept],
        names=tuple(talk.names[at] for at in kept),
        start=talk.start[kept],
        end=talk.end[kept],
    )


def _matched(talks: Sequence[Collectives]) -> tuple[list[CollectiveRow], list[Note]]:
    """The n-th collective of each rank is taken to be the same one; names must agree."""
    talking = [one for one in talks if one.names]
    if len(talking) < 2:
        return [], []
    if len({one.names for one in talking}) > 1 or len(talking) < len(talks):
        return [], [warning("collectives_differ")]
    start = np.array([one.start for one in talking])
    end = np.array([one.end for one in talking])
    transfer = np.maximum(end.min(axis=0) - start.max(axis=0), 0)
    if (end.min(axis=0) < start.max(axis=0)).any():
        return _rows(talking, start, end, transfer), [warning("clocks_differ")]
    return _rows(talking, start, end, transfer), []


def _rows(talking: Sequence[Collectives], start: Ns, end: Ns, transfer: Ns) -> list[CollectiveRow]:
    """A row for each name."""
    names = np.array(talking[0].names)
    rows = []
    for name in dict.fromkeys(talking[0].names):
        mine = np.flatnonzero(names == name)
        duration = (end - start)[:, mine]
        last = np.bincount(start[:, mine].argmax(axis=0), minlength=len(talking))
        rows.append(
            CollectiveRow(
                name=name,
                count=len(mine),
                transfer_ns=int(transfer[mine].sum()),
                waiting_ns=[int(one) for one in (duration - transfer[mine]).sum(axis=1)],
                shortest_ns=int(duration.min()),
                longest_ns=int(duration.max()),
                last_to_arrive=[int(one) for one in last],
            )
        )
    return sorted(rows, key=lambda row: -sum(row.waiting_ns))

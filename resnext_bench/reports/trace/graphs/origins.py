"""The origins of all replayed work of a trace.

Operators, shapes and modules are those of where it was captured, or launched one by one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_graphs import Graphs, GraphsFrom, GraphsUntold
from resnext_bench.reports.trace.graphs.matching import Matched, Refused, matcher
from resnext_bench.reports.trace.graphs.replays import Replays, replays
from resnext_bench.reports.trace.graphs.sources import Source, source
from resnext_bench.reports.trace.layers.places import Calls, Places, places
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Trace
from resnext_bench.reports.trace.time.links import Links
from resnext_bench.wording import readable


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What is known of replays; rows of the host of another trace come behind those of this one."""

    launch: Ids
    """Origin of each row of the device; -1: none is told, or it is no replay."""
    operator: Ids
    """Innermost operator around it."""
    number: Ids
    """Which replay each row of the device is a part of, from 1; 0: of none with an origin."""
    graph: Ids
    """Row of the host that launched each replay, by its number; -1 in front."""
    calls: Calls
    """Calls of modules that replays repeat, each when its graph was launched."""
    other: Source | None
    """Another trace that some of it is from."""
    facts: Graphs

    def take(self, kept: NDArray[np.bool_]) -> "Found":
        """Return the same of some rows of the device."""
        return replace(
            self,
            launch=self.launch[kept],
            operator=self.operator[kept],
            number=self.number[kept],
        )


def origins(
    trace: Trace,
    links: Links,
    device: int | None,
    other: tuple[Trace, Links] | None,
    given: str = "",
) -> Found | None:
    """Return them; None where no graph was replayed.

    `other`: a trace that is asked first; `given`: the name of the file in which it was looked for.
    """
    found = replays(trace, links, device)
    if found is None:
        return None
    sources: list[Source] = []
    if other is not None:
        sources.append(source(*other, places(*other), trace.names, is_other=True))
    sources.append(source(trace, links, places(trace, links), trace.names, is_other=False))
    search = matcher(trace, links, found, sources, device)
    told = [search.matched(replay) for replay in range(len(found))]
    return _collected(trace, found, sources, told, given)


def _collected(
    trace: Trace,
    found: Replays,
    sources: Sequence[Source],
    told: Sequence[Matched | Refused],
    given: str,
) -> Found:
    launch = np.full(len(trace.device), -1, dtype=np.int32)
    operator, number = launch.copy(), np.zeros(len(trace.device), dtype=np.int32)
    calls: list[Calls] = []
    for replay, one in enumerate(told):
        if isinstance(one, Refused):
            continue
        of = sources[one.source]
        behind = np.int32(len(trace.host) if of.is_other else 0)
        launch[one.rows] = one.launch + behind
        operator[one.rows] = np.where(one.operator >= 0, one.operator + behind, np.int32(-1))
        number[one.rows] = replay + 1
        moment = int(trace.host.start[found.launch[replay]])
        calls.append(_calls(of.places, one, moment, is_other=of.is_other))
    others = [one for one in sources if one.is_other]
    used = any(isinstance(one, Matched) and sources[one.source].is_other for one in told)
    return Found(
        launch=launch,
        operator=operator,
        number=number,
        graph=np.append(np.int32(-1), found.launch),
        calls=_joined(calls),
        other=others[0] if used else None,
        facts=_facts(trace, found, sources, told, given),
    )


def _calls(of: Places, told: Matched, moment: int, *, is_other: bool) -> Calls:
    """Return the calls of modules during which the source launched what a replay repeats."""
    mine = np.zeros(len(of.calls.start), dtype=bool)
    if of.counts_calls:
        mine = (of.calls.start > told.began) & (of.calls.start <= told.ended)
    module = of.calls.module[mine]
    # Modules of another trace have numbers of their own, from -2 downwards until they are joined.
    module = np.where(module >= 0, -2 - module, module) if is_other else module
    return Calls(
        start=np.full(len(module), moment, dtype=np.int64),
        module=module.astype(np.int32),
        again=of.calls.again[mine],
    )


def _joined(calls: Sequence[Calls]) -> Calls:
    nothing = Calls(
        start=np.empty(0, dtype=np.int64),
        module=np.empty(0, dtype=np.int32),
        again=np.empty(0, dtype=bool),
    )
    every = [nothing, *calls]
    return Calls(
        start=np.concatenate([one.start for one in every]),
        module=np.concatenate([one.module for one in every]),
        again=np.concatenate([one.again for one in every]),
    )


def _facts(
    trace: Trace,
    found: Replays,
    sources: Sequence[Source],
    told: Sequence[Matched | Refused],
    given: str,
) -> Graphs:
    duration = trace.device.duration
    by: dict[tuple[object, ...], list[tuple[int, int, int]]] = defaultdict(list)
    refused: dict[str, list[tuple[int, Refused]]] = defaultdict(list)
    for replay, one in enumerate(told):
        if isinstance(one, Refused):
            refused[one.why].append((replay, one))
        else:
            order = "nodes" if found.by_node[replay] else "streams"
            total = int(duration[one.rows].sum())
            by[one.source, one.kind, order].append((replay, len(one.rows), total))
    of_sources = [
        GraphsFrom(
            kind=kind,  # type: ignore[arg-type]
            file=readable(sources[number].trace.path) if sources[number].is_other else "",  # type: ignore[call-overload]
            order=order,  # type: ignore[arg-type]
            replays=len(rows),
            rows=sum(count for _, count, _ in rows),
            total_ns=sum(total for _, _, total in rows),
        )
        for (number, kind, order), rows in by.items()
    ]
    return Graphs(
        replays=len(found),
        rows=len(found.rows),
        total_ns=int(duration[found.rows].sum()),
        told_ns=sum(one.total_ns for one in of_sources),
        sources=sorted(of_sources, key=lambda one: -one.total_ns),
        untold=sorted(
            (_untold(trace, found, given, of) for of in refused.values()),
            key=lambda one: -one.total_ns,
        ),
    )


def _untold(
    trace: Trace, found: Replays, given: str, refused: Sequence[tuple[int, Refused]]
) -> GraphsUntold:
    rows = np.concatenate([found.of(replay) for replay, _ in refused])
    sizes = [
        int((trace.device.kind[found.of(replay)] == Kind.KERNEL).sum()) for replay, _ in refused
    ]
    largest = int(np.argmax(sizes))
    one = refused[largest][1]
    return GraphsUntold(
        why=one.why,
        replays=len(refused),
        rows=len(rows),
        total_ns=int(trace.device.duration[rows].sum()),
        kernels=sizes[largest],
        launches=one.launches,
        wrong=one.wrong,
        name=one.name,
        operator=one.operator,
        file=given,
    )

"""Puts origins of replayed work where those of ordinary work are.

Rows of the host of another trace come behind those of this one, on threads of their own and before
its first moment, so that they are in no step and launched nothing: they only tell what work is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.graphs.origins import Found
from resnext_bench.reports.trace.graphs.sources import Source
from resnext_bench.reports.trace.layers.places import Calls, Places
from resnext_bench.reports.trace.layers.places import Source as Told
from resnext_bench.reports.trace.layers.tree import Growing, Tree
from resnext_bench.reports.trace.reading.trace import Host, Ids, Products, Trace
from resnext_bench.reports.trace.time.links import Links, Replayed
from resnext_bench.reports.trace.time.steps import Steps


@dataclass(frozen=True, kw_only=True, eq=False)
class Attached:
    """A trace and what is known of it, with the origins of replayed work."""

    trace: Trace
    links: Links
    steps: Steps
    places: Places


def attached(found: Found, trace: Trace, links: Links, steps: Steps, places: Places) -> Attached:
    """Return all of it with what was found; `found` has the rows of the device that are left."""
    known = found.number > 0
    links = replace(
        links,
        operator=np.where(known, found.operator, links.operator).astype(np.int32),
        replayed=Replayed(
            origin=np.where(known, found.launch, links.launch).astype(np.int32),
            number=found.number,
            cut=np.isin(found.graph, links.cut) & (found.graph >= 0),
        ),
    )
    if found.other is None:
        calls = _behind(places.calls, found.calls)
        return Attached(trace=trace, links=links, steps=steps, places=replace(places, calls=calls))
    other = found.other
    return Attached(
        trace=_trace(trace, other.trace),
        links=replace(
            links,
            parent=_and(links.parent, other.links.parent, len(trace.host)),
            passes=np.append(links.passes, other.links.passes),
        ),
        steps=replace(
            steps,
            of_host=np.append(steps.of_host, np.full(len(other.trace.host), -1, dtype=np.int32)),
        ),
        places=_places(places, other, found.calls, len(trace.host)),
    )


def _and(one: Ids, other: Ids, by: int) -> Ids:
    """Return numbers of two traces, those of the other one moved by so many; -1 stays."""
    return np.append(one, np.where(other >= 0, other + np.int32(by), other)).astype(np.int32)


def _behind(one: Calls, other: Calls) -> Calls:
    return Calls(
        start=np.append(one.start, other.start),
        module=np.append(one.module, other.module).astype(np.int32),
        again=np.append(one.again, other.again),
    )


def _trace(trace: Trace, other: Trace) -> Trace:
    names = dict.fromkeys((*trace.names, *other.names))
    number = {name: at for at, name in enumerate(names)}
    host = other.host
    moved = replace(
        host,
        start=host.start - int(host.end.max(initial=0)) - 1,
        name=np.array([number[name] for name in other.names], dtype=np.int32)[host.name],
        key=np.full(len(host), -1, dtype=np.int64),
        thread=host.thread + np.int32(len(trace.threads)),
        conv=np.where(host.conv >= 0, host.conv + np.int32(len(trace.convs)), host.conv),
    )
    columns = {
        one.name: np.append(getattr(trace.host, one.name), getattr(moved, one.name))
        for one in fields(Host)
    }
    return replace(
        trace,
        host=Host(**columns),
        names=tuple(names),
        threads=(*trace.threads, *((None, None) for _ in other.threads)),
        convs=(*trace.convs, *other.convs),
        products=_products(trace.products, other.products, len(trace.host)),
    )


def _products(one: Products, other: Products, by: int) -> Products:
    return Products(
        row=_and(one.row, other.row, by),
        which=_and(one.which, other.which, len(one.distinct)),
        distinct=(*one.distinct, *other.distinct),
    )


def _places(places: Places, of: Source, calls: Calls, by: int) -> Places:
    """Return modules of both traces in one tree.

    Those of the other one are left out where something else names them.
    """
    other = of.places
    tree = Growing()
    own = _put(tree, places.tree)
    named = other.source is not Told.NONE and places.source in (Told.NONE, other.source)
    theirs = _put(tree, other.tree) if named else np.full(len(other.tree), -1, dtype=np.int32)
    number = np.append(theirs, np.int32(-1))
    foreign = calls.module <= -2
    module = np.where(
        foreign,
        number[np.where(foreign, -2 - calls.module, -1)],
        _at(own, np.maximum(calls.module, -1)),
    )
    told = Calls(start=calls.start, module=module.astype(np.int32), again=calls.again)
    return Places(
        source=other.source if named else places.source,
        tree=tree.tree(),
        at=np.append(_at(own, places.at), number[other.at]).astype(np.int32),
        node=_and(places.node, other.node, by),
        forward=_and(places.forward, other.forward, by),
        again=np.append(places.again, other.again),
        calls=_behind(replace(places.calls, module=_at(own, places.calls.module)), told),
    )


def _put(tree: Growing, other: Tree) -> Ids:
    """Put all modules of a tree into another one, and return their numbers there."""
    found: list[int] = []
    for above, part, kind in _nodes(other):
        found.append(tree.below(found[above] if above >= 0 else -1, part, kind))
    return np.array(found, dtype=np.int32)


def _nodes(tree: Tree) -> Iterable[tuple[int, str, str]]:
    above: Sequence[int] = tree.above.tolist()
    return zip(above, tree.part, tree.kind, strict=True)


def _at(values: Ids, rows: NDArray[np.int32]) -> Ids:
    return np.append(values, np.int32(-1))[rows]

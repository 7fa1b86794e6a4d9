"""Finds a replay stream by stream in an eager run, where nothing tells the order of all its nodes.

Each stream does one thing after another, in a replay as in an eager run. The longest stream is
looked for first; those beside it must be what the eager run launched meanwhile on other streams.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.graphs.sequences import MOST, alike, occurrences
from resnext_bench.reports.trace.graphs.sources import GRAPH, Origins
from resnext_bench.reports.trace.reading.trace import Ids, Ns


@dataclass(frozen=True, kw_only=True, eq=False)
class Lane:
    """What an eager run launched on one stream, and where it launched graphs."""

    at: NDArray[np.intp]
    """Places in all that it launched."""
    name: Ids


def lanes(every: Origins) -> list[Lane]:
    """Return one for each stream of an eager run."""
    graph = every.name == GRAPH
    found = []
    for stream in np.unique(every.stream[~graph]).tolist():
        at = np.flatnonzero(graph | (every.stream == stream))
        found.append(Lane(at=at, name=every.name[at]))
    return found


def by_streams(
    name: Ids, stream: Ns, every: Origins, of: Sequence[Lane], fewest: int
) -> NDArray[np.intp] | None:
    """Return where an eager run launched each row of a replay; None where that is not certain.

    `name` and `stream` are those of the replay's rows, in the order of their times; `of`: the lanes
    of the run; `fewest`: rows by which the longest stream is recognised.
    """
    streams, counts = np.unique(stream, return_counts=True)
    parts = [np.flatnonzero(stream == one) for one in streams[np.argsort(-counts, kind="stable")]]
    main = name[parts[0]]
    if len(main) < fewest:
        return None
    places = [(lane, at) for lane in of for at in occurrences(main, lane.name)]
    if not places or len(places) > MOST:
        return None
    if not alike([every.what[lane.at[at : at + len(main)]] for lane, at in places]):
        return None
    lane, at = places[-1]
    found = np.full(len(name), -1, dtype=np.intp)
    found[parts[0]] = lane.at[at : at + len(main)]
    before = int(lane.at[at - 1]) if at else -1
    behind = int(lane.at[at + len(main)]) if at + len(main) < len(lane.at) else len(every)
    others = [one for one in of if one is not lane]
    for part in parts[1:]:
        there = _beside(name[part], others, before, behind)
        if there is None:
            return None
        found[part] = there
    return found if len(np.unique(found)) == len(found) else None


def _beside(name: Ids, of: Sequence[Lane], before: int, behind: int) -> NDArray[np.intp] | None:
    """Return the only place between two others where some lane has these rows."""
    places = []
    for lane in of:
        first, last = np.searchsorted(lane.at, [before + 1, behind])
        inner = lane.at[first:last]
        places += [inner[at : at + len(name)] for at in occurrences(name, lane.name[first:last])]
    return places[0] if len(places) == 1 else None

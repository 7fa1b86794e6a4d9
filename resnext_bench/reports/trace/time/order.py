"""Work that did not run in the order of its launches: a stream keeps it, so a time is wrong.

One kernel that seems to begin seconds late would end its step there, and hide all that come next.
Where one call had returned before another began, their work has to begin in that order. Of two
rows that do not, the one that disagrees with more of the others is wrong. Kernels of graphs, which
share a launch, and streams that are out of order all the time are left alone.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.trace import Host, Ids, Ns, Trace
from resnext_bench.reports.trace.time.links import Links

_APART: Final = 1_000_000
"""ns, by which work has to be out of order."""
_APART_ON_ROCM: Final = 1_000_000_000
"""ns; its traces may give work of several streams one number, some of which waits for other."""
_MOST: Final = 100
"""One of so many rows of a stream may be wrong, and one of fewer."""


def out_of_order(trace: Trace, links: Links) -> Ns:
    """Return by how much each row of the device is too late or too early, ns; 0: it may be."""
    device = trace.device
    found = np.zeros(len(device), dtype=np.int64)
    alone = np.flatnonzero(_alone(links.launch, len(trace.host)))
    stream = device.stream[alone]
    apart = _APART_ON_ROCM if is_rocm(trace) else _APART
    for number in np.unique(device.device[alone]):
        mine = device.device[alone] == number
        for one in np.unique(stream[mine]):
            rows = alone[mine & (stream == one)]
            found[rows] = _of_stream(trace.host, device.start[rows], links.launch[rows], apart)
    return found


def _alone(launch: Ids, calls: int) -> NDArray[np.bool_]:
    """Return which rows have a launch of their own."""
    count = np.bincount(launch[launch >= 0], minlength=calls)
    found: NDArray[np.bool_] = np.append(count == 1, False)[launch]
    return found


def is_rocm(trace: Trace) -> bool:
    """Return whether HIP launched the work."""
    return any(name.startswith("hip") for name in trace.names)


def _of_stream(host: Host, start: Ns, launch: Ids, apart: int) -> Ns:
    none = np.zeros(len(start), dtype=np.int64)
    called, returned = host.start[launch], host.end[launch]
    if (np.diff(called) >= 0).all():  # rows are in the order of their beginnings
        return none
    by_call, by_return = np.argsort(called, kind="stable"), np.argsort(returned, kind="stable")
    after = np.append(np.minimum.accumulate(start[by_call][::-1])[::-1], np.iinfo(np.int64).max)
    before = np.append(np.iinfo(np.int64).min // 2, np.maximum.accumulate(start[by_return]))
    late = start - after[np.searchsorted(called[by_call], returned)]
    early = before[np.searchsorted(returned[by_return], called, side="right")] - start
    by = min((late, early), key=lambda some: int((some > apart).sum()))
    wrong = by > apart
    if not 0 < wrong.sum() <= max(1, len(start) // _MOST):
        return none
    return np.where(wrong, by, 0)

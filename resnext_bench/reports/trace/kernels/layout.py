"""The layout tax: time of kernels that only turn NCHW into NHWC or back, and who pays it."""

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace import Layout, LayoutRow
from resnext_bench.reports.trace.kernels.calls import Calls
from resnext_bench.reports.trace.kernels.device_work import Work
from resnext_bench.reports.trace.kernels.tables import share
from resnext_bench.reports.trace.names.classes import Class
from resnext_bench.reports.trace.names.convs import label
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Trace
from resnext_bench.reports.trace.time.links import LAYER, Links, matching, of_names
from resnext_bench.reports.trace.time.nest import inherited


def layers(trace: Trace, links: Links, row: Ids) -> Ids:
    """Layers that these rows of the host are in, as indices into the trace's names; -1: not told.

    A backward operator belongs to the layer whose forward has its autograd sequence number.
    """
    host = trace.host
    marked = of_names(trace.names, lambda name: 1 if LAYER.match(name) else None)[host.name] > 0
    own = np.where(marked & (host.kind == Kind.ANNOTATION), host.name, np.int32(-1))
    layer = inherited(own, links.parent)
    forward = np.flatnonzero((layer >= 0) & (host.sequence >= 0))
    if len(forward):
        layer = _with_backward(trace, links, layer, forward)
    return np.append(layer, np.int32(-1))[row]


def _with_backward(trace: Trace, links: Links, layer: Ids, forward: NDArray[np.intp]) -> Ids:
    host = trace.host
    forward = forward[np.lexsort((-host.start[forward], host.sequence[forward]))]
    made_by = matching(host.sequence[forward], forward, host.sequence)
    own = np.where(layer >= 0, layer, np.append(layer, np.int32(-1))[made_by])
    return inherited(own.astype(np.int32), links.parent)


def layout(trace: Trace, work: Work, calls: Calls, layer: Ids, step_ns: int) -> Layout:
    """Sums, and a row for each payer, most first."""
    mine = work.of(Class.LAYOUT)
    total = int(work.duration[mine].sum())
    computes = ~(work.of(Class.COMMUNICATION) | work.transfer)
    payers: dict[str, tuple[int, int]] = {}
    for row in np.flatnonzero(mine):
        payer = _payer(trace, work, calls, layer, int(row))
        count, time = payers.get(payer, (0, 0))
        payers[payer] = count + 1, time + int(work.duration[row])
    rows = [
        LayoutRow(payer=payer, count=count, total_ns=time, share=share(time, step_ns))
        for payer, (count, time) in payers.items()
    ]
    return Layout(
        total_ns=total,
        share_of_step=share(total, step_ns),
        share_of_compute=share(total, int(work.duration[computes].sum())),
        rows=sorted(rows, key=lambda one: (-one.total_ns, one.payer)),
    )


def _payer(trace: Trace, work: Work, calls: Calls, layer: Ids, row: int) -> str:
    if layer[row] >= 0:
        match = LAYER.match(trace.names[layer[row]])
        assert match
        return match[1]
    if calls.conv[row] >= 0:
        return label(trace.convs[calls.conv[row]])
    operator = work.row[row]
    return trace.names[trace.host.name[operator]] if operator >= 0 else "no operator in the trace"

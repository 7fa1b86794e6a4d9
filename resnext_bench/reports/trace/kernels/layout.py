"""The layout tax: time of kernels that only turn NCHW into NHWC or back, and who pays it."""

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace import Layout, LayoutRow
from resnext_bench.reports.trace.kernels.calls import Calls
from resnext_bench.reports.trace.kernels.device_work import Work
from resnext_bench.reports.trace.kernels.tables import grouped, share
from resnext_bench.reports.trace.names.classes import Class
from resnext_bench.reports.trace.names.convs import label
from resnext_bench.reports.trace.reading.trace import Ids, Trace

Names = NDArray[np.object_]


def layout(trace: Trace, work: Work, calls: Calls, layer: Names, step_ns: int) -> Layout:
    """Sums, and a row for each payer, most first; `layer`: of each row of work, "" for none."""
    mine = np.flatnonzero(work.of(Class.LAYOUT))
    total = int(work.duration[mine].sum())
    computes = ~(work.of(Class.COMMUNICATION) | work.transfer)
    payers: dict[str, tuple[int, int]] = {}
    for rows in grouped(_alike(layer[mine], calls.conv[mine], work.row[mine], trace)):
        payer = _payer(trace, work, calls, layer, int(mine[rows[0]]))
        count, time = payers.get(payer, (0, 0))
        payers[payer] = count + len(rows), time + int(work.duration[mine[rows]].sum())
    rows_of = [
        LayoutRow(payer=payer, count=count, total_ns=time, share=share(time, step_ns))
        for payer, (count, time) in payers.items()
    ]
    return Layout(
        total_ns=total,
        share_of_step=share(total, step_ns),
        share_of_compute=share(total, int(work.duration[computes].sum())),
        rows=sorted(rows_of, key=lambda one: (-one.total_ns, one.payer)),
    )


def _alike(layer: Names, conv: Ids, row: Ids, trace: Trace) -> NDArray[np.int64]:
    """Return a number for each row, the same for those that have the same payer."""
    name = np.append(trace.host.name, np.int32(-1))[row]
    _, at = np.unique(layer, return_inverse=True)
    key = np.stack([at.reshape(-1), conv, name], axis=1)
    _, which = np.unique(key, axis=0, return_inverse=True)
    return which.reshape(-1)


def _payer(trace: Trace, work: Work, calls: Calls, layer: Names, row: int) -> str:
    if layer[row]:
        return str(layer[row])
    if calls.conv[row] >= 0:
        return label(trace.convs[calls.conv[row]])
    operator = work.row[row]
    return trace.names[trace.host.name[operator]] if operator >= 0 else "no operator in the trace"

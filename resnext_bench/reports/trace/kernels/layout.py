"""The layout tax: time of kernels that only turn NCHW into NHWC or back, and who pays it."""

from collections.abc import Sequence

import numpy as np

from resnext_bench.reports.schema.trace import Layout, LayoutRow
from resnext_bench.reports.trace.kernels.calls import Calls
from resnext_bench.reports.trace.kernels.device_work import Work
from resnext_bench.reports.trace.kernels.tables import share
from resnext_bench.reports.trace.names.classes import Class
from resnext_bench.reports.trace.names.convs import label
from resnext_bench.reports.trace.reading.trace import Trace


def layout(
    trace: Trace, work: Work, calls: Calls, layer: Sequence[str], step_ns: int
) -> Layout:
    """Sums, and a row for each payer, most first; `layer`: of each row of work, "" for none."""
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


def _payer(trace: Trace, work: Work, calls: Calls, layer: Sequence[str], row: int) -> str:
    if layer[row]:
        return layer[row]
    if calls.conv[row] >= 0:
        return label(trace.convs[calls.conv[row]])
    operator = work.row[row]
    return trace.names[trace.host.name[operator]] if operator >= 0 else "launch not in the trace"

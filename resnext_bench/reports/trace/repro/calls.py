"""The calls of a trace that are worth a script: operators by the time of their own kernels.

Those of the used steps, an operator with the same arguments being one call made several times. A
convolution counts as a whole, as it does in the table of convolutions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_repro import ReproCall, ReproCalls
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.header import device_name, distributed_info, whole_number
from resnext_bench.reports.trace.kernels.calls import conv_calls
from resnext_bench.reports.trace.kernels.device_work import CLASSES
from resnext_bench.reports.trace.kernels.tables import grouped, share
from resnext_bench.reports.trace.names.arguments import Arguments
from resnext_bench.reports.trace.names.classes import Class
from resnext_bench.reports.trace.reading.details import DetailedHost
from resnext_bench.reports.trace.reading.trace import Ids, Ns
from resnext_bench.reports.trace.repro.given import Given, Recorded
from resnext_bench.reports.trace.repro.resolve import Hints, Refused, Resolved, resolve
from resnext_bench.reports.trace.repro.script import Told
from resnext_bench.reports.trace.repro.signatures import Signatures
from resnext_bench.reports.trace.time.links import Pass

_PASSES: Final = ("", *(one.name.lower() for one in Pass))
_NHWC: Final = re.compile(r"nhwc", re.IGNORECASE)
_FROM_HOST: Final = re.compile(r"Memcpy HtoD|CopyHostToDevice")
_TO_HOST: Final = re.compile(r"Memcpy DtoH|CopyDeviceToHost")
_SHOWN: Final = 4
"""Tensors of a call whose sizes are told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A call, and what a script can be made of."""

    row: ReproCall
    call: Resolved | Refused
    told: Told


def calls_of(analysis: Analysis, signatures: Signatures) -> list[Found]:
    """Return all of them, most time first; a trace is to be read with details."""
    host, work = analysis.trace.host, analysis.work
    assert isinstance(host, DetailedHost)
    row = _rows(analysis)
    mine = np.flatnonzero(row >= 0)
    if not mine.size:
        return []
    columns = (host.name, host.dims, host.strides, host.types, host.inputs)
    _, which = np.unique(np.stack([one[row[mine]] for one in columns]), axis=1, return_inverse=True)
    total = np.bincount(which.reshape(-1), weights=work.duration[mine]).astype(np.int64)
    groups = [
        _Group(work=mine[rows], rows=np.unique(row[mine[rows]]), total_ns=int(total[number]))
        for number, rows in enumerate(grouped(which.reshape(-1)))
    ]
    # Calls of equal time have the same numbers each time that the file is read.
    groups.sort(key=lambda one: (-one.total_ns, _texts(analysis, one.row)))
    whole = _whole(analysis)
    return [
        _found(analysis, number, one, whole, signatures) for number, one in enumerate(groups, 1)
    ]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Group:
    """Calls of one operator with the same arguments."""

    work: NDArray[np.intp]
    """Rows of the work that they launched themselves."""
    rows: Ids
    """Rows of the host that they are."""
    total_ns: int

    @property
    def row(self) -> int:
        """The first of them."""
        return int(self.rows[0])


def listed(analysis: Analysis, found: list[Found]) -> ReproCalls:
    """Return what is shown of them."""
    trace = analysis.trace
    rank = whole_number(distributed_info(trace.header).get("rank"))
    known = sum(one.row.total_ns for one in found)
    return ReproCalls(
        path=str(trace.path),
        rank=analysis.rank if rank is None else rank,
        device=_device(analysis),
        calls=[one.row for one in found],
        without_ns=int(analysis.work.duration.sum()) - known,
    )


def _device(analysis: Analysis) -> str:
    if analysis.device is None:
        return ""
    return device_name(analysis.trace, analysis.device) or "a GPU"


def _rows(analysis: Analysis) -> Ids:
    """Return the row of the host that each row of work is a call of; -1: of none."""
    calls = conv_calls(analysis.trace, analysis.links, analysis.work).row
    return np.where(calls >= 0, calls, analysis.work.row).astype(np.int32)


def _whole(analysis: Analysis) -> Ns:
    """Return of each row of the host the time of all that it launched, operators inside included.

    On a CPU its duration.
    """
    host, parent = analysis.trace.host, analysis.links.parent
    if analysis.device is None:
        return host.duration
    found = np.zeros(len(host), dtype=np.int64)
    above, ns = analysis.work.row.copy(), analysis.work.duration
    open_ = np.flatnonzero(above >= 0)
    while open_.size:
        np.add.at(found, above[open_], ns[open_])
        above[open_] = parent[above[open_]]
        open_ = open_[above[open_] >= 0]
    return found


def _texts(analysis: Analysis, row: int) -> tuple[str, str, str, str, str]:
    """Return an operator's name, and its sizes, strides, types and inputs as JSON."""
    trace, host = analysis.trace, analysis.trace.host
    assert isinstance(host, DetailedHost)

    def text(numbers: Ids) -> str:
        return "" if numbers[row] < 0 else trace.texts[numbers[row]]

    name = trace.names[host.name[row]]
    return name, text(host.dims), text(host.strides), text(host.types), text(host.inputs)


def _found(
    analysis: Analysis, number: int, group: _Group, whole: Ns, signatures: Signatures
) -> Found:
    name, dims, strides, types, inputs = _texts(analysis, group.row)
    raw = (dims.encode(), strides.encode(), types.encode(), inputs.encode())
    given = Given(Arguments.read(raw))
    kernel = "" if analysis.device is None else _kernel(analysis, group.work)
    call = resolve(name, given, signatures, _hints(analysis, group.work, kernel))
    places = analysis.places.short(analysis.places.of(group.rows))
    modules = list(dict.fromkeys(str(one) for one in places if one))
    told = Told(
        module=next(iter(modules), ""),
        device=_device(analysis),
        median_ns=float(np.median(whole[group.rows])),
        calls=len(group.rows),
    )
    shown = ReproCall(
        number=number,
        operator=name,
        shapes=_shapes(given),
        types=" ".join(_types(call)),
        module=told.module,
        modules=len(modules),
        which=_PASSES[int(analysis.links.passes[group.row]) + 1],
        kernel=kernel,
        calls=told.calls,
        total_ns=group.total_ns,
        share=share(group.total_ns, int(analysis.work.duration.sum())),
        median_ns=told.median_ns,
        overload=call.schema.overload if isinstance(call, Resolved) else "",
        missing=[one.parameter.name for one in call.missing] if isinstance(call, Resolved) else [],
        refused=call.why.value if isinstance(call, Refused) else None,
        detail=call.detail if isinstance(call, Refused) else "",
    )
    return Found(row=shown, call=call, told=told)


def _kernel(analysis: Analysis, rows: NDArray[np.intp]) -> str:
    """Return the kernel that took most of the time of this work."""
    names, which = np.unique(analysis.work.name[rows], return_inverse=True)
    total = np.bincount(which.reshape(-1), weights=analysis.work.duration[rows])
    return analysis.trace.names[int(names[total.argmax()])]


def _hints(analysis: Analysis, rows: NDArray[np.intp], kernel: str) -> Hints:
    """Return what kernels say: NHWC only where no transform into it is among them."""
    layout = CLASSES.index(Class.LAYOUT)
    turned = bool((analysis.work.cls[rows] == layout).any())
    return Hints(
        is_nhwc=bool(_NHWC.search(kernel)) and not turned,
        from_host=bool(_FROM_HOST.search(kernel)),
        to_host=bool(_TO_HOST.search(kernel)),
    )


def _shapes(given: Given) -> str:
    """Return the sizes of the first tensors of a call."""
    return ", ".join(_several(list(_sizes(given))))


def _several(told: list[str]) -> list[str]:
    return told if len(told) <= _SHOWN else [*told[: _SHOWN - 1], f"+{len(told) - _SHOWN + 1}"]


def _sizes(given: Given) -> Iterator[str]:
    for place in range(len(given)):
        if given.kind(place) is Recorded.TENSOR and (found := given.tensor(place)) is not None:
            yield "x".join(map(str, found[0].size)) or "scalar"
        elif (several := given.tensors(place, "")) is not None:
            yield f"[{len(several[0])}]"


def _types(call: Resolved | Refused) -> list[str]:
    tensors = call.tensors if isinstance(call, Resolved) else ()
    return list(dict.fromkeys(one.dtype for one in tensors))

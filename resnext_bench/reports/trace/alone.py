"""Whether a device worked whose work the trace does not hold: then it is no trace of a CPU.

The profiler records what the host calls without any permission, and what the device does only with
it. A trace of launches without kernels looks like one of a CPU that was busy, and so does one whose
device rows are in words that are not known here.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_files import Evidence, HostAlone
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.trace.header import distributed_info
from resnext_bench.reports.trace.reading.trace import Kind, Trace
from resnext_bench.reports.trace.reading.unread import Unread
from resnext_bench.reports.trace.time.links import of_names

_LAUNCH: Final = re.compile(
    r"\w*launch(?!\w*(hostfunc|callback))|\w*(invoke|enqueue|submit)(kernel|tohardware)",
    re.IGNORECASE,
)
_COPY: Final = re.compile(r"(cuda|hip|cu|musa|cn|tops|aclrt)_?Mem(cpy|set)\w*")
_BEGIN: Final = re.compile(r"\w*StreamBeginCapture")
_END: Final = re.compile(r"\w*StreamEndCapture")
_BACKENDS: Final = ("nccl", "rccl", "xccl", "hccl", "cncl", "mccl", "eccl", "flagcx")
"""Of torch.distributed, those that only move data of devices."""
_ANNOTATION: Final = re.compile(rf"({'|'.join(_BACKENDS)}):\w")
_OPERATOR: Final = re.compile(
    r"aten::(_?cudnn_(?!is_acceptable)|_?miopen_|_?mps_|_flash_attention|_efficient_attention|"
    r"_scaled_dot_product_(flash|efficient|cudnn)_attention(?!_for_cpu))"
)
"""Operators that only devices have; those of CPUs have names of their own. Whether cuDNN would take
a recurrent layer is asked on CPUs, too."""
_ERROR: Final = re.compile(r"\b(?:CUPTI|ROCTRACER|ROCPROFILER)_(?:STATUS_)?ERROR_\w+")
_RUNTIME: Final = re.compile(r"(?!cuda|hip|cu_)[a-z0-9]+_(runtime|driver)$|hpu_op$")
"""Categories of calls that only a program with such a device makes; those of CUDA and HIP are made
by programs on a CPU, too, as PyTorch asks them for devices."""
_CALLS: Final = ("launches", "copies")


def signs_of_device(trace: Trace) -> tuple[Evidence, ...]:
    """Return what shows that a device worked, of a whole trace that has no kernel; else nothing."""
    if (trace.device.kind == Kind.KERNEL).any():
        return ()
    return tuple(one for one in _evidence(trace) if one.count)


def host_alone(
    trace: Trace, found: Sequence[Evidence], name: str, host_step_ns: list[int]
) -> HostAlone | None:
    """Return why a report is on the host alone; None where nothing shows that a device worked.

    `name`: the device, as far as it is known.
    """
    if not found:
        return None
    return HostAlone(
        accelerator=name,
        evidence=list(found),
        is_certain=any(_is_certain(one) for one in found),
        host_step_ns=host_step_ns,
        errors=_errors(trace.header),
    )


def _is_certain(one: Evidence) -> bool:
    """Return whether it shows that work is missing; one call alone may have run after the trace."""
    return one.kind == "rows" or (one.kind in _CALLS and one.count > 1)


def unknown_rows(trace: Trace, alone: HostAlone | None = None) -> Iterator[Note]:
    """Yield what is left out as it is not understood, unless a report on the host alone says it."""
    rows = [one for one in trace.unread if not (alone and one.of_device)]
    for of_device in (True, False):
        mine = [one for one in rows if one.of_device == of_device]
        if mine:
            yield warning(
                "rows_unknown",
                of_device=of_device,
                rows=sum(one.count for one in mine),
                names=tuple(_names(mine)),
            )


def _evidence(trace: Trace) -> Iterator[Evidence]:
    host, calls = trace.host, trace.host.kind == Kind.LAUNCH
    launches = _named(trace, _LAUNCH) & calls & ~_captured(trace)
    yield _calls(trace, "launches", launches)
    if not trace.on_device:
        yield _calls(trace, "copies", _named(trace, _COPY) & calls)
    rows = [one for one in trace.unread if one.of_device]
    yield Evidence(
        kind="rows",
        what=_names(rows),
        count=sum(one.count for one in rows),
        duration_ns=sum(one.duration_ns for one in rows),
    )
    if trace.on_device:
        return
    runtimes = {one: many for one, many in trace.categories.items() if _RUNTIME.match(one.lower())}
    yield Evidence(kind="calls", what=list(runtimes), count=sum(runtimes.values()), duration_ns=0)
    backend = _backend(trace.header)
    yield Evidence(kind="backend", what=[backend], count=int(bool(backend)), duration_ns=0)
    yield _calls(trace, "annotations", _named(trace, _ANNOTATION) & ~calls)
    yield _calls(trace, "operators", _named(trace, _OPERATOR) & (host.kind == Kind.OPERATOR))


def _named(trace: Trace, pattern: re.Pattern[str]) -> NDArray[np.bool_]:
    """Return whether each row of the host has a name that begins so."""
    matches = of_names(trace.names, lambda name: 1 if pattern.match(name) else None)
    return matches[trace.host.name] > 0


def _calls(trace: Trace, kind: Any, which: NDArray[np.bool_]) -> Evidence:
    """Count calls; one of the runtime and the driver's below it share a number, and are one."""
    rows = np.flatnonzero(which)
    key = trace.host.key[rows]
    if kind in _CALLS:
        _, first = np.unique(np.where(key > 0, key, -1 - np.arange(len(key))), return_index=True)
        rows = rows[first]
    names = Counter(trace.names[at] for at in trace.host.name[rows].tolist())
    what = [name for name, _ in names.most_common(8)]
    return Evidence(kind=kind, what=what, count=len(rows), duration_ns=0)


def _captured(trace: Trace) -> NDArray[np.bool_]:
    """Return whether a graph was being captured when each row began: nothing is launched then."""
    start = trace.host.start
    begun, ended = (np.sort(start[_named(trace, one)]) for one in (_BEGIN, _END))
    before = np.searchsorted(begun, start, side="right")
    return before > np.searchsorted(ended, start, side="right")


def _backend(header: Mapping[str, Any]) -> str:
    told = str(distributed_info(header).get("backend", "")).lower()
    return told if told in _BACKENDS else ""


def _names(rows: list[Unread]) -> list[str]:
    """Return what rows are called: their category, else their process."""
    told = [
        f"category {one.category}" if one.category else f"process '{one.process}'" for one in rows
    ]
    return list(dict.fromkeys(one if one != "process ''" else "no category" for one in told))


def _errors(header: Mapping[str, Any]) -> list[str]:
    """Return the codes of errors that the profiler itself wrote into the trace."""
    lines = [
        line
        for told in header.values()
        for line in (told if isinstance(told, list) else [told])
        if isinstance(line, str)
    ]
    return list(dict.fromkeys(code for line in lines for code in _ERROR.findall(line)))

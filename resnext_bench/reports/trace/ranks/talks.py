"""The collectives of one rank: when, in which step, of which process group, how many bytes.

On a device they are communication kernels, and what they move is told by the kernel itself (since
PyTorch 2.4), by the operator that records it (`record_param_comms`), or by the span of its process
group (`nccl:all_reduce`) with the shapes of what it was given. On a CPU they are the spans of gloo,
which begin when they are queued.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_ranks import CollectiveKind
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.names.collectives import (
    bytes_of_element,
    kind_of,
    message_elements,
)
from resnext_bench.reports.trace.names.communication import is_span
from resnext_bench.reports.trace.reading.details import DetailedDevice, DetailedHost
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Trace
from resnext_bench.reports.trace.time.identity import communication
from resnext_bench.reports.trace.time.intervals import Ns
from resnext_bench.reports.trace.time.links import of_names
from resnext_bench.reports.trace.time.nest import nearest

_NO_MESSAGE: Final[tuple[None, ...]] = (None,) * 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What a collective does, and for whom; equal on all ranks of its group, but for sizes."""

    kind: CollectiveKind
    name: str
    """Of the kernel, or of the span."""
    group: str
    """Name of the process group; empty where it is not recorded."""
    told: str = ""
    """What the program calls the group, such as `tp`."""
    members: tuple[int, ...] = ()
    """Ranks of the group, as far as they are recorded: of large groups they are cut."""
    size: int = 0
    """How many they are; 0 where it is not recorded."""
    bytes: int | None = None
    """None where it is not recorded."""


_SHARES: Final[frozenset[CollectiveKind]] = frozenset({"all-gather", "gather"})
"""What puts together shares: a span without a recorded message tells that of one rank alone."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Talks:
    """Collectives of the used steps in the order in which they began, as columns."""

    step: NDArray[np.int64]
    """Number of the step of each."""
    start: Ns
    """Since the epoch where the trace tells, ns; on a CPU when it was queued."""
    end: Ns
    message: Ids
    """Index into `messages`."""
    messages: tuple[Message, ...]


def talks(analysis: Analysis) -> Talks:
    """Return all collectives of the used steps; the trace should be read with details."""
    return _on_host(analysis) if analysis.device is None else _on_device(analysis)


def _on_device(analysis: Analysis) -> Talks:
    trace, steps = analysis.trace, analysis.steps
    device = trace.device
    mine = np.append(steps.used, False)[steps.of_device] & communication(trace)[device.name]
    mine &= (device.kind == Kind.KERNEL) & (device.device == analysis.device)
    rows = np.flatnonzero(mine)
    launch = analysis.links.launch[rows]
    spans = _spans(trace)
    around = np.where(spans, np.arange(len(trace.host), dtype=np.int32), np.int32(-1))
    span = nearest(around, analysis.links.parent, launch)
    told = _told(analysis, rows, launch)
    names = [trace.names[one] for one in device.name[rows]]
    return _collected(
        trace,
        steps.of_device[rows],
        analysis,
        device.start[rows],
        device.end[rows],
        (names, told, span),
    )


def _on_host(analysis: Analysis) -> Talks:
    trace, steps = analysis.trace, analysis.steps
    host = trace.host
    rows = np.flatnonzero(_spans(trace) & np.append(steps.used, False)[steps.of_host])
    rows = rows[np.argsort(host.start[rows], kind="stable")]
    told = np.full(len(rows), -1, dtype=np.int32)
    names = [trace.names[one] for one in host.name[rows]]
    return _collected(
        trace,
        steps.of_host[rows],
        analysis,
        host.start[rows],
        host.end[rows],
        (names, told, rows.astype(np.int32)),
    )


def _spans(trace: Trace) -> NDArray[np.bool_]:
    """Return which rows of the host are a process group's own record of a collective."""
    named = of_names(trace.names, lambda name: 1 if is_span(name) else None) > 0
    spans: NDArray[np.bool_] = named[trace.host.name] & (trace.host.kind == Kind.ANNOTATION)
    return spans


def _told(analysis: Analysis, rows: NDArray[np.intp], launch: Ids) -> Ids:
    """Return what each kernel, or else the operator around its launch, says of its message."""
    trace, none = analysis.trace, np.full(len(rows), -1, dtype=np.int32)
    own, around = none, none
    if isinstance(trace.device, DetailedDevice):
        own = trace.device.message[rows]
    if isinstance(trace.host, DetailedHost):
        around = nearest(trace.host.message, analysis.links.parent, launch)
    return np.where(own >= 0, own, around).astype(np.int32)


def _collected(
    trace: Trace,
    step: Ids,
    analysis: Analysis,
    start: Ns,
    end: Ns,
    what: tuple[Sequence[str], Ids, Ids],
) -> Talks:
    """Put the columns together; `what`: names, texts of messages, spans around."""
    distinct: dict[Message, int] = {}
    found = [distinct.setdefault(one, len(distinct)) for one in _messages(trace, *what)]
    numbers = np.array(analysis.steps.numbers, dtype=np.int64)
    return Talks(
        step=numbers[step],
        start=start + trace.origin_ns,
        end=end + trace.origin_ns,
        message=np.array(found, dtype=np.int32),
        messages=tuple(distinct),
    )


def _messages(trace: Trace, names: Sequence[str], told: Ids, span: Ids) -> Iterator[Message]:
    """Yield the message of each; what is recorded alike is read once."""
    known: dict[tuple[str, int, str, str, str], Message] = {}
    host = trace.host if isinstance(trace.host, DetailedHost) else None
    for name, text, row in zip(names, told.tolist(), span.tolist(), strict=True):
        called = trace.names[trace.host.name[row]] if row >= 0 else ""
        dims, types = ("", "")
        if host is not None and row >= 0:
            dims, types = (_text(trace, int(column[row])) for column in (host.dims, host.types))
        key = (name, text, called, dims, types)
        if key not in known:
            known[key] = _message(name, _text(trace, text), called, dims, types)
        yield known[key]


def _text(trace: Trace, at: int) -> str:
    return trace.texts[at] if at >= 0 else ""


def _message(name: str, told: str, span: str, dims: str, types: str) -> Message:
    collective, sent, received, dtype, group, called, members, size = _fields(told)
    kind = kind_of(str(collective or span or name))
    if kind == "other":
        kind = kind_of(name)
    return Message(
        kind=kind,
        name=name,
        group=str(group or ""),
        told=str(called or ""),
        members=_ranks(members),
        size=size if isinstance(size, int) else 0,
        bytes=_bytes(kind, sent, received, dtype)
        or (None if kind in _SHARES else _bytes_of_tensors(dims, types)),
    )


def _fields(told: str) -> Sequence[Any]:
    found = _decoded(told)
    return found if isinstance(found, list) and len(found) == len(_NO_MESSAGE) else _NO_MESSAGE


def _decoded(told: str) -> object:
    try:
        found: object = msgspec.json.decode(told)
    except msgspec.DecodeError:
        return None
    return found


def _ranks(members: object) -> tuple[int, ...]:
    """Return the ranks of a text such as "[0, 1]"; none where it is cut, as of large groups."""
    found = _decoded(members) if isinstance(members, str) else members
    return tuple(one for one in found if isinstance(one, int)) if isinstance(found, list) else ()


def _bytes(kind: CollectiveKind, sent: object, received: object, dtype: object) -> int | None:
    if not isinstance(sent, int) or not isinstance(received, int) or not isinstance(dtype, str):
        return None
    each = bytes_of_element(dtype)
    return None if each is None else each * message_elements(kind, sent, received)


def _bytes_of_tensors(dims: str, types: str) -> int | None:
    """Return the bytes of the tensors that a span was given; None where it records none."""
    sizes, kinds = _decoded(dims), _decoded(types)
    if not isinstance(sizes, list) or not isinstance(kinds, list) or not sizes:
        return None
    total = 0
    for size, kind in zip(sizes, kinds, strict=False):
        each = bytes_of_element(kind) if isinstance(kind, str) else None
        whole = isinstance(size, list) and all(isinstance(one, int) for one in size)
        if each is None or not whole or not size:
            return None
        total += each * prod(size)
    return total

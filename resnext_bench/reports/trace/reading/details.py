"""What only questions ask for: shapes and types of operators, sizes of kernels.

A report does without, so that its columns stay few. Each distinct text is kept once; the columns
hold its number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from resnext_bench.reports.trace.reading.events import Args, DetailedArgs, Event
from resnext_bench.reports.trace.reading.trace import Device, Host, Ids

HOST_TEXTS: Final = ("dims", "strides", "types", "inputs")
DEVICE_TEXTS: Final = ("grid", "block")
DEVICE_NUMBERS: Final = ("registers", "shared")
MESSAGE: Final = (
    *("collective", "sent", "received", "dtype"),
    *("group", "group_told", "members", "group_size"),
)
"""What the profiler records of a collective, in the order of the array that is kept of it."""
_NULL: Final = b"null"


@dataclass(frozen=True, kw_only=True)
class DetailedHost(Host):
    """Rows of the host with the arguments of operators, each an index into `Trace.texts`."""

    dims: Ids
    """`Input Dims`; -1: not recorded."""
    strides: Ids
    types: Ids
    inputs: Ids
    """`Concrete Inputs`: values of those arguments that are no tensors."""
    message: Ids
    """Of a collective an array of `MESSAGE`, likewise an index into `Trace.texts`; -1: none."""


@dataclass(frozen=True, kw_only=True)
class DetailedDevice(Device):
    """Rows of the device with how a kernel was launched."""

    grid: Ids
    """Index into `Trace.texts`; -1: not recorded."""
    block: Ids
    registers: Ids
    """Of each thread; -1: not recorded."""
    shared: Ids
    """Bytes of shared memory of each block; -1: not recorded."""
    message: Ids
    """As of rows of the host."""


def numbered(group: Sequence[Event], name: str, numbers: dict[bytes, int]) -> list[int]:
    """Return the number of each row's text of this name; -1 where it has none."""
    raws = [bytes(getattr(event.args, name)) for event in group]
    return [numbers[raw] if raw and raw != _NULL else -1 for raw in raws]


def messages(group: Sequence[Event], numbers: dict[bytes, int]) -> list[int]:
    """Return the number of what each row says of a collective; -1 where it is none."""
    return [_message(event.args, numbers) for event in group]


def _message(args: Args, numbers: dict[bytes, int]) -> int:
    if not isinstance(args, DetailedArgs) or not bytes(args.collective):
        return -1
    told = (bytes(getattr(args, name)) or _NULL for name in MESSAGE)
    return numbers[b"[" + b",".join(told) + b"]"]


def whole_numbers(group: Sequence[Event], name: str) -> list[int]:
    """Return the number that each row itself gives; -1 where it gives none."""
    raws = [bytes(getattr(event.args, name)) for event in group]
    return [int(raw) if raw.isdigit() else -1 for raw in raws]


def texts(raws: Iterable[bytes]) -> tuple[str, ...]:
    """Return each distinct text as JSON without spaces, however the trace was indented."""
    return tuple(_plain(raw) for raw in raws)


def _plain(raw: bytes) -> str:
    try:
        return msgspec.json.encode(msgspec.json.decode(raw)).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw.decode("utf-8", "replace")

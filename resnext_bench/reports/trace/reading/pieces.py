"""Cut a trace file between its events while it streams by, whatever its indentation.

A piece ends before the last `}, {"ph"` (or another first key of an event) that has come. A piece
that does not decode so is read event by event: that finds where the array ends, takes rows as odd
as `NaN`, and tells the byte at which a file is broken. Only what is between two cuts is in memory.
"""

import json
import math
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import msgspec

from resnext_bench.reports.trace.reading.events import DECODERS, LAX, RAW, Event
from resnext_bench.reports.trace.reading.packed import NEEDED, packed

_ARRAY: Final = re.compile(rb'"traceEvents"\s*:\s*\[')
_BARE: Final = re.compile(rb"\s*\[")
_FIRST_KEY: Final = re.compile(rb'\s*\{\s*"(\w{1,20})"')
_SPACE: Final = re.compile(rb"[\s,]*")
_BOM: Final = b"\xef\xbb\xbf"
_TAIL: Final = 1 << 16
"""Where a cut is looked for first, from the end: an event is shorter."""
_EVENT_SIZE: Final = 1 << 12
"""Bytes; most events are shorter."""
_LARGEST: Final = 16 << 20
"""Bytes; nothing as large as this is one event."""
_LARGEST_HEADER: Final = 64 << 20
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError)
_SCANNER: Final = json.JSONDecoder()


@dataclass(kw_only=True)
class Account:
    """What a file turned out to be; filled while its pieces are read."""

    row: type[Event] = Event
    """What its rows are read as."""
    header: dict[str, Any] = field(default_factory=dict)
    """All fields beside the events, from before and behind them."""
    found: bool = False
    """Whether an array of events began."""
    closed: bool = False
    """Whether it ended."""
    unread: int = 0
    """Things in the array that are no events, and events that cannot be read."""
    first_unread: int | None = None
    """Byte at which the first of them begins, of the decompressed file."""
    broken_end: bool = False
    """Whether what stands behind the array cannot be read."""
    size: int = 0
    """Bytes of the decompressed file."""
    instead: str = ""
    """What it is instead of a trace, and what to do, where its first bytes say so."""
    other: bool = False
    """Whether it is whole JSON, and none of it an array of events."""
    piece: bytes = b""
    """The piece that was read last, in brackets: `again` reads it as something else."""


class _Cutter:
    """Where a piece may end: between `}` and the `{` of an event that begins with a usual key."""

    def __init__(self, first: bytes) -> None:
        keys = {b"ph", b"name", b"cat", b"pid", b"ts"}
        if match := _FIRST_KEY.match(first):
            keys.add(match[1])
        self._between = re.compile(rb'\}\s*,\s*(?=\{\s*"(?:' + b"|".join(sorted(keys)) + rb')")')

    def last(self, buffer: bytes) -> tuple[int, int] | None:
        """End of the last whole event that another follows, and where that one begins."""
        for reach in (_TAIL, len(buffer)):
            for found in deque(self._between.finditer(buffer, max(0, len(buffer) - reach)), 1):
                return found.start() + 1, found.end()
        return None


def pieces(chunks: Iterable[bytes], account: Account) -> Iterator[Sequence[Event]]:
    """The events of a file, some thousands at once; `account` is whole when they have ended."""
    stream = iter(chunks)
    buffer = _open(stream, account)
    if account.found:
        yield from _events(stream, buffer, account)
    elif buffer and not account.instead:
        account.other = _object(buffer) is not None


def _open(stream: Iterator[bytes], account: Account) -> bytes:
    """Read up to the first event; what follows of the chunk is returned."""
    buffer = b""
    for chunk in stream:
        account.size += len(chunk)
        buffer += chunk
        if len(buffer) == len(chunk):
            buffer = buffer.removeprefix(_BOM)
            account.instead = packed(buffer[:NEEDED])
            if account.instead:
                break
        if bare := _BARE.match(buffer):
            account.found = True
            return buffer[bare.end() :]
        for match in _ARRAY.finditer(buffer):
            if (header := _object(buffer[: match.end()] + b"]}")) is not None:
                header.pop("traceEvents")
                account.header, account.found = header, True
                return buffer[match.end() :]
        if len(buffer) > _LARGEST_HEADER:
            break
    return buffer


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(text)
    except (*_BROKEN, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _events(stream: Iterator[bytes], buffer: bytes, account: Account) -> Iterator[Sequence[Event]]:
    cutter, rest = _Cutter(buffer), b""
    for chunk in chain((buffer,), _counted(stream, account)):
        if account.closed:  # what stands behind the events is kept, as it is short
            rest = rest + chunk if len(rest) < _LARGEST_HEADER else rest
        elif cut := cutter.last(chunk):
            begin = account.size - len(chunk) - len(rest)
            # Joined at once: each further copy of a piece would cost a tenth of its decoding.
            array = b"".join((b"[", rest, memoryview(chunk)[: cut[0]], b"]"))
            account.piece = array
            events, left = _decode(array, account, begin)
            yield events
            rest = left + b"," * bool(left) + chunk[cut[1] :]
        else:
            rest += chunk
    if not account.closed:
        account.piece = b"[" + rest + b"]"
        events, rest = _scan(rest, account, account.size - len(rest), last=True)
        yield events
    _close(rest, account)


def again(piece: bytes, row: type[Event]) -> Sequence[Event]:
    """Return the events of a piece once more, with the fields of another kind of row."""
    return _decode(piece, Account(row=row), 0)[0]


def _counted(stream: Iterator[bytes], account: Account) -> Iterator[bytes]:
    for chunk in stream:
        account.size += len(chunk)
        yield chunk


def _decode(array: bytes, account: Account, begin: int) -> tuple[Sequence[Event], bytes]:
    """Return the events of a piece in brackets, which begins at a byte, and what is left over."""
    try:
        return DECODERS[account.row].decode(array), b""
    except (*_BROKEN, RecursionError):
        pass
    if (events := _loosely(array, account.row)) is not None:
        return events, b""
    return _scan(array[1:-1], account, begin, last=False)


def _loosely(array: bytes, row: type[Event]) -> list[Event] | None:
    """Return the events of a piece that is sound JSON with numbers as text and the like; else None.

    Ascend's tools write times as text, Gaudi's `null` for arguments: in all events, so that to
    read each by itself in Python would take ten times as long.
    """
    found = []
    try:
        for raw in RAW.decode(array):
            try:
                event: Event | None = LAX[row].decode(raw)
            except msgspec.ValidationError:
                event = _event(msgspec.json.decode(raw), row)
            if event is None:
                return None
            found.append(event)
    except (*_BROKEN, RecursionError):
        return None
    return found


def _scan(
    text: bytes, account: Account, offset: int, *, last: bool
) -> tuple[Sequence[Event], bytes]:
    """Event by event, with what is left over: the end of the file if the array ended."""
    found: list[Event] = []
    at = 0
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # matches nothing, too
        if text[at : at + 1] in (b"]", b""):
            account.closed = at < len(text)
            return found, text[at + 1 :]
        value, end = _value(text, at)
        if end is None:
            if not last and len(text) - at < _LARGEST:
                return found, text[at:]  # perhaps cut within an event: the next piece will tell
            end = _next_event(text, at + 1)
        event = _event(value, account.row)
        if event is None:
            account.unread += 1
            if account.first_unread is None:
                account.first_unread = offset + at
        else:
            found.append(event)
        at = end


def _value(text: bytes, at: int) -> tuple[Any, int | None]:
    """The JSON value that begins here, and where it ends; None if it does not."""
    reach = _EVENT_SIZE
    while True:
        part = text[at : at + reach].decode("latin-1")  # a character is a byte
        try:
            value, length = _SCANNER.raw_decode(part)
        except (ValueError, RecursionError):
            if at + reach >= len(text):
                return None, None
            reach *= 4
        else:
            return (value if part.isascii() else _text(part[:length])), at + length


def _text(part: str) -> Any:
    return _SCANNER.decode(part.encode("latin-1").decode("utf-8", "replace"))


_EVENT: Final = re.compile(rb'\}\s*,\s*(?=\{\s*")')


def _next_event(text: bytes, at: int) -> int:
    match = _EVENT.search(text, at)
    return match.end() if match else len(text)


def _event(value: Any, row: type[Event]) -> Event | None:
    """A row that is not quite as it should be, with all of it that can be used."""
    if not isinstance(value, dict):
        return None
    if not isinstance(value.get("args", {}), dict):
        value = {**value, "args": {}}
    try:
        return msgspec.convert(value, row, strict=False)
    except UnicodeEncodeError:  # half of a surrogate pair, which no text can hold
        return None
    except (msgspec.ValidationError, RecursionError):
        pass
    try:  # arguments that are kept as they are written can only be read from text
        return msgspec.json.decode(msgspec.json.encode(value), type=row, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError, OverflowError):
        return _without_args(value, row)


def _without_args(value: dict[str, Any], row: type[Event]) -> Event | None:
    number = {key: value[key] for key in ("ts", "dur") if isinstance(value.get(key), int | float)}
    text = {
        key: value[key].encode("utf-8", "replace").decode()
        for key in ("cat", "name")
        if isinstance(value.get(key), str)
    }
    if not number or not text:
        return None
    return row(
        cat=text.get("cat", ""),
        name=text.get("name", ""),
        ts=_float(number.get("ts")),
        dur=_float(number.get("dur")),
    )


def _float(value: int | float | None) -> float:
    """NaN for what is missing or no 64-bit number can hold."""
    try:
        return math.nan if value is None else float(value)
    except OverflowError:
        return math.nan


def _close(rest: bytes, account: Account) -> None:
    """Fields behind the events."""
    behind = rest.strip(b"\0 \t\r\n").removeprefix(b",")
    fields = {} if behind in (b"", b"}") else _object(b"{" + behind)
    account.broken_end = fields is None and account.closed
    account.header = {**account.header, **(fields or {})}

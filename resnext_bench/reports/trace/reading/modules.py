"""Which rows of a trace tell the module that ran, and what they say.

Python's profiler (`with_stack=True`) writes a row for each call of a module, among very many of
other functions. TorchScript's operators name their module themselves (`with_modules=True`), and
profilers before PyTorch 2 gave each operator the lines of Python that called it.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from resnext_bench.reports.trace.reading.events import Event
from resnext_bench.reports.trace.reading.trace import Kind

PYTHON: Final = "python_function"
CALL: Final = "nn.Module: "
"""How Python's profiler begins the name of a module's call."""
_LEAST: Final = len('""')
"""Bytes of an empty text in JSON."""

Told = tuple[Kind, str | bytes]
"""What a row tells: the name of a call, or an argument as raw JSON."""


def calls(group: Sequence[Event]) -> list[Event]:
    """Return the calls of modules among rows of Python's profiler."""
    return [event for event in group if event.name.startswith(CALL)]


def placed(group: Sequence[Event]) -> list[Event]:
    """Return the operators that say where they are: their module, or who called them."""
    return [
        event
        for event in group
        if len(bytes(event.args.hierarchy)) > _LEAST or len(bytes(event.args.stack)) > _LEAST
    ]


def told(event: Event) -> Told:
    """Return what one of these rows says; a module rather than lines of Python."""
    if event.name.startswith(CALL):
        return Kind.MODULE, event.name[len(CALL) :]
    if len(hierarchy := bytes(event.args.hierarchy)) > _LEAST:
        return Kind.HIERARCHY, hierarchy
    return Kind.STACK, bytes(event.args.stack)


def texts(distinct: Iterable[Told]) -> tuple[str, ...]:
    """Return what each distinct row says, empty where it cannot be read."""
    return tuple(one if isinstance(one, str) else _text(one) for _, one in distinct)


def _text(raw: bytes) -> str:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""

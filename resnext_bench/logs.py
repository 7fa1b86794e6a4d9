"""Reads the end of a log, which says why a process ended."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

TAIL_LINES: Final = 12
_SAID_LINES: Final = 4
"""Lines of a tail that precede the stack of a crash."""
_READ_BYTES: Final = 1 << 18
"""Bytes that are read from the end of a log: a user's script may have written any amount."""
_LONGEST: Final = 200
"""Most characters of last words, which stand inside a sentence."""
_STACK: Final = re.compile(
    r"Fatal Python error: |Stack \(most recent call first\):|(Current t|T)hread 0x[\da-f]+"
)
"""How faulthandler begins; what follows is where a process was, not what it said."""
_OF_A_STACK: Final = re.compile(
    rf"{_STACK.pattern}|\s*$|  File |  \.\.\.|  <|Extension modules: |Python runtime state: "
    r"|Current thread's C stack trace|  Binary file "
)
_AGENTS_REPORT: Final = re.compile(r"resnext_bench\.worker\S* FAILED$")
"""How torchrun ends its own log: with a report of its ranks, whose logs say more."""
_UNCAUGHT: Final = re.compile(r"\s*what\(\):\s*(.*)")
"""How C++ begins the text of an exception that nobody caught, such as one of NCCL's watchdog."""
_OF_ITS_STACK: Final = re.compile(
    r"\s*(Exception raised from |frame #\d+: |C\+\+ CapturedTraceback:)"
)
"""Where torch's text ends and its own stack begins."""
_COLOURS: Final = re.compile(r"\x1b\[[\d;]*m")


def lines_of(log: Path) -> list[str]:
    """Return the last lines of a log; none where it cannot be read."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _READ_BYTES))
            return stream.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def tail(log: Path, lines: int = TAIL_LINES) -> tuple[str, ...]:
    """Return the last lines of a log; for a crash, those before it and the stack's first lines."""
    found = lines_of(log)
    stack = _stack_at(found)
    if stack < len(found) and len(found) - stack > lines - _SAID_LINES:
        start = max(0, stack - _SAID_LINES)
        return tuple(found[start : start + lines])
    return tuple(found[-lines:])


def last_words(*logs: Path) -> str:
    """Return the last meaningful line of the first of these logs that has one."""
    return next(filter(None, (last_line(lines_of(log)) for log in logs)), "")


def last_line(lines: Sequence[str]) -> str:
    """Return the last of these lines with a word in it, without the stack of a crash."""
    said = uncaught(lines)[:1] or lines[: _stack_at(lines)]
    report = next((at for at, line in enumerate(said) if _AGENTS_REPORT.match(line)), len(said))
    plain = (_COLOURS.sub("", line).strip() for line in reversed(said[:report]))
    words = next((line for line in plain if re.search(r"\w", line)), "")
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} ..."


def uncaught(lines: Sequence[str]) -> list[str]:
    """Return the text of the last exception of C++ that ended the process; empty without one."""
    starts = [at for at, line in enumerate(lines) if _UNCAUGHT.match(line)]
    if not starts:
        return []
    text = [_UNCAUGHT.sub(r"\1", lines[starts[-1]]), *lines[starts[-1] + 1 :]]
    ends = (at for at, line in enumerate(text) if at and _OF_ITS_STACK.match(line))
    text = text[: next(ends, len(text))]
    return text[: _stack_at(text)]


def _stack_at(lines: Sequence[str]) -> int:
    """Return where the stack of a crash begins, if the lines end in one; else their number."""
    at = len(lines)
    while at and _OF_A_STACK.match(lines[at - 1]):
        at -= 1
    return at if any(map(_STACK.match, lines[at:])) else len(lines)

"""How the processes of a session ended, as their launchers report it."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resnext_bench.job import SessionFolder
from resnext_bench.launch.launchers import LAUNCHERS
from resnext_bench.reports.schema.record import FailureKind

_LIKELY: Final[dict[int, str]] = {
    signal.SIGKILL: " (the kernel does so when memory runs out)",
    signal.SIGBUS: (
        " (a shard was truncated while it was read, or storage failed; without shards, shared "
        "memory is full)"
    ),
}
"""What a signal usually means here."""
_TERMINATED: Final = "Stack (most recent call first):"
"""How faulthandler begins what it says of one thread alone."""
_OWN_CODE: Final = 1
"""The exit code of a rank that has reported its own error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exit:
    """The end of one process, as an agent saw it."""

    rank: int
    """The rank in the launcher's numbering; -1 where it does not say."""
    pid: int
    code: int
    """Exit code of the process; -N for signal N."""


def exits(folder: SessionFolder) -> list[Exit]:
    """Return what launchers report, each agent with its first failure last."""
    patterns = [one.ends for one in LAUNCHERS.values() if one.ends]
    return [
        Exit(rank=int(found["rank"] or -1), pid=int(found["pid"]), code=int(found["code"]))
        for log in _node_logs(folder)
        for pattern in patterns
        for found in pattern.finditer(log)
    ]


def code_of_silent(folder: SessionFolder, *, others_told: bool) -> int | None:
    """Return the exit code that a launcher reports of a rank that left no report."""
    patterns = [one.first_end for one in LAUNCHERS.values() if one.first_end]
    logs = _node_logs(folder)
    found = [int(one["code"]) for log in logs for each in patterns for one in each.finditer(log)]
    of_silent = [code for code in found if code != _OWN_CODE or not others_told]
    return of_silent[0] if of_silent else None


def _node_logs(folder: SessionFolder) -> list[str]:
    return [path.read_text(errors="replace") for path in sorted(folder.logs.glob("node-*.log"))]


def was_terminated(log: Path) -> bool:
    """Return whether a rank got SIGTERM: it then logs where it was (`worker/entry.py`)."""
    try:
        return _TERMINATED in log.read_text(errors="replace")
    except OSError:
        return False


def exit_kind(code: int | None) -> FailureKind:
    """Return the kind of an end by its exit code, -N for signal N."""
    if code is None or code >= 0:
        return "exit"
    return "killed" if -code == signal.SIGKILL else "signal"


def signal_words(number: int) -> str:
    """Describe what a signal did, and what that usually means here."""
    names = {entry.value: entry.name for entry in signal.Signals}
    name = names.get(number, f"signal {number}")
    return f"killed by {name}{_LIKELY.get(number, '')}"


def ended_words(code: int) -> str:
    """Return the same as a predicate: "ended with exit code 2", "was killed by SIGSEGV"."""
    return f"was {signal_words(-code)}" if code < 0 else f"ended with exit code {code}"


def exit_words(code: int | None) -> str:
    """Describe how a command ended by its exit code, -N for signal N."""
    return signal_words(-code) if code and code < 0 else f"exit code {code}"

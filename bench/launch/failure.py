"""Finds the rank that failed first. The others fail after it, with errors about the connection."""

import re
import signal
from pathlib import Path
from typing import Final

import msgspec

from bench.job import RankError, SessionFolder
from bench.rankfile import Phase, RankFile
from reports.schema.record import Failure

TAIL_LINES = 12
_OF_MEMORY: Final = re.compile(
    r"out of (\w+ )?memory|SIGKILL|cannot allocate memory|STATUS_ALLOC_FAILED"
    # A loader process; of a bus error it dies where shared memory is full.
    r"|killed by signal: (Killed|Bus)"
    # A GPU in exclusive-process mode takes no second process: room of another kind.
    r"|devices?(\(s\))? (is/are|is|are) busy or unavailable",
    re.IGNORECASE,
)
_LIKELY: Final[dict[int, str]] = {
    signal.SIGKILL: " (the kernel does so when memory runs out)",
    signal.SIGBUS: (
        " (a shard that was cut while it was read, or a storage that failed; without shards, shared"
        " memory that is full)"
    ),
}
"""What a signal usually means here."""
_AGENT_EXIT: Final = re.compile(r"exitcode\s*:\s*-(\d+)\s*\(pid:\s*(\d+)\)")
"""How torchrun's report names a process that a signal ended."""
_TERMINATED: Final = "Stack (most recent call first):"
"""How faulthandler begins what it says of one thread alone."""
_CONSEQUENCE: Final = re.compile(
    r"connection (closed|reset|refused)|socket|broken pipe|timed out|timeout|gloo|nccl|peer",
    re.IGNORECASE,
)
"""Words of errors that follow from another rank's end."""


def find_failure(folder: SessionFolder, exit_codes: list[int | None]) -> Failure:
    """The first cause, as far as the files of the session tell."""
    errors = _rank_errors(folder)
    # A rank that aborts itself does so because another's error left it waiting.
    told = any(not _is_consequence(error) for error in errors)
    killed = _killed(folder, exit_codes, but={signal.SIGTERM, *([signal.SIGABRT] * told)})
    if killed := killed or _silent(folder, errors):
        return killed
    if errors:
        first = min(errors, key=lambda error: (_is_consequence(error), error.time_ns))
        return _told(first, folder)
    node = next((node for node, code in enumerate(exit_codes) if code), 0)
    code = exit_codes[node]
    what = f"node {node}: its launcher ended with {exit_words(code)} before any rank reported"
    return _failure(None, what, folder.node_log(node))


def _told(error: RankError, folder: SessionFolder) -> Failure:
    """A rank's own account. Without a kind it says all there is: no traceback tells more."""
    kind = f"{error.kind}: " if error.kind else ""
    what = f"rank {error.rank}: {kind}{_one_line(error.message)}"
    what = f"{what} ({error.hint})" if error.hint else what
    log = folder.rank_log(error.rank)
    if not error.kind:
        return Failure(rank=error.rank, what=what, log=str(log), log_tail=())
    return _failure(error.rank, what, log)


def is_lack_of_memory(failure: Failure) -> bool:
    """Whether memory ran out, or the kernel may have ended a rank because it did."""
    return bool(_OF_MEMORY.search(failure.what))


def _killed(
    folder: SessionFolder, exit_codes: list[int | None], *, but: set[signal.Signals]
) -> Failure | None:
    """A rank ended by a signal that nobody here sent."""
    by_pid = {int(pid): int(number) for number, pid in _agent_exits(folder)}
    direct = next((-code for code in exit_codes if code and code < 0), None)
    files = (RankFile.open(path) for path in folder.ranks.glob("rank-*.bin"))
    for file in sorted(filter(None, files), key=lambda file: file.rank):
        if file.phase is Phase.DONE or folder.error_file(file.rank).exists():
            continue
        number = by_pid.get(file.pid, direct if len(exit_codes) == 1 else None)
        if number and number not in but:
            what = f"rank {file.rank}: {_signal_words(number)} in {_where(file)}"
            return _failure(file.rank, what, folder.rank_log(file.rank))
    return None


def _silent(folder: SessionFolder, errors: list[RankError]) -> Failure | None:
    """A rank that went without a word while the others say that they lost one, or were ended.

    DeepSpeed's launcher names neither the rank nor, for certain, the signal; of a group that
    somebody else has started, only this node's ranks can be seen.
    """
    if not all(_is_consequence(error) for error in errors):
        return None
    files = (RankFile.open(path) for path in folder.ranks.glob("rank-*.bin"))
    gone = [
        file
        for file in sorted(filter(None, files), key=lambda file: file.rank)
        if file.phase is not Phase.DONE and not folder.error_file(file.rank).exists()
    ]
    silent = [file for file in gone if not _was_terminated(folder.rank_log(file.rank))]
    if not silent or not (errors or len(silent) < len(gone)):
        return None
    first, many = silent[0], len(silent) > 1
    ranks = " or ".join(f"rank {file.rank}" for file in silent)
    likely = "SIGKILL is what the kernel sends when memory runs out"
    what = f"{ranks}: ended without a word in {_where(first)}"
    what += f", one of them first; {likely}" if many else f"; {likely}"
    return _failure(first.rank, what, folder.rank_log(first.rank))


def _was_terminated(log: Path) -> bool:
    """Whether a rank got SIGTERM: it then says where it was (bench/worker/entry.py)."""
    try:
        return _TERMINATED in log.read_text(errors="replace")
    except OSError:
        return False


def _agent_exits(folder: SessionFolder) -> list[tuple[str, str]]:
    logs = (path.read_text(errors="replace") for path in sorted(folder.logs.glob("node-*.log")))
    return [match for log in logs for match in _AGENT_EXIT.findall(log)]


def _rank_errors(folder: SessionFolder) -> list[RankError]:
    files = sorted(folder.ranks.glob("rank-*.error.json"))
    return [msgspec.json.decode(path.read_bytes(), type=RankError) for path in files]


def _is_consequence(error: RankError) -> bool:
    return bool(_CONSEQUENCE.search(f"{error.kind} {error.message}"))


def _where(file: RankFile) -> str:
    if file.phase in (Phase.WARM_UP, Phase.TIMED):
        of = "" if file.is_open else f" of {file.warm_up + file.steps}"
        return f"step {file.steps_done + 1}{of}"
    return f"phase {file.phase.name.lower()}"


def _signal_words(number: int) -> str:
    names = {entry.value: entry.name for entry in signal.Signals}
    name = names.get(number, f"signal {number}")
    return f"killed by {name}{_LIKELY.get(number, '')}"


def exit_words(code: int | None) -> str:
    """How a command ended, from its exit code, -N for signal N."""
    return _signal_words(-code) if code and code < 0 else f"exit code {code}"


def _one_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0][:300] if lines else "no message"


def _failure(rank: int | None, what: str, log: Path) -> Failure:
    return Failure(rank=rank, what=what, log=str(log), log_tail=tail(log))


def tail(log: Path, lines: int = TAIL_LINES) -> tuple[str, ...]:
    """The last lines of a log, or nothing where there is none."""
    try:
        return tuple(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ()

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
MOST_LETTERS: Final = 200
"""Of the last line of a log, where it is put into a message."""
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
_AGENT_EXIT: Final = re.compile(r"exitcode\s*:\s*(-?\d+)\s*\(pid:\s*(\d+)\)")
"""How torchrun's report names a process and its exit code, -N for signal N."""
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
    return _ended(folder, exit_codes)


def _ended(folder: SessionFolder, exit_codes: list[int | None]) -> Failure:
    """A program that ended without an account of a rank: where it was, and its last words."""
    files = _rank_files(folder)
    codes = {int(pid): int(code) for code, pid in _agent_exits(folder)}
    for file in files:
        code = codes.get(file.pid, exit_codes[0] if _is_alone(folder, exit_codes) else None)
        if file.phase is not Phase.DONE and code:
            what = f"rank {file.rank}: the program ended with {exit_words(code)} {_while(file)}"
            log = folder.rank_log(file.rank)
            return _failure(file.rank, what + last_words(log), log)
    node = next((node for node, code in enumerate(exit_codes) if code), 0)
    ended = f"ended with {exit_words(exit_codes[node])} before any rank reported"
    if _is_alone(folder, exit_codes) and not files:
        log = folder.rank_log(0)
        return _failure(0, f"rank 0: the program {ended}{last_words(log)}", log)
    log = _first_with_words(folder, node, done={one.rank for one in files if _is_done(one)})
    return _failure(None, f"node {node}: its launcher {ended}{last_words(log)}", log)


def _is_done(file: RankFile) -> bool:
    return file.phase is Phase.DONE


def _is_alone(folder: SessionFolder, exit_codes: list[int | None]) -> bool:
    """Whether there is one rank and no agent, whose log would hold something."""
    ranks = list(folder.logs.glob("rank-*.log"))
    return len(exit_codes) == 1 and len(ranks) <= 1 and not _says_something(folder.node_log(0))


def _rank_files(folder: SessionFolder) -> list[RankFile]:
    files = (RankFile.open(path) for path in folder.ranks.glob("rank-*.bin"))
    return sorted(filter(None, files), key=lambda file: file.rank)


def _first_with_words(folder: SessionFolder, node: int, done: set[int]) -> Path:
    """The log of the first rank that wrote one and did not end well, else its launcher's."""
    logs = sorted(folder.logs.glob("rank-*.log"))
    others = (log for log in logs if int(log.stem.partition("-")[2]) not in done)
    return next(filter(_says_something, others), folder.node_log(node))


def _says_something(log: Path) -> bool:
    return log.exists() and log.stat().st_size > 0


_WHILE: Final = {
    Phase.STARTING: "while it started",
    Phase.CONNECTING: "while the ranks met",
    Phase.MODEL: "while loading the model",
    Phase.DATA: "while opening the data",
    Phase.PROFILED: "while profiling",
    Phase.GATHERING: "while results were gathered",
}


def _while(file: RankFile) -> str:
    return _WHILE.get(file.phase) or f"in {_where(file)}"


def last_words(log: Path) -> str:
    """The last line of a log that says something, to be put after a sentence; empty if none."""
    lines = [line.strip() for line in tail(log) if any(map(str.isalnum, line))]
    return f": {lines[-1][:MOST_LETTERS]}" if lines else ""


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
    by_pid = {int(pid): -int(code) for code, pid in _agent_exits(folder) if int(code) < 0}
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

"""Finds the rank that failed first; the others fail after it, with errors about the connection."""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.errors import CannotHere
from resnext_bench.job import RankError, SessionFolder
from resnext_bench.launch.ends import (
    code_of_silent,
    exit_kind,
    exit_words,
    exits,
    signal_words,
    was_terminated,
)
from resnext_bench.launch.launchers import LAUNCHERS, Launcher
from resnext_bench.logs import last_line, last_words, lines_of, tail, uncaught
from resnext_bench.rankfile import Phase, RankFile
from resnext_bench.reports.schema.record import Failure, FailureKind
from resnext_bench.symptoms import LACK_OF_MEMORY, hint_for, memory_kind

_DOING: Final = {
    Phase.STARTING: "while starting",
    Phase.DATA: "while opening the data",
    Phase.CONNECTING: "while connecting to the other ranks",
    Phase.MODEL: "while loading the model",
    Phase.PROFILED: "while being profiled",
    Phase.GATHERING: "while handing over what was measured",
}


_EXIT: Final = "SystemExit"
_SAY_WHERE: Final = (_EXIT, "ModelError", "DataError", "Disagreement")
"""Our own errors, whose messages already say where they happened."""
_SAY_ALL: Final = ("ModelError",)
"""Errors to which a traceback through our own code would add nothing."""
_SAID_LINES: Final = 4
_TRACE_LINES: Final = 8


MOST_LETTERS: Final = 300
"""Most letters that are quoted of another program's message."""


def find_failure(folder: SessionFolder, exit_codes: Sequence[int | None]) -> Failure:
    """Return the first cause, as far as the files of the session show it."""
    errors, launch = _rank_errors(folder), _launch_of(folder, exit_codes)
    # A rank that aborts itself does so because another's error left it waiting.
    told = any(not error.follows for error in errors)
    killed = _killed(launch, but={signal.SIGTERM, *([signal.SIGABRT] * told)})
    if found := killed or (None if told else _ended(launch) or _silent(launch, errors)):
        return found
    if errors:
        first = min(errors, key=lambda error: (error.follows, error.time_ns))
        return _stalled(first, launch) or _told(first, launch)
    return _of_agent(launch, exit_codes)


def find_early_end(folder: SessionFolder) -> Failure | None:
    """Return the rank that ended without an error although its work was not done."""
    launch = _launch_of(folder, [0])
    for rank in launch.unexplained():
        what = f"the program ended with exit code 0 {launch.where(rank)}"
        return launch.failure(rank, "exit", what)
    return None


def find_stuck(folder: SessionFolder, rank: int, seconds: float) -> Failure:
    """Return the rank that the others wait for, which is least far; `rank` where none is known."""
    files = {file.rank: file for file in rank_files(folder)}
    behind = min(files.values(), key=_progress, default=None)
    if behind and rank in files and _progress(behind) < _progress(files[rank]):
        rank = behind.rank
    doing = where(files[rank]) if rank in files else "before it began"
    log = folder.rank_log(rank)
    what = f"nothing has moved for {seconds:.0f} s: rank {rank} is stuck {doing}"
    return _failure(rank, "stuck", what, last_words(log), log)


def _progress(file: RankFile) -> tuple[int, int]:
    """Return how far a rank is, to the part of a step: the others wait for it in a later one."""
    return file.phase, int((file.marks > 0).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Launch:
    """The ranks of a session, and how those that failed ended."""

    folder: SessionFolder
    launcher: Launcher | None
    """The launcher that the work order names; None where that cannot be read."""
    ranks: dict[int, RankFile | None]
    """All ranks that have started, with their files where they have any."""
    codes: dict[int, int]
    """The exit codes of ranks, -N for signal N, an agent's first failure last."""

    @property
    def is_direct(self) -> bool:
        """Whether the program itself has started the one rank."""
        return self.launcher is not None and self.launcher.is_direct

    def unexplained(self) -> list[int]:
        """Return the ranks that have neither done their work nor reported why not."""
        return [
            rank
            for rank, file in self.ranks.items()
            if not (file and file.phase is Phase.DONE) and not self.folder.error_file(rank).exists()
        ]

    def where(self, rank: int) -> str:
        """Describe what a rank was doing."""
        file = self.ranks.get(rank)
        return where(file) if file else _DOING[Phase.STARTING]

    def failure(self, rank: int, kind: FailureKind, what: str) -> Failure:
        """Describe the failure of a rank that left no report, with its last words.

        What it wrote before it had a log of its own is in that of its node.
        """
        own = self.folder.rank_log(rank)
        nodes = sorted(self.folder.logs.glob("node-*.log")) if self.is_direct else []
        log = next((path for path in (own, *nodes) if tail(path)), own)
        return _failure(rank, kind, f"rank {rank}: {what}", last_words(log), log)


def _launch_of(folder: SessionFolder, exit_codes: Sequence[int | None]) -> _Launch:
    files = {file.rank: file for file in rank_files(folder)}
    launcher = _launcher(folder)
    begun = {*files, *(int(path.stem.partition("-")[2]) for path in folder.logs.glob("rank-*.log"))}
    codes: dict[int, int] = {}
    is_direct = launcher is not None and launcher.is_direct
    if is_direct:
        begun = begun or {0}
    if is_direct or (launcher is None and len(exit_codes) == 1):
        # Where it is not known whether there was a launcher, only a signal is a rank's for certain.
        ends = [code for code in exit_codes if code is not None and (launcher or code < 0)]
        codes = {rank: code for rank in begun for code in ends}
    by_pid = {file.pid: rank for rank, file in files.items()}
    for end in exits(folder):
        # Agents number the ranks as their logs do; of one that has a file, the process must fit.
        rank = by_pid.get(end.pid, -1 if end.rank in files else end.rank)
        codes.pop(rank, None)
        codes |= {rank: end.code} if rank >= 0 else {}
    ranks = {rank: files.get(rank) for rank in sorted({*begun, *codes})}
    return _Launch(folder=folder, launcher=launcher, ranks=ranks, codes=codes)


def _launcher(folder: SessionFolder) -> Launcher | None:
    """Return what started the ranks; None where the session's files do not say it."""
    try:
        return LAUNCHERS[folder.read_job().config.launcher]
    except CannotHere:
        return None


def rank_files(folder: SessionFolder) -> Iterator[RankFile]:
    """Return the files of all ranks that have started."""
    return filter(None, (RankFile.open(path) for path in folder.ranks.glob("rank-*.bin")))


def is_lack_of_memory(failure: Failure) -> bool:
    """Return whether memory ran out, or the kernel may have killed a rank for that reason."""
    return failure.kind in LACK_OF_MEMORY


def _killed(launch: _Launch, *, but: set[signal.Signals]) -> Failure | None:
    """Return the failure of a rank that was ended by a signal from outside."""
    for rank in launch.unexplained():
        number = -launch.codes.get(rank, 0)
        if number > 0 and number not in but:
            what = f"{signal_words(number)} {launch.where(rank)}"
            return launch.failure(rank, exit_kind(-number), what)
    return None


def _ended(launch: _Launch) -> Failure | None:
    """Return the failure of a rank that ended itself and left no report."""
    gone = launch.unexplained()
    for rank, code in reversed(launch.codes.items()):
        if rank in gone and code >= 0:
            what = f"the program ended with exit code {code} {launch.where(rank)}"
            return launch.failure(rank, "exit", what)
    return None


def _silent(launch: _Launch, errors: list[RankError]) -> Failure | None:
    """Return the failure of a rank that ended silently while others report that they lost one.

    Not every launcher names the rank, or the signal for certain; in a group that
    another launcher has started, only this node's ranks can be seen.
    """
    gone = launch.unexplained()
    silent = [rank for rank in gone if not was_terminated(launch.folder.rank_log(rank))]
    if not silent or not (errors or len(silent) < len(gone)):
        return None
    first = silent[0]
    kind, ended = _silently(launch, others_told=bool(errors))
    if len(silent) == 1:
        return launch.failure(first, kind, ended.format(where=launch.where(first)))
    others = " or ".join(f"rank {rank}" for rank in silent[1:])
    where_to = f"{launch.where(first)} (or it was {others} that ended first)"
    return launch.failure(first, kind, ended.format(where=where_to))


def _silently(launch: _Launch, *, others_told: bool) -> tuple[FailureKind, str]:
    """Describe how a rank ended that nothing reports on, with a placeholder for where it was."""
    code = code_of_silent(launch.folder, others_told=others_told)
    if code is not None:
        return "exit", f"the program ended with exit code {code} {{where}}"
    if launch.launcher and launch.launcher.tells_ends:
        who = launch.launcher.title
        return (
            "exit",
            f"ended {{where}} before its work was done, and {who} reports no error: os._exit(0)?",
        )
    return (
        "killed",
        "ended without a message {where}; the kernel sends SIGKILL when memory runs out",
    )


def _told(error: RankError, launch: _Launch) -> Failure:
    """Return a failure that a rank has reported. Without a kind the message says everything."""
    what = f"rank {error.rank}: {_account_of(error, launch)}"
    if error.kind and len(error.message) > MOST_LETTERS and error.hint:  # ours says it in short
        what = f"rank {error.rank}: {error.hint} ({_account_of(error, launch)})"
    elif more := "; ".join(filter(None, (_phase_of(error, launch), error.hint))):
        what = f"{what} ({more})"
    kind = error.cause
    if error.kind in ("", _EXIT):
        last = last_line(error.said)
        what += quoted(last)
        kind = _kind_by(last, kind)
    log = launch.folder.rank_log(error.rank)
    lines = error.said
    if error.kind in _SAY_ALL:
        lines = ()
    elif error.kind not in ("", _EXIT):
        lines = tail(log)
        if error.said and not set(error.said) <= set(lines):
            lines = (*error.said[-_SAID_LINES:], *lines[-_TRACE_LINES:])
    return Failure(rank=error.rank, kind=kind, what=what, log=str(log), log_tail=lines)


def _account_of(error: RankError, launch: _Launch) -> str:
    if error.kind == _EXIT:
        return f"the program ended itself {launch.where(error.rank)} ({_one_line(error.message)})"
    if not error.kind:  # our own words, and no more of them than are needed
        return " ".join(error.message.split()) or "no message"
    return f"{error.kind}: {_one_line(error.message)}"


def _phase_of(error: RankError, launch: _Launch) -> str:
    """Return what a rank was about to do, where the error of another library does not say so."""
    file = launch.ranks.get(error.rank)
    if file is None or not error.kind or error.kind in _SAY_WHERE:
        return ""
    return _DOING[file.phase] if Phase.STARTING < file.phase < Phase.WARM_UP else ""


def _stalled(error: RankError, launch: _Launch) -> Failure | None:
    """Return the rank that never arrived where another waited for it."""
    if error.cause != "timeout":
        return None
    for rank in launch.unexplained():
        what = (
            f"was stuck {launch.where(rank)}, and rank {error.rank} waited for it until it gave up"
        )
        return launch.failure(rank, "timeout", f"{what} ({_one_line(error.message)})")
    return None


def _of_agent(launch: _Launch, exit_codes: Sequence[int | None]) -> Failure:
    """Return the failure of an agent, where nothing is known of a failed rank."""
    node = next((node for node, code in enumerate(exit_codes) if code), 0)
    log = launch.folder.node_log(node)
    code = exit_codes[node]
    was, how, kind = "", f"ended with {exit_words(code)}", exit_kind(code)
    if code and code < 0:
        was, how = "was ", signal_words(-code)
    if launch.is_direct:
        for rank in launch.unexplained():  # by SIGTERM, which of several ranks others' ends bring
            return launch.failure(rank, kind, f"{how} {launch.where(rank)}")
        what = f"the program {was}{how} after its work was done"
    else:
        who = launch.launcher.title if launch.launcher else "its launcher"
        what = f"node {node}: {who} {was}{how} before any rank reported"
    return _failure(None, kind, what, last_words(log), log)


def _rank_errors(folder: SessionFolder) -> list[RankError]:
    files = sorted(folder.ranks.glob("rank-*.error.json"))
    return [msgspec.json.decode(path.read_bytes(), type=RankError) for path in files]


def where(file: RankFile) -> str:
    """Describe what a rank was doing, as the end of a sentence."""
    if file.phase in (Phase.WARM_UP, Phase.TIMED):
        of = "" if file.is_open else f" of {file.warm_up + file.steps}"
        return f"in step {file.steps_done + 1}{of}"
    return _DOING.get(file.phase, "at its end")


def quoted(words: str) -> str:
    """Return the last words of a process, as the end of a sentence, and what to do about them."""
    if not words:
        return ""
    hint = hint_for(words)
    return f'; its last words: "{words}"' + (f" ({hint})" if hint else "")


def _one_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if not lines:
        return "no message"
    return lines[0] if len(lines[0]) <= MOST_LETTERS else f"{lines[0][:MOST_LETTERS]} …"


def _failure(rank: int | None, kind: FailureKind, what: str, last_words: str, log: Path) -> Failure:
    """Return the failure of a process that left no report; its last words may say why."""
    said = "\n".join((last_words, *uncaught(lines_of(log))))
    return Failure(
        rank=rank,
        kind=_kind_by(said, kind),
        what=what + quoted(last_words),
        log=str(log),
        log_tail=tail(log),
    )


def _kind_by(words: str, kind: FailureKind) -> FailureKind:
    return kind if kind in LACK_OF_MEMORY else memory_kind(words) or kind

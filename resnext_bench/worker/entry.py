"""The start of a rank, whatever it then does.

What must happen before torch is imported happens here: the rank is bound to its cores (thread pools
count them once), its output goes to its own log, and it dies with its agent.
"""

import faulthandler
import importlib
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from resnext_bench.config.models import foreign
from resnext_bench.job import NODE_VARIABLE, Job, RankError, SessionFolder, Unwritable
from resnext_bench.logs import tail
from resnext_bench.machine.host.process import bind_to_cores, die_with_parent
from resnext_bench.rankfile import RankFile
from resnext_bench.reports.errors import FULL, Unwritten
from resnext_bench.reports.schema.record import FailureKind
from resnext_bench.reports.schema.topology import Place
from resnext_bench.reports.store.files import write_atomically, writing
from resnext_bench.symptoms import (
    LACK_OF_MEMORY,
    Symptom,
    brief,
    hint_for,
    is_about_strides,
    symptom_of,
    words_of_chain,
)

_OURS: Final = "resnext_bench."
"""Modules whose errors have messages of our own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rank:
    """One rank of a session, bound to its cores, before torch is loaded."""

    folder: SessionFolder
    job: Job
    place: Place
    rank: int
    file: RankFile


def enter(body: str) -> NoReturn:
    """Run `body`, a "module:function" that takes a Rank, and exit with the code launchers need.

    The folder is the last argument: a launcher may put arguments of its own before it.
    """
    folder = SessionFolder(Path(sys.argv[-1]))
    del sys.argv[1:]  # a user's module may read them, and they are none of its own
    status = _guarded(body, folder)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # Loader and communication threads may be in the middle of something; nothing is left to save.
    os._exit(status)


def _guarded(body: str, folder: SessionFolder) -> int:
    die_with_parent()
    rank = int(os.environ.get("RANK", "0"))
    _redirect_output(folder.rank_log(rank))
    job: Job | None = None
    try:
        job = folder.read_job()
        place = _place(job)
        bind_to_cores(place.cores)
        _see_own_gpu(place)
        file = _rank_file(folder, job, rank)
        module, _, function = body.partition(":")
        # This is where torch is loaded, now that the cores are known.
        run = getattr(importlib.import_module(module), function)
        run(Rank(folder=folder, job=job, place=place, rank=rank, file=file))
    # Every reason must reach the parent, then the log: SystemExit of a user's module, too.
    except BaseException as error:
        _report(folder, rank, error, job)
        return 1
    return 0


def _rank_file(folder: SessionFolder, job: Job, rank: int) -> RankFile:
    return RankFile.create(
        folder.rank_file(rank),
        rank=rank,
        pid=os.getpid(),
        warm_up=job.config.warm_up,
        steps=job.room or job.config.steps,
        is_open=job.room > 0,
    )


def _place(job: Job) -> Place:
    node = int(os.environ.get(NODE_VARIABLE, "0"))
    return job.topology.place(node, int(os.environ.get("LOCAL_RANK", "0")))


def _see_own_gpu(place: Place) -> None:
    """Hide the other ranks' GPUs where boards are cut in slices.

    Of several slices that are named, CUDA would show each rank the first, and no other.
    """
    if place.alone:
        os.environ["CUDA_VISIBLE_DEVICES"] = place.alone


def _redirect_output(log: Path) -> None:
    """Redirect standard output and error to the rank's log, including libraries' and a crash's."""
    with writing(log):
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout, sys.stderr = (_text(number) for number in (1, 2))
    faulthandler.enable()
    # Whoever ends this rank because of another one's end, it says where it was, and then ends:
    # so the one that says nothing was the first.
    faulthandler.register(signal.SIGTERM, all_threads=False, chain=True)


class _Log(FileIO):
    """A log that takes what it can: no rank may end because its disk is full."""

    def write(self, data: Any) -> int:
        """Write the text, or lose it."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _text(number: int) -> TextIOWrapper:
    """Make a stream for text in any language; bytes that are not text get backslashes.

    Each line is written as soon as it is complete, so that it is there if a signal ends the rank.
    """
    raw = BufferedWriter(_Log(number, "w", closefd=False))
    return TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _report(folder: SessionFolder, rank: int, error: BaseException, job: Job | None) -> None:
    time_ns = time.time_ns()
    sys.stdout.flush()
    said = tuple(line for line in tail(folder.rank_log(rank)) if line.strip())
    traceback.print_exception(error)
    account = _of_loader(folder, rank) or _account(_readable(error), job)
    whole = msgspec.structs.replace(account, rank=rank, time_ns=time_ns)
    if whole.kind or isinstance(error.__cause__, SystemExit):
        whole = msgspec.structs.replace(whole, said=said)
    folder.free_room()
    write_atomically(folder.error_file(rank), msgspec.json.encode(whole))


def _readable(error: BaseException) -> BaseException:
    """Return the error, or another of the same name if its text cannot be read."""
    try:
        str(error)
    except Exception as broken:
        name = type(error).__name__
        kind: type[Exception] = type(name, (Exception,), {})
        return kind(f"its text cannot be read ({type(broken).__name__})")
    return error


def _account(error: BaseException, job: Job | None) -> RankError:
    """Return a rank's report of its end; an error whose message says everything gets no name."""
    memory, hint = _lack_of_memory(error, job)
    ended = isinstance(error.__cause__, SystemExit)
    symptom = Symptom(kind="out_of_memory") if memory else _symptom(error)
    return RankError(
        rank=0,
        kind="" if memory or ended else type(error).__name__,
        message=memory or _as_utf8(_words(error)),
        time_ns=0,
        hint=hint or hint_for(str(error)) or _layout_hint(error, job),
        unwritten=_unwritten(error),
        cause=symptom.kind,
        follows=symptom.follows,
    )


def _symptom(error: BaseException) -> Symptom:
    """Return the symptom of another library's error; of our own, that of what it wraps."""
    if isinstance(found := getattr(error, "symptom", None), Symptom):
        return found
    if not _is_ours(error):
        otherwise: FailureKind = "exit" if isinstance(error, SystemExit) else "error"
        name, text = type(error).__name__, _words(error)
        return symptom_of(name, text, otherwise, words_of_chain(error))
    within = error.__cause__ or error.__context__
    kind = _symptom(within).kind if within else "error"
    return Symptom(kind=kind if kind in {*LACK_OF_MEMORY, "no_engine"} else "error")


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__.startswith(_OURS)


def _words(error: BaseException) -> str:
    return exit_words(error) if isinstance(error, SystemExit) else brief(str(error))


def exit_words(end: SystemExit) -> str:
    """Describe how a program ended itself: SystemExit 2, or SystemExit: its message."""
    if end.code is None or isinstance(end.code, int):
        return f"SystemExit {int(end.code or 0)}"
    return f"SystemExit: {' '.join(str(end.code).split())}"


def _of_loader(folder: SessionFolder, rank: int) -> RankError | None:
    """Return the report of a failed loader process, which is the cause of the rank's end."""
    path = folder.loader_error_file(rank)
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=RankError)


def _unwritten(error: BaseException | None) -> Unwritable | None:
    """Return what could not be written, if that caused an error."""
    while error:
        if isinstance(error, Unwritten) or (isinstance(error, OSError) and error.errno in FULL):
            path = os.fsdecode(error.filename) if error.filename else ""
            why = error.strerror or str(error)
            return Unwritable(number=error.errno or 0, why=why, path=_as_utf8(path))
        error = error.__cause__ or error.__context__
    return None


def _as_utf8(text: str) -> str:
    """Return the text as UTF-8, as JSON needs; an error may name a file whose name is not."""
    return text.encode(errors="replace").decode()


def _lack_of_memory(error: BaseException, job: Job | None) -> tuple[str, str]:
    """Return one line and what to do, if memory ran out."""
    if job is None or "torch" not in sys.modules or not isinstance(error, Exception):
        return "", ""
    if _is_ours(error):  # its message says what was amiss
        return "", ""
    from resnext_bench.worker.memory import HINT, lack_of_memory  # noqa: PLC0415  (it needs torch)

    line = lack_of_memory(error, job.config)
    return line, HINT if line else ""


def _layout_hint(error: BaseException, job: Job | None) -> str:
    """Advise on the layout, which a user's model may not support."""
    if job is None or not job.config.channels_last or foreign(job.config.model) is None:
        return ""
    if not is_about_strides(words_of_chain(error)):
        return ""
    return (
        "batches are channels-last by default, which the model does not support: add "
        "--no-channels-last, or use reshape in the model"
    )

"""The start and the end of a loader process.

An error in one of its threads would end only that thread: the batch that it was about to hand over
would be lost, and the rank would wait for ever. So any uncaught error is written down for the rank
and ends the process, which torch reports to the rank at once.
"""

import errno
import multiprocessing.queues
import multiprocessing.util
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from types import FrameType, TracebackType
from typing import Any, Final, NoReturn

import msgspec

from resnext_bench.config.memory import demand_of, full_words
from resnext_bench.job import Job, RankError, SessionFolder
from resnext_bench.machine.host.memory import shared_memory
from resnext_bench.machine.host.process import die_with_parent
from resnext_bench.reports.store.files import write_atomically
from resnext_bench.symptoms import Symptom, is_about_shared_memory, symptom_of, systems_words

_FAILED: Final = 1


def beginner(job: Job, folder: SessionFolder, rank: int) -> Callable[[], None]:
    """Return what a loader process of this rank does first."""
    return partial(_begin, job, folder, rank)


def _begin(job: Job, folder: SessionFolder, rank: int) -> None:
    """Let the process end with its rank, and never fail silently."""
    signal.signal(signal.SIGTERM, _end)
    die_with_parent(signal.SIGTERM)
    fail = partial(_fail, job, folder, rank)

    def of_thread(what: threading.ExceptHookArgs) -> None:
        fail(what.exc_value)

    def of_any(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        fail(error)

    def of_queue(queue: object, error: Exception, batch: Any) -> None:
        fail(error)

    sys.excepthook, threading.excepthook = of_any, of_thread
    # The thread that hands batches over calls this with what it could not hand over.
    multiprocessing.queues.Queue._on_queue_feeder_error = of_queue  # type: ignore[attr-defined]


def _fail(job: Job, folder: SessionFolder, rank: int, error: BaseException | None) -> NoReturn:
    """Report why, then end: only the first of a rank's loader processes is reported."""
    if error is not None:
        traceback.print_exception(error)
        sys.stderr.flush()
        account = _account(job, rank, error)
        write_atomically(folder.loader_error_file(rank), msgspec.json.encode(account))
    _end(_FAILED, None)


def _account(job: Job, rank: int, error: BaseException) -> RankError:
    text = str(error).encode(errors="replace").decode()
    words, symptom = of_shared_memory(job, error), symptom_of(type(error).__name__, text)
    if words:
        # Where there is none at all, no smaller batch would find room.
        symptom = Symptom(kind="error" if shared_memory().problem else "shared_memory")
    return RankError(
        rank=rank,
        kind="",
        message=words or f"a loader process failed: {type(error).__name__}: {text}",
        time_ns=0,
        cause=symptom.kind,
        follows=symptom.follows,
    )


def of_shared_memory(job: Job, error: BaseException) -> str:
    """Return the message if shared memory ran out; empty if the error is about something else."""
    config, topology = job.config, job.topology
    asked = demand_of(
        config, topology.nproc_per_node * (topology.nodes if topology.emulated else 1)
    )
    there = shared_memory()
    lacks = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EROFS, errno.ENOSYS)
    if asked is None or not (lacks or there.problem or is_about_shared_memory(str(error))):
        return ""
    return full_words(asked, there, systems_words(str(error)) or type(error).__name__)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """End at once, after removing the folder of the sockets that hand over batches."""
    shutil.rmtree(multiprocessing.util.get_temp_dir(), ignore_errors=True)
    os._exit(_FAILED)

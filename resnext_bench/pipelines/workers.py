"""Applies pure functions to many items, in this process or in several."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def chunks(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Split into parts of at most `size` items, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def over(
    work: Callable[[Item], Result], items: Sequence[Item], *, workers: int
) -> Iterator[Result]:
    """Yield `work(item)` as each is done; one worker or item needs no second process.

    Processes are spawned, as a fork of a parent that runs threads can deadlock. Where none can be
    started, this process does all the work.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(work, items)
        return
    context = multiprocessing.get_context("spawn")
    try:
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent)
    except OSError:  # its locks lie in /dev/shm, which is missing, read-only or full
        yield from map(work, items)
        return
    with pool:
        try:
            for future in as_completed([pool.submit(work, item) for item in items]):
                yield future.result()
        except BaseException:  # leaving must not wait for work that nobody will read
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it even where it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent to end; otherwise a worker would wait for its next item for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)

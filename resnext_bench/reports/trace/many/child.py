"""A process that reads traces, one after another, for a program that reads several at once.

    python -m resnext_bench.reports.trace.many.child DESCRIPTOR

Jobs come through the connection of this number, and what is kept of each file goes back; the end
of the connection is the end of the process.
"""

import sys
import time
import traceback
from multiprocessing.connection import Connection
from typing import Final

from resnext_bench.reports.trace.many.jobs import Done, Job, Read, done
from resnext_bench.reports.trace.reading.source import Progress, no_progress

EVERY_S: Final = 0.5
"""Time between two words on how far a file has been read."""


def main(descriptor: int) -> None:
    """Do jobs until there are no more, or nobody waits for them."""
    with Connection(descriptor) as parent:
        while True:
            try:
                job: Job = parent.recv()
                progress = _telling(parent) if job.is_watched else no_progress
                try:
                    told = done(job, progress)
                except (BrokenPipeError, ConnectionResetError):
                    return
                except Exception:
                    told = Done(number=job.number, bug=traceback.format_exc())
                del job
                parent.send(told)
                del told
            except (EOFError, BrokenPipeError, ConnectionResetError):
                return


def _telling(parent: Connection) -> Progress:
    """Return a progress that is told now and then."""
    told_s = time.monotonic()

    def tell(read: int, size: int) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= EVERY_S:
            told_s = time.monotonic()
            parent.send(Read(read=read, size=size))

    return tell


if __name__ == "__main__":
    main(int(sys.argv[1]))

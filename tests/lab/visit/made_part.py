"""A part that behaves as its name says: stands for `lab/visit/part.py` in tests of a visit."""

import argparse
import os
import signal
import time
from pathlib import Path

from resnext_bench.lab.visit.part import BROKEN
from resnext_bench.lab.visit.results import Book, Task, now
from resnext_bench.machine.host.process import HELD, die_with_parent


def main() -> int:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
    die_with_parent(signal.SIGTERM)
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("file", type=Path)
    parser.add_argument("--device")
    parser.add_argument("--deadline", type=float)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    book = Book.open(options.file)
    book.plan(options.name, ("first", "second"))
    if options.again:
        book.put(options.name, "second", Task(state="done", date=now(), found={"x": 2}))
        return 0
    book.put(options.name, "first", Task(state="running", date=now(), found={"x": 1}))
    match options.name:
        case "tests":  # dies
            os.kill(os.getpid(), signal.SIGKILL)
        case "device":  # its device breaks
            return BROKEN
        case "training":  # does not end
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        case "convs":  # a bug
            raise SystemExit(1)
    for key in ("first", "second"):
        book.put(options.name, key, Task(state="done", date=now(), found={"x": 1}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Runs one part of the kit in a process of its own: if it breaks CUDA, no other part is affected.

    python -m resnext_bench.lab.visit.part NAME FILE --device cuda|cpu --deadline SECONDS [--again]

`visit.py` starts it; SECONDS are by the monotonic clock. With --again it does not retry what has
failed before. Exit code 4 means that the device no longer answers: the rest of the part can be
tried in another process.
"""

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Final

from resnext_bench.lab.visit.results import Book
from resnext_bench.lab.visit.sizes import sizes_for
from resnext_bench.lab.visit.tasks import Box, Broken, carry_out
from resnext_bench.lab.visit.watch import strangers
from resnext_bench.machine.host.process import HELD, die_with_parent

BROKEN: Final = 4


def main() -> int:
    """Do the tasks of one part that are left, until its time is over."""
    # Held back by whoever started this, and inherited: neither the end of the visit nor that of a
    # command of this part would be heard.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
    die_with_parent(signal.SIGTERM)
    options = _options()
    box = Box(
        kind=options.device,
        sizes=sizes_for(options.device),
        deadline=options.deadline,
        traces=options.file.with_suffix("").with_name(options.file.stem + "-traces"),
        strangers=strangers(),
    )
    # Named, not imported above: each part loads what it needs, and only one of them DALI.
    part = importlib.import_module(f"resnext_bench.lab.visit.parts.{options.name}")
    try:
        book = Book.open(options.file)
        carry_out(options.name, book, box, part.tasks(box), again=options.again)
    except Broken as broken:
        print(f"  {options.name}: the device answers no more: {broken}", flush=True)
        return BROKEN
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m resnext_bench.lab.visit.part", description=__doc__
    )
    parser.add_argument("name")
    parser.add_argument("file", type=Path)
    parser.add_argument("--device", choices=["cuda", "cpu"], required=True)
    parser.add_argument("--deadline", type=float, required=True)
    parser.add_argument("--again", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of loaders and compilers have nothing left to say

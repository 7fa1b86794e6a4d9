"""`python -m resnext_bench.lab.visit`: every GPU fact in one short visit.

First the tests that need a GPU, then measurements in order of value, each part in a box of time.
The results go to one JSON file, which is written as they come. Needs torch 2.11 or later, msgspec,
isal, duckdb and scipy; uses pytest, DALI, timm, nvidia-ml-py and cuDNN's frontend if installed.

Exit code 0 also if time ran out (--resume FILE goes on); 1 if a test failed or a result was wrong;
4 if a task failed; 5 without a GPU.
"""

import argparse
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.errors import BenchError, Interrupted, UsageError
from resnext_bench.lab.checkout import RESULTS
from resnext_bench.lab.visit.facts import read_facts, require_same
from resnext_bench.lab.visit.plan import MINUTES, PARTS, chosen
from resnext_bench.lab.visit.results import Book, Facts, Results, Visit, now
from resnext_bench.lab.visit.visit import visit

MOST: Final = 8
"""Largest number of faults that are listed."""
KEPT: Final = RESULTS / "gpu"
"""Folder of the results that `nox -s docs` shows."""


def main() -> int:
    """Carry out the visit; Ctrl-C and SIGTERM end it with the results so far."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _options()
    try:
        parts = chosen(options.only)
        if options.minutes <= 0:
            raise UsageError(f"--minutes {options.minutes:g}: give more than 0")
        book = _book(options)
        print(f"{book.results.facts.device}: {options.minutes:g} minutes, into {book.path}")
        visit(book, parts, options.device, 60 * options.minutes)
    except (BenchError, Interrupted) as error:
        word = "" if isinstance(error, Interrupted) else "error: "
        print(f"{word}{error}", file=sys.stderr)
        return error.exit_code
    return _end(book)


def _book(options: argparse.Namespace) -> Book:
    """Return a new file of results, or the one that is continued."""
    before = Book.open(options.resume) if options.resume else None
    facts, revision = read_facts(options.device)
    this = Visit(started=now(), minutes=options.minutes, revision=revision)
    if before:
        require_same(before.results.facts, facts)
        if facts != before.results.facts:
            this = msgspec.structs.replace(this, facts=facts)
        visits = (*before.results.visits, this)
        before.results = msgspec.structs.replace(before.results, visits=visits)
        before.store()
        return before
    path = options.json or _path(facts)
    if path.exists():
        raise UsageError(f"{path} is there; --resume {path} goes on with it, --json names another")
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Book(path, Results(date=now()[:10], facts=facts, visits=(this,)))
    book.store()
    return book


def _path(facts: Facts) -> Path:
    """Return where `nox -s docs` finds a GPU's results; a miniature's file is temporary."""
    name = re.sub(r"[^a-z0-9]+", "-", facts.device.lower()).strip("-")
    if facts.is_miniature:
        return Path(tempfile.mkdtemp(prefix="gpu-kit-")) / f"{name}.json"
    return KEPT / f"{name}-{now()[:10]}.json"


def _end(book: Book) -> int:
    """Print what was done, what is left, and what went wrong; return the exit code."""
    results = book.results
    tasks = [
        (name, key, task)
        for name, part in results.parts.items()
        for key, task in part.tasks.items()
    ]
    wrong = [f"{name} {key}: {why}" for name, key, task in tasks for why in task.wrong]
    failed = [f"{name} {key}: {task.why}" for name, key, task in tasks if task.gave_trouble]
    failed += [f"{name}: {part.why}" for name, part in results.parts.items() if part.broke]
    for word, found in (("wrong", wrong), ("failed", failed)):
        for one in found[:MOST]:
            print(f"{word}: {one}")
        if found[MOST:]:
            print(f"{word}: {len(found) - MOST} more, in {book.path}")
    left = sum(len(part.unreached) for part in results.parts.values())
    done = sum(task.state == "done" for _, _, task in tasks)
    rest = f", {left} left: --resume {book.path}" if left else ""
    print(f"{done} tasks done{rest}; {book.path}")
    return 1 if wrong else 4 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m resnext_bench.lab.visit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parts: " + "; ".join(f"{part.name} ({part.what})" for part in PARTS),
    )
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="in all (default %(default)g)"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="PART", help="this part; may be repeated"
    )
    files = parser.add_mutually_exclusive_group()
    files.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="where to write (default docs/results/gpu/DEVICE-DATE.json; of a miniature: /tmp)",
    )
    files.add_argument(
        "--resume", type=Path, metavar="FILE", help="go on with what an earlier visit left"
    )
    parser.add_argument(
        "--device",
        choices=["cuda", "cpu"],
        default="cuda",
        help="cpu: a miniature, which shows that the kit works",
    )
    return parser.parse_args()

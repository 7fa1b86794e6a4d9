"""Hand-made books and boxes for tests of the kit."""

import time
from pathlib import Path

from resnext_bench.lab.visit.results import Book, Facts, Results, Visit
from resnext_bench.lab.visit.sizes import MINIATURE
from resnext_bench.lab.visit.tasks import Box

FACTS = Facts(
    device="Made",
    kind="cpu",
    cpu="Made",
    cores=2,
    memory_gib=16.0,
    kernel="6.1",
    versions={"torch": "2.15.0"},
)


def made_book(folder: Path) -> Book:
    """An empty one on disk."""
    visit = Visit(started="2026-03-01T00:00:00+00:00", minutes=8, revision="")
    book = Book(folder / "made.json", Results(date="2026-03-01", facts=FACTS, visits=(visit,)))
    book.store()
    return book


def made_box(folder: Path, seconds: float = 60.0) -> Box:
    """A miniature's."""
    deadline = time.monotonic() + seconds
    return Box(kind="cpu", sizes=MINIATURE, deadline=deadline, traces=folder / "traces")

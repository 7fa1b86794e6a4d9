"""The file of a visit."""

import json
import threading
from pathlib import Path

import pytest

from resnext_bench.errors import UsageError
from resnext_bench.lab.visit.results import Book, PartResult, Task, now
from tests.lab.visit.made import made_book


def task(state: str, **more: object) -> Task:
    return Task(state=state, date=now(), **more)


def test_what_is_put_can_be_read_again(tmp_path: Path) -> None:
    book = made_book(tmp_path)
    book.plan("device", ("copy", "load"))
    book.put("device", "copy", task("done", found={"seconds": [[0.1, 0.2]]}))
    assert Book.open(book.path).results == book.results
    assert json.loads(book.path.read_text())["parts"]["device"]["planned"] == ["copy", "load"]


def test_what_is_left(tmp_path: Path) -> None:
    tasks = {
        "a": task("done"),
        "b": task("cut", found={"x": 1}),
        "c": task("failed"),
        "d": task("skipped"),
        "f": task("cut", found={"x": 1}, why="its process was ended by SIGKILL"),
    }
    part = PartResult(planned=("a", "b", "c", "d", "e", "f"), tasks=tasks)
    assert part.left == ("b", "c", "e", "f")
    assert part.unreached == ("b", "e")
    book = made_book(tmp_path)
    book.put_part("device", part)
    assert list(book.results.told("device")) == ["b", "f"], (
        "done without findings is nothing to show"
    )


def test_a_part_that_was_ended_keeps_what_its_running_task_had(tmp_path: Path) -> None:
    book = made_book(tmp_path)
    book.put("convs", "with", task("running", found={"seconds": []}))
    book.put("convs", "without", task("running"))
    book.stop("convs", "it was ended", broke=True)
    part = Book.open(book.path).results.part("convs")
    assert {key: one.state for key, one in part.tasks.items()} == {
        "with": "cut",
        "without": "failed",
    }
    assert (part.why, part.broke) == ("it was ended", True)
    book.plan("convs", ("with", "without"))
    assert not book.results.part("convs").broke, "another try is another chance"


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    book = made_book(tmp_path)
    over = threading.Event()

    def write() -> None:
        for number in range(60):
            book.put("device", f"task {number}", task("done", found={"x": [number] * 500}))
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not over.is_set():
        seen.add(len(Book.open(book.path).results.part("device").tasks))
    writer.join()
    assert len(seen) > 1, "it was read while it was written"
    assert [path.name for path in tmp_path.iterdir()] == ["made.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "run"}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"other\.json is no result of the kit"):
        Book.open(path)
    with pytest.raises(UsageError, match="give a file that the kit wrote"):
        Book.open(tmp_path / "missing.json")

"""What the command refuses, and how it ends."""

import sys
from pathlib import Path

import pytest

from resnext_bench.lab.visit import command
from resnext_bench.lab.visit.results import Book, Task, now
from tests.lab.visit.made import FACTS, made_book


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], float]]:
    """The command without its visit: parts and seconds it would have had."""
    asked: list[tuple[list[str], float]] = []
    monkeypatch.setattr(command, "read_facts", lambda kind: (FACTS, "0123456789ab"))
    monkeypatch.setattr(
        command,
        "visit",
        lambda book, parts, kind, seconds: asked.append(([one.name for one in parts], seconds)),
    )
    return asked


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["resnext_bench.lab.visit", *arguments])
    return command.main()


def test_a_new_file_and_the_same_again(
    visits: list[tuple[list[str], float]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "new" / "x.json"
    assert run(monkeypatch, "--json", str(path), "--only", "convs", "--minutes", "2") == 0
    assert run(monkeypatch, "--json", str(path)) == 2
    assert "is there; --resume" in capsys.readouterr().err
    assert run(monkeypatch, "--resume", str(path)) == 0
    assert [one[0] for one in visits] == [
        ["convs"],
        ["tests", "device", "training", "kernels", "convs", "trust"],
    ]
    assert visits[0][1] == 120
    assert len(Book.open(path).results.visits) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only", "conv"), "did you mean convs?"),
        (("--minutes", "0"), "--minutes 0: give more than 0"),
        (("--resume", "missing.json"), "missing.json: No such file or directory"),
    ],
)
def test_wrong_options_are_told_in_a_line(
    visits: list[tuple[list[str], float]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    assert run(monkeypatch, *arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not visits


@pytest.mark.parametrize(
    ("task", "code", "words"),
    [
        (Task(state="done", date=now(), found={"x": 1}), 0, "1 tasks done, 1 left: --resume"),
        (Task(state="done", date=now(), wrong=("off by 1",)), 1, "wrong: convs a: off by 1"),
        (Task(state="failed", date=now(), why="no engine"), 4, "failed: convs a: no engine"),
    ],
)
def test_how_it_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: Task, code: int, words: str
) -> None:
    book = made_book(tmp_path)
    book.plan("convs", ("a", "b"))
    book.put("convs", "a", task)
    assert command._end(book) == code
    assert words in capsys.readouterr().out


def test_a_process_that_ended_badly_is_a_failure(tmp_path: Path) -> None:
    book = made_book(tmp_path)
    book.stop("convs", "its process ended with code 1", broke=True)
    assert command._end(book) == 4

"""Progress of many files."""

from resnext_bench.cli.trace.many.board import Board


def test_files_and_the_time_that_is_left() -> None:
    told: list[tuple[str, float]] = []
    now = [0.0]
    board = Board([100, 300], lambda text, part: told.append((text, part)), lambda: now[0])
    board.read(0, 0, 50)
    now[0] = 10.0
    board.done(0)
    now[0] = 10.2
    board.read(1, 1, 2)  # too early to be drawn
    now[0] = 20.0
    board.read(1, 10, 30)
    assert told == [
        ("0 of 2 files read", 0.0),
        ("1 of 2 files read, 30 s left", 0.25),
        ("1 of 2 files read, 20 s left", 0.5),
    ]


def test_nobody_looks() -> None:
    board = Board([0], None)
    board.done(0)
    assert not board.is_drawn

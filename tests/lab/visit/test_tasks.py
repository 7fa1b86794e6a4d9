"""Tasks in order, each kept, whatever becomes of it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from resnext_bench.lab.visit import tasks
from resnext_bench.lab.visit.results import Book, Task, now
from resnext_bench.lab.visit.tasks import Broken, Findings, Planned, Skip, carry_out
from tests.lab.visit.made import made_book, made_box


def finding(value: int) -> Callable[[Findings], None]:
    def run(findings: Findings) -> None:
        findings.found["value"] = value

    return run


def failing(findings: Findings) -> None:
    findings.found["half"] = 1
    raise RuntimeError("no engine\nand a long story")


def skipping(findings: Findings) -> None:
    raise Skip("nothing to ask")


def planned(key: str, run: Callable[[Findings], None], room_s: float = 0) -> Planned:
    return Planned(key=key, run=run, room_s=room_s)


def states(book: Book) -> dict[str, str]:
    found = Book.open(book.path).results.part("device").tasks
    return {key: task.state for key, task in found.items()}


def test_one_that_fails_is_not_the_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    book = made_book(tmp_path)
    each = [planned("a", failing), planned("b", failing), planned("c", skipping)]
    carry_out("device", book, made_box(tmp_path), [*each, planned("d", finding(4))])
    assert states(book) == {"a": "failed", "b": "failed", "c": "skipped", "d": "done"}
    found = Book.open(book.path).results.part("device").tasks
    assert found["a"].why.startswith("RuntimeError: no engine")
    assert found["a"].found == {"half": 1}
    assert found["c"].why == "nothing to ask"
    assert found["d"].found == {"value": 4}
    told, said = capfd.readouterr()
    assert "a  failed: RuntimeError: no engine\n" in told, "one line for each"
    assert said.count("Traceback") == 1, "the same fault again is told once"


def test_what_does_not_fit_is_left_for_another_time(tmp_path: Path) -> None:
    book = made_book(tmp_path)
    each = [planned("long/a", finding(1), room_s=100), planned("short/b", finding(2), room_s=1)]
    carry_out("device", book, made_box(tmp_path, seconds=20), each)
    part = Book.open(book.path).results.part("device")
    assert (part.left, part.why) == (("long/a",), "its time was over")
    carry_out("device", book, made_box(tmp_path, seconds=200), each)
    assert states(book) == {"short/b": "done", "long/a": "done"}
    assert not book.results.part("device").why


def test_a_kind_that_took_long_is_taken_to_need_as_long(tmp_path: Path) -> None:
    def sleeping(findings: Findings) -> None:
        time.sleep(0.4)

    book = made_book(tmp_path)
    each = [planned(f"slow/{number}", sleeping) for number in range(4)]
    carry_out("device", book, made_box(tmp_path, seconds=0.6), each)
    assert list(states(book)) == ["slow/0"]


def test_resuming_does_what_is_left_and_nothing_else(tmp_path: Path) -> None:
    book = made_book(tmp_path)
    box = made_box(tmp_path)
    carry_out("device", book, box, [planned("a", finding(1)), planned("b", failing)])
    carry_out("device", book, box, [planned("a", finding(9)), planned("b", finding(2))], again=True)
    assert states(book) == {"a": "done", "b": "failed"}, "not in the same visit"
    carry_out("device", book, box, [planned("a", finding(9)), planned("b", finding(2))])
    found = Book.open(book.path).results.part("device").tasks
    assert [found[key].found["value"] for key in "ab"] == [1, 2]


def test_a_task_sees_what_an_earlier_try_had_found(tmp_path: Path) -> None:
    def counting(findings: Findings) -> None:
        findings.found["count"] = findings.before.get("count", 0) + 1
        findings.found["cut"] = findings.found["count"] < 2

    book = made_book(tmp_path)
    for state in ("cut", "done", "done"):
        carry_out("device", book, made_box(tmp_path), [planned("a", counting)])
        assert states(book) == {"a": state}
    assert Book.open(book.path).results.part("device").tasks["a"].found["count"] == 2


def test_a_second_try_that_comes_less_far_loses_nothing(tmp_path: Path) -> None:
    def timing(before: int, rounds: int) -> Callable[[Findings], None]:
        def run(findings: Findings) -> None:
            on_disk = Book.open(book.path).results.part("device").tasks["a"]
            assert len(on_disk.found.get("seconds", [])) == before, "while it runs, too"
            findings.found |= {"seconds": [[0.1]] * rounds, "cut": rounds < 6}
            findings.keep()
            if rounds == 1:
                raise RuntimeError("no engine")

        return run

    book = made_book(tmp_path)
    for before, rounds, kept, state in (
        (0, 4, 4, "cut"),
        (4, 2, 4, "cut"),
        (4, 1, 4, "cut"),
        (4, 6, 6, "done"),
    ):
        carry_out("device", book, made_box(tmp_path), [planned("a", timing(before, rounds))])
        task = Book.open(book.path).results.part("device").tasks["a"]
        assert (len(task.found["seconds"]), task.state) == (kept, state)


def test_what_gave_trouble_before_comes_last(tmp_path: Path) -> None:
    book = made_book(tmp_path)
    carry_out("device", book, made_box(tmp_path), [planned("a", failing)])
    order: list[str] = []
    each = [planned(key, lambda f, key=key: order.append(key)) for key in ("a", "b", "c")]
    carry_out("device", book, made_box(tmp_path), each)
    assert order == ["b", "c", "a"]


def test_what_is_found_is_on_disk_before_the_task_is_over(tmp_path: Path) -> None:
    book = made_book(tmp_path)

    def keeping(findings: Findings) -> None:
        findings.found["rounds"] = 3
        findings.keep()
        on_disk = Book.open(book.path).results.part("device").tasks["a"]
        assert (on_disk.state, on_disk.found) == ("running", {"rounds": 3})

    carry_out("device", book, made_box(tmp_path), [planned("a", keeping)])
    assert states(book) == {"a": "done"}


def test_a_device_that_answers_no_more_ends_the_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_answers", lambda kind: False)
    book = made_book(tmp_path)
    with pytest.raises(Broken, match="no engine"):
        carry_out(
            "device",
            book,
            made_box(tmp_path),
            [planned("a", failing), planned("b", finding(2))],
        )
    assert states(book) == {"a": "failed"}


def test_what_a_kind_takes_is_known_to_the_next_process(tmp_path: Path) -> None:
    book = made_book(tmp_path)
    book.put("device", "long/a", Task(state="done", date=now(), seconds=100))
    each = [planned("long/a", finding(1)), planned("long/b", finding(2))]
    carry_out("device", book, made_box(tmp_path, seconds=20), [*each, planned("d", finding(4))])
    assert book.results.part("device").left == ("long/b",)


def test_the_end_of_a_visit_is_no_fault_of_a_task(tmp_path: Path) -> None:
    book = made_book(tmp_path)
    for over, state in ((True, "cut"), (False, "failed")):
        book.put("device", "a", Task(state="running", date=now()))
        book.stop("device", "ended", over=over)
        task = book.results.part("device").tasks["a"]
        assert (task.state, task.gave_trouble) == (state, not over)

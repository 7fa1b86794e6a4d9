"""Tags and notes change themselves and nothing else in a record."""

import threading
from pathlib import Path

import msgspec
import pytest

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.store import marks, runs
from tests.reports.made_comparisons import COMPARISON_ID, made_comparison
from tests.reports.made_results import RUN_ID, made_record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / RUN_ID
    path.mkdir()
    runs.save(path, made_record())
    return path


def test_tags_come_and_go(folder: Path) -> None:
    assert marks.tag(folder, ("nightly", "base")) == ("nightly", "base")
    assert marks.tag(folder, ("nightly", "v2")) == ("nightly", "base", "v2")
    assert marks.tag(folder, (), ("base",)) == ("nightly", "v2")
    assert runs.load(folder) == made_record(tags=("nightly", "v2"))


def test_a_note_replaces_the_one_before(folder: Path) -> None:
    marks.note(folder, "first")
    marks.note(folder, " fans at full speed ")
    assert runs.load(folder) == made_record(note="fans at full speed")
    marks.note(folder, "")
    assert runs.load(folder) == made_record()


def test_comparisons_too(tmp_path: Path) -> None:
    path = tmp_path / COMPARISON_ID
    path.mkdir()
    runs.save(path, made_comparison())
    marks.tag(path, ("release",))
    assert runs.load(path) == made_comparison(tags=("release",))


def test_fields_of_a_later_version_are_kept(folder: Path) -> None:
    path = folder / runs.RECORD
    raw = msgspec.json.decode(path.read_bytes())
    raw["of_the_future"] = {"kept": [1, 2.5, None]}
    path.write_bytes(msgspec.json.encode(raw))
    marks.tag(folder, ("nightly",))
    after = msgspec.json.decode(path.read_bytes())
    assert after == raw | {"tags": ["nightly"]}


def test_two_at_once_lose_nothing(folder: Path) -> None:
    names = [f"t{number}" for number in range(16)]
    threads = [threading.Thread(target=marks.tag, args=(folder, (name,))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = runs.load(folder)
    assert sorted(record.tags) == sorted(names)
    assert [path.name for path in folder.iterdir()] == [runs.RECORD]


@pytest.mark.parametrize("wrong", ["", "two words", "a,b", "x" * 65, "it's", 'a"b'])
def test_what_is_no_tag(folder: Path, wrong: str) -> None:
    with pytest.raises(StoreError, match="up to 64 characters without space, comma or quote"):
        marks.tag(folder, ("good", wrong))
    assert runs.load(folder) == made_record()


def test_a_tag_that_is_not_there(folder: Path) -> None:
    with pytest.raises(StoreError, match=r"has no tag 'nope'; it has none"):
        marks.tag(folder, (), ("nope",))
    marks.tag(folder, ("base",))
    with pytest.raises(StoreError, match=r"has no tag 'nope'; its tags are base"):
        marks.tag(folder, (), ("nope",))


def test_an_unfinished_run_cannot_be_marked(tmp_path: Path) -> None:
    folder = tmp_path / RUN_ID
    folder.mkdir()
    with pytest.raises(StoreError, match=r"cannot read .*record\.json"):
        marks.note(folder, "mine")

"""The runs folder: whole records or none, and messages that help to find the right one."""

import errno
import os
import re
from pathlib import Path

import pytest

from resnext_bench.errors import cannot_write
from resnext_bench.reports.errors import StoreError, Unwritten
from resnext_bench.reports.schema.record import Record
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.runs import Unfinished
from tests.reports.made_comparisons import COMPARISON_ID, made_comparison
from tests.reports.made_results import made_record

FIRST = "20260301-101500-resnext50_32x4d_2n-a1b2"
SECOND = "20260301-101500-resnext50_32x4d_2n-c3d4"
THIRD = "20260302-090000-resnext101_32x4d_1n-e5f6"


def stored(root: Path, *ids: str) -> Path:
    """A runs folder with a sound run for each id."""
    for name in ids:
        (root / name).mkdir(parents=True)
        runs.save(root / name, made_record(id=name))
    return root


def test_a_record_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    folder = runs.create(tmp_path / "not" / "yet", "resnext50_32x4d-2n")
    record = made_record(id=folder.name)
    runs.save(folder, record)
    assert runs.load(folder) == record
    assert [path.name for path in folder.iterdir()] == ["record.json"]
    assert (folder / "record.json").stat().st_mode & 0o777 == 0o644


def test_the_name_of_a_folder(tmp_path: Path) -> None:
    name = runs.create(tmp_path, "a b/c-2n").name
    assert re.fullmatch(r"\d{8}-\d{6}-a_b_c_2n-[0-9a-f]{4}", name)
    assert runs.find(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("model", ["timm:resnet50.a1_in1k", "nets.a:b", "x." * 200 + "y:Net"])
def test_a_models_name_is_no_path_and_not_too_long(tmp_path: Path, model: str) -> None:
    folder = runs.create(tmp_path, f"{model}-1n")
    assert folder.parent == tmp_path
    assert runs.find(tmp_path, folder.name) == folder
    assert folder.name[:-5].endswith("_1n")


def test_two_runs_of_one_second_get_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Frozen(runs.datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Frozen":
            return cls(2026, 3, 1, 10, 15, 0)

    ends = iter(["a1b2", "a1b2", "a1b2", "c3d4"])
    monkeypatch.setattr(runs, "datetime", Frozen)
    monkeypatch.setattr("secrets.token_hex", lambda size: next(ends))
    made = [runs.create(tmp_path, "m").name for _ in range(2)]
    assert made == ["20260301-101500-m-a1b2", "20260301-101500-m-c3d4"]


def test_oldest_first_and_bad_ones_reported(tmp_path: Path) -> None:
    root = stored(tmp_path, THIRD, FIRST)
    (root / SECOND).mkdir()
    (root / "20260301-120000-m-0000").mkdir()
    (root / "20260301-120000-m-0000" / "record.json").write_text('{"version": 1, "id"')
    (root / "notes").mkdir()
    (root / "20260301-110000-m-1111").write_text("a file, not a folder")
    first, unfinished, damaged, third = runs.scan(root)
    assert isinstance(first, Record)
    assert isinstance(third, Record)
    assert (first.id, third.id) == (FIRST, THIRD)
    why = "there is no record: it is still running, or was killed"
    assert unfinished == Unfinished(id=SECOND, why=why)
    assert isinstance(damaged, Unfinished)
    assert "record.json is not a record" in damaged.why


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a record"),
        (b"[1, 2]", "is not a record"),
        (b'{"version": 1, "id": "\xff"}', "is not a record"),
        (b'{"id": "x"}', "its version is None"),
        (b'{"version": 0}', "its version is 0"),
        (b'{"version": true}', "its version is True"),
        (b'{"version": 1}', "is not a record: Object missing required field"),
        (b'{"version": 7}', "written by a newer resnext-bench (record version 7"),
    ],
)
def test_records_that_cannot_be_read(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / FIRST).mkdir()
    (tmp_path / FIRST / "record.json").write_bytes(content)
    with pytest.raises(StoreError) as error:
        runs.load(tmp_path / FIRST)
    assert words in str(error.value)
    assert str(tmp_path / FIRST / "record.json") in str(error.value)
    (found,) = runs.scan(tmp_path)
    assert found == Unfinished(id=FIRST, why=str(error.value))


def test_a_run_without_a_record_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read .*record\.json: No such file"):
        runs.load(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(FIRST, FIRST), ("a1b2", FIRST), ("20260302", THIRD), ("last", THIRD), ("e5f6", THIRD)],
)
def test_find(tmp_path: Path, wanted: str, found: str) -> None:
    assert runs.find(stored(tmp_path, FIRST, SECOND, THIRD), wanted) == tmp_path / found


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("20260301", f"run '20260301' is ambiguous: {FIRST}, {SECOND}; give more of the id"),
        ("20260302-090000-resnext101_32x4d_1n-e5f7", f"the nearest is {THIRD}"),
        ("zzz", f"the newest is {THIRD} (`runs list` shows all)"),
    ],
)
def test_not_found(tmp_path: Path, wanted: str, words: str) -> None:
    with pytest.raises(StoreError) as error:
        runs.find(stored(tmp_path, FIRST, SECOND, THIRD), wanted)
    assert words in str(error.value)


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_no_runs(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    assert not list(runs.scan(tmp_path / name))
    with pytest.raises(StoreError, match=rf"no runs in .*{name}; name their folder with --output"):
        runs.find(tmp_path / name, "last")


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("not a folder")
    for root in (tmp_path / "runs", tmp_path / "runs" / "below"):
        with pytest.raises(StoreError) as error:
            runs.create(root, "m")
        assert str(error.value).startswith(f"cannot write runs to {root}: ")
        assert "name another folder with --output or $RESNEXT_BENCH_RUNS" in str(error.value)


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(Unwritten) as error:
        runs.create(tmp_path, "m")
    assert cannot_write(error.value) == (
        f"cannot write {tmp_path}: Permission denied (name a folder that can be written to with "
        "--output or $RESNEXT_BENCH_RUNS)"
    )


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(StoreError, match=r"cannot read runs in .*: Permission denied"):
        list(runs.scan(tmp_path))


@pytest.mark.parametrize(
    ("owner", "name"), [(os, "fsync"), (Path, "replace"), (Path, "chmod")], ids=lambda v: str(v)[:7]
)
@pytest.mark.parametrize("end", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_crash_while_saving_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    end: BaseException,
) -> None:
    def crash(*arguments: object) -> None:
        raise end

    monkeypatch.setattr(owner, name, crash)
    with pytest.raises(type(end)):
        runs.save(tmp_path, made_record())
    assert not list(tmp_path.iterdir())


def test_a_crash_while_saving_again_keeps_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    runs.save(tmp_path, made_record(why="old"))
    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="Input/output"):
        runs.save(tmp_path, made_record(why="new"))
    assert runs.load(tmp_path).why == "old"


def test_which_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESNEXT_BENCH_RUNS", raising=False)
    assert runs.runs_folder(None) == Path("runs")
    monkeypatch.setenv("RESNEXT_BENCH_RUNS", "elsewhere")
    assert runs.runs_folder(None) == Path("elsewhere")
    assert runs.runs_folder(Path("given")) == Path("given")
    monkeypatch.setenv("RESNEXT_BENCH_RUNS", "")
    assert runs.runs_folder(None) == Path("runs")


def compared(root: Path) -> Path:
    """A runs folder with a run, and a comparison that holds the runs of its sides."""
    stored(root, FIRST)
    record = made_comparison()
    for child in record.children:
        stored(root / record.id, child)
    runs.save(root / record.id, record)
    return root


def test_a_comparison_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    record = made_comparison()
    root = compared(tmp_path)
    assert runs.load(root / COMPARISON_ID) == record
    first, second = runs.scan(root)
    assert isinstance(first, Record)
    assert (first.id, second) == (FIRST, record), "the runs of its sides are no entries"


def test_a_comparison_is_no_run(tmp_path: Path) -> None:
    root = compared(tmp_path)
    one, other = made_comparison().children
    with pytest.raises(StoreError) as error:
        runs.load_run(root / COMPARISON_ID)
    expected = f"{COMPARISON_ID} is a comparison, not a run; its runs are {one} and {other}"
    assert str(error.value) == expected
    runs.save(root / COMPARISON_ID, made_comparison(children=()))
    with pytest.raises(StoreError, match=r"is a comparison, not a run$"):
        runs.load_run(root / COMPARISON_ID)
    assert runs.load_run(root / FIRST).id == FIRST


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("last", COMPARISON_ID),
        ("c0de", COMPARISON_ID),
        ("aaaa", f"{COMPARISON_ID}/20260301-120001-resnext50_32x4d_1n-aaaa"),
        ("20260301-120001-resnext50_32x4d_1n-bbbb", None),
    ],
)
def test_runs_of_sides_are_found_by_name(tmp_path: Path, wanted: str, found: str | None) -> None:
    expected = tmp_path / (found or f"{COMPARISON_ID}/{wanted}")
    assert runs.find(compared(tmp_path), wanted) == expected


def test_runs_of_sides_can_be_ambiguous(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is ambiguous: .*-aaaa, .*-bbbb"):
        runs.find(compared(tmp_path), "20260301-120001")


@pytest.mark.parametrize("name", ["caf\udce9", "\udcff/runs", "a\udc80b"])
def test_a_folder_whose_name_is_no_text(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"the name is not valid UTF-8.*--output"):
        runs.create(tmp_path / name, "m")
    assert not list(tmp_path.iterdir())
    assert runs.create(tmp_path / "größer", "m").is_dir()

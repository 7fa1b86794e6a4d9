"""Which traces are meant by a file, a folder or a run."""

from pathlib import Path

import pytest

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.samples import Profiled
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.trace_files import trace_files
from tests.reports.made_results import RUN_ID, made_record


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return path


def names(wanted: str | Path, root: Path | None = None) -> list[tuple[str, int | None]]:
    return [(one.path.name, one.rank) for one in trace_files(str(wanted), root)]


def test_a_file(tmp_path: Path) -> None:
    assert names(touch(tmp_path / "any-rank12.json")) == [("any-rank12.json", 12)]
    assert names(touch(tmp_path / "any.json.gz")) == [("any.json.gz", None)]


def test_a_folder_by_rank(tmp_path: Path) -> None:
    for rank in (10, 2, 0):
        touch(tmp_path / f"host-rank{rank}.17.pt.trace.json.gz")
    touch(tmp_path / "other.json")
    assert [rank for _, rank in names(tmp_path)] == [0, 2, 10]


def test_a_folder_of_folders_and_of_other_names(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "rank1.json")
    touch(tmp_path / "b" / "rank0.json.gz")
    touch(tmp_path / "b" / "record.json")
    assert names(tmp_path) == [("rank0.json.gz", 0), ("rank1.json", 1)]


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file or folder"):
        trace_files(str(tmp_path / "x.json"), None)
    with pytest.raises(StoreError, match="holds no traces"):
        trace_files(str(tmp_path), None)
    with pytest.raises(StoreError, match="no runs in"):
        trace_files("last", tmp_path)


def stored(root: Path, profiled: tuple[Profiled, ...]) -> Path:
    record = made_record(profiled=profiled)
    (root / record.id).mkdir()
    runs.save(root / record.id, record)
    return root / record.id


def profiled(rank: int, trace: Path) -> Profiled:
    return Profiled(rank=rank, host="node7", trace=str(trace), size=2, steps=3, step_ms=5.0)


def test_a_run_by_its_record(tmp_path: Path) -> None:
    traces = [touch(tmp_path / "far" / f"{rank}.pt.trace.json") for rank in (0, 1)]
    folder = stored(tmp_path, tuple(profiled(rank, one) for rank, one in enumerate(traces)))
    expected = [("0.pt.trace.json", 0), ("1.pt.trace.json", 1)]
    for wanted in ("last", RUN_ID, RUN_ID[:10], str(folder)):
        assert names(wanted, tmp_path) == expected


def test_a_run_that_was_moved(tmp_path: Path) -> None:
    folder = stored(tmp_path, (profiled(0, Path("/elsewhere/run/profile/t.pt.trace.json")),))
    touch(folder / "profile" / "t.pt.trace.json")
    assert names("last", tmp_path) == [("t.pt.trace.json", 0)]


def test_a_run_whose_traces_are_elsewhere(tmp_path: Path) -> None:
    stored(tmp_path, (profiled(0, Path("/elsewhere/t.pt.trace.json")),))
    with pytest.raises(StoreError, match=r"rank 0 wrote /elsewhere/t\.pt\.trace\.json on node7"):
        trace_files("last", tmp_path)


def test_a_run_without_traces(tmp_path: Path) -> None:
    stored(tmp_path, ())
    with pytest.raises(StoreError, match="--profile"):
        trace_files("last", tmp_path)


def test_a_run_that_is_invalid_says_so(tmp_path: Path) -> None:
    record = made_record(
        status="invalid",
        why="31 % were lost",
        profiled=(profiled(0, touch(tmp_path / "t.pt.trace.json")),),
    )
    (tmp_path / record.id).mkdir()
    runs.save(tmp_path / record.id, record)
    (found,) = trace_files("last", tmp_path)
    assert found.doubt == "INVALID: 31 % were lost"

"""Which traces are meant by a file, a folder or a run."""

import os
from pathlib import Path

import pytest

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.samples import Profiled
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.trace_files import find_traces, rank_of, trace_files
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
    with pytest.raises(StoreError, match=r"^there are no runs in"):
        trace_files("last", tmp_path)
    with pytest.raises(StoreError, match=r"^x: there is no such file or folder, and .* no runs in"):
        trace_files("x", tmp_path)


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


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        ("rank3.json", 3),
        ("rank_3.pt.trace.json.gz", 3),
        ("host-rank-3.17.pt.trace.json", 3),
        ("Rank3_trace.json", 3),
        ("global_rank3.json", 3),
        ("dp0_pp0_tp1_ep1_rank3.17.pt.trace.json.gz", 3),
        ("node_rank1_rank3.json", 3),
        ("trace_r3.json", 3),
        ("worker3.1623143089861.pt.trace.json", 3),
        ("worker3_step_12.1694128201545.pt.trace.json", 3),
        ("rank3/host_1234.1700000000000.pt.trace.json", 3),
        ("local_rank3.json", None),
        ("tp_rank3.json", None),
        ("resnet50_num_workers_3.json", None),
        ("host_1234.1700000000000000000.pt.trace.json", None),
        ("gpu-r3-node7.json", None),
        ("frank3.json", None),
        ("rank0_to_rank3.json", None),
        ("1700000000-TP-3.trace.json.gz", None),
        ("rank12345678.json", None),
    ],
)
def test_ranks_in_names(name: str, rank: int | None) -> None:
    assert rank_of(Path("/folder") / name) == rank


def beside(folder: Path) -> set[str]:
    return {one.name for one in find_traces(str(folder), None).beside}


def test_what_else_is_there_is_found_whatever_it_is_called(tmp_path: Path) -> None:
    touch(tmp_path / "rank0.pt.trace.json")
    for name in ("other.json", "rank1.json.gz", "rank2.json.zst", "all.tar.gz", "old.zip"):
        touch(tmp_path / name)
    (tmp_path / "rank3").write_text('{"traceEvents": []}')
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "rank4.pt.trace.json").symlink_to(tmp_path / "nowhere")
    touch(tmp_path / "deeper" / "rank5.pt.trace.json")
    touch(tmp_path / "deeper" / "config.json")
    assert names(tmp_path) == [("rank0.pt.trace.json", 0)]
    expected = {"other.json", "rank1.json.gz", "rank2.json.zst", "all.tar.gz", "old.zip", "rank3"}
    assert beside(tmp_path) == expected | {"rank4.pt.trace.json", "rank5.pt.trace.json"}


def test_hidden_files_are_no_ranks(tmp_path: Path) -> None:
    """What `rsync` has not finished, and what macOS lays beside each file."""
    for name in ("r0.json", ".r1.json", "._r0.json"):
        touch(tmp_path / name)
    assert [name for name, _ in names(tmp_path)] == ["r0.json"]
    assert beside(tmp_path) == {".r1.json", "._r0.json"}


def test_what_else_is_in_folders_inside(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "rank0.pt.trace.json")
    for name in ("a/rank1.json", "top.json", "b/rank2.json"):
        touch(tmp_path / name)
    assert names(tmp_path) == [("rank0.pt.trace.json", 0)]
    assert beside(tmp_path) == {"rank1.json", "top.json"}


def test_what_a_run_of_ours_keeps_is_not_told(tmp_path: Path) -> None:
    touch(tmp_path / "run" / "profile" / "rank0.pt.trace.json")
    for name in ("record.json", "state.json"):
        touch(tmp_path / "run" / name)
    assert names(tmp_path) == [("rank0.pt.trace.json", 0)]
    assert beside(tmp_path) == set()
    assert find_traces(str(tmp_path), None).files[0].run == str(tmp_path / "run")


def test_a_folder_of_what_may_be_traces_says_so(tmp_path: Path) -> None:
    touch(tmp_path / "rank0.json.zst")
    (tmp_path / "rank1").write_text('{"traceEvents": []}')
    with pytest.raises(StoreError, match=r"holds no traces.*: rank0\.json\.zst, rank1$"):
        find_traces(str(tmp_path), None)


def test_a_folder_that_is_called_like_a_file(tmp_path: Path) -> None:
    touch(tmp_path / "rank0.pt.trace.json" / "rank1.pt.trace.json")
    assert names(tmp_path) == [("rank1.pt.trace.json", 1)]
    assert names(tmp_path / "rank0.pt.trace.json") == [("rank1.pt.trace.json", 1)]


def test_links_that_lead_in_circles(tmp_path: Path) -> None:
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    (tmp_path / "again").symlink_to(tmp_path)
    for wanted in ("loop.json", "again/again/loop.json"):
        with pytest.raises(StoreError, match="a link that leads nowhere"):
            find_traces(str(tmp_path / wanted), None)
    touch(tmp_path / "rank0.pt.trace.json")
    assert names(tmp_path) == [("rank0.pt.trace.json", 0)]


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for wanted in (tmp_path / "pipe.json", "/dev/null"):
        with pytest.raises(StoreError, match="no regular file"):
            find_traces(str(wanted), None)
    touch(tmp_path / "rank0.json")
    assert names(tmp_path) == [("rank0.json", 0)]


@pytest.mark.parametrize("wanted", ["a\0b.json", "x" * 300 + ".json", "/proc/1/nothing/x.json"])
def test_names_that_no_file_can_have(wanted: str) -> None:
    with pytest.raises(StoreError, match=r"cannot be read|no such file"):
        find_traces(wanted, None)


def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(StoreError, match="cannot be read: Permission denied"):
        find_traces(str(tmp_path), None)
    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(StoreError, match="cannot be read: Permission denied"):
        find_traces(str(tmp_path), None)


def test_names_of_any_bytes(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"a\xff\nrank0.pt.trace.json")
    touch(odd)
    assert names(tmp_path) == [(odd.name, 0)]
    odd.rename(tmp_path / os.fsdecode(b"a\xff\n.json.zst"))
    with pytest.raises(StoreError) as caught:
        find_traces(str(tmp_path), None)
    assert str(caught.value).endswith(r": a\xff\n.json.zst")

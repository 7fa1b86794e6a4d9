"""Storage read cold and warm: what was in the page cache is known, not assumed."""

import mmap
import os
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from resnext_bench.pipelines.images import storage
from resnext_bench.pipelines.images.storage import (
    Place,
    drop,
    measure,
    places_to_read,
    read,
    residency,
    sample,
)
from tests.pipelines.made_shards import listed, write_tar

FILE_BYTES = 100_000


@pytest.fixture
def files(tmp_path: Path) -> list[Place]:
    for number in range(20):
        (tmp_path / f"{number}.jpg").write_bytes(os.urandom(FILE_BYTES))
    return [Place(path) for path in sorted(tmp_path.iterdir())]


def keeps_pages(path: Path) -> bool:
    """Whether this file system lets pages go: tmpfs does not."""
    drop(path)
    return residency([Place(path)]) > 0


def test_pages_just_written_leave_when_asked(tmp_path: Path, files: list[Place]) -> None:
    assert residency(files) == 1.0
    if keeps_pages(files[0].path):
        pytest.skip("a memory file system: its pages cannot leave")
    for place in files[1:]:
        drop(place.path)
    assert residency(files) == 0.0
    files[3].path.read_bytes()
    assert residency(files) == pytest.approx(1 / 20)


def test_both_passes_read_every_byte(tmp_path: Path, files: list[Place]) -> None:
    if keeps_pages(files[0].path):
        pytest.skip("a memory file system: its pages cannot leave")
    found = measure(files, threads=2)
    assert (found.files, found.bytes) == (20, 20 * FILE_BYTES)
    for one, resident in ((found.cold, 0.0), (found.warm, 1.0)):
        assert (one.resident, one.read_files, one.read_bytes) == (resident, 20, 20 * FILE_BYTES)
        assert one.bytes_per_s == one.read_bytes / one.seconds


def test_shards_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PIECE_BYTES", 4 * mmap.PAGESIZE)
    write_tar(tmp_path / "a.tar", [("1.jpg", os.urandom(FILE_BYTES)), ("1.cls", b"0")])
    size = (tmp_path / "a.tar").stat().st_size
    places = places_to_read(listed(tmp_path))
    assert [place.begin for place in places] == list(range(0, size, 4 * mmap.PAGESIZE))
    assert sum(place.size for place in places) == size
    if keeps_pages(tmp_path / "a.tar"):
        pytest.skip("a memory file system: its pages cannot leave")
    found = measure(places, threads=2)
    assert (found.files, found.bytes, found.cold.read_bytes) == (len(places), size, size)
    assert found.warm.resident == 1.0


def test_no_cold_figure_where_pages_stay(
    tmp_path: Path, files: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "drop", lambda path: None)  # as tmpfs does
    found = measure(files, threads=1)
    assert (found.cold.resident, found.cold.read_bytes, found.cold.bytes_per_s) == (1.0, 0, None)
    assert found.warm.bytes_per_s


def test_no_warm_figure_where_pages_do_not_stay(
    tmp_path: Path, files: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "residency", lambda paths: 0.0)
    found = measure(files, threads=1)
    assert found.cold.bytes_per_s
    assert found.warm.bytes_per_s is None


def test_reading_ends_with_its_time(
    tmp_path: Path, files: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "LIMIT_S", -1.0)
    found, seen = read(files, threads=2, resident=0)
    assert (found.read_files, found.bytes_per_s, seen) == (0, None, [])


def test_warm_is_what_there_was_time_for(
    tmp_path: Path, files: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk ends the cold pass; what it did not read was never in the cache."""
    if keeps_pages(files[0].path):
        pytest.skip("a memory file system: its pages cannot leave")
    clock = count()  # a second each time it is asked, as it is once for a file
    monkeypatch.setattr(storage, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    found = measure(files, threads=1)
    assert found.cold.read_files == storage.LIMIT_S
    assert (found.files, found.bytes) == (10, 10 * FILE_BYTES)
    assert (found.warm.resident, found.warm.read_bytes) == (1.0, 10 * FILE_BYTES)


def test_the_sample_is_limited_and_follows_from_the_seed(
    tmp_path: Path, files: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(sample(files, seed=0)) == files
    monkeypatch.setattr(storage, "SAMPLE_BYTES", 5 * FILE_BYTES + 1)
    chosen = sample(files, seed=0)
    assert len(set(chosen)) == 5
    assert sample(files, seed=0) == chosen != sample(files, seed=1)
    monkeypatch.setattr(storage, "SAMPLE_BYTES", 1)
    assert len(sample(files, seed=0)) == 1

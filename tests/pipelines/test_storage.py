"""Storage read cold and warm: what was in the page cache is known, not assumed."""

import os
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.storage import drop, measure, read, residency, sample

FILE_BYTES = 100_000


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for number in range(20):
        (tmp_path / f"{number}.jpg").write_bytes(os.urandom(FILE_BYTES))
    return sorted(path.name for path in tmp_path.iterdir())


def keeps_pages(path: Path) -> bool:
    """Whether this file system lets pages go: tmpfs does not."""
    drop(path)
    return residency([path]) > 0


def test_pages_just_written_leave_when_asked(tmp_path: Path, files: list[str]) -> None:
    paths = [tmp_path / name for name in files]
    assert residency(paths) == 1.0
    if keeps_pages(paths[0]):
        pytest.skip("a memory file system: its pages cannot leave")
    for path in paths[1:]:
        drop(path)
    assert residency(paths) == 0.0
    paths[3].read_bytes()
    assert residency(paths) == pytest.approx(1 / 20)


def test_both_passes_read_every_byte(tmp_path: Path, files: list[str]) -> None:
    if keeps_pages(tmp_path / files[0]):
        pytest.skip("a memory file system: its pages cannot leave")
    found = measure(tmp_path, files, threads=2)
    assert (found.files, found.bytes) == (20, 20 * FILE_BYTES)
    for one, resident in ((found.cold, 0.0), (found.warm, 1.0)):
        assert (one.resident, one.read_files, one.read_bytes) == (resident, 20, 20 * FILE_BYTES)
        assert one.bytes_per_s == one.read_bytes / one.seconds


def test_no_cold_figure_where_pages_stay(
    tmp_path: Path, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "drop", lambda path: None)  # as tmpfs does
    found = measure(tmp_path, files, threads=1)
    assert (found.cold.resident, found.cold.read_bytes, found.cold.bytes_per_s) == (1.0, 0, None)
    assert found.warm.bytes_per_s


def test_no_warm_figure_where_pages_do_not_stay(
    tmp_path: Path, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "residency", lambda paths: 0.0)
    found = measure(tmp_path, files, threads=1)
    assert found.cold.bytes_per_s
    assert found.warm.bytes_per_s is None


def test_reading_ends_with_its_time(
    tmp_path: Path, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "LIMIT_S", -1.0)
    found = read([tmp_path / name for name in files], threads=2, resident=0)
    assert (found.read_files, found.bytes_per_s) == (0, None)


def test_the_sample_is_limited_and_follows_from_the_seed(
    tmp_path: Path, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(path.name for path in sample(tmp_path, files, seed=0)) == files
    monkeypatch.setattr(storage, "SAMPLE_BYTES", 5 * FILE_BYTES + 1)
    chosen = sample(tmp_path, files, seed=0)
    assert len(set(chosen)) == 5
    assert sample(tmp_path, files, seed=0) == chosen != sample(tmp_path, files, seed=1)
    monkeypatch.setattr(storage, "SAMPLE_BYTES", 1)
    assert len(sample(tmp_path, files, seed=0)) == 1

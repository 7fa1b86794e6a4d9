"""How many traces are read at once."""

from pathlib import Path

import pytest

from resnext_bench.reports.trace.many.plan import peak_bytes, plain_size, processes

LARGE = 250 * 10**6


@pytest.mark.parametrize(
    ("cores", "files", "free_gb", "asked", "count"),
    [
        (2, 8, 100, None, 2),
        (64, 8, 100, None, 8),
        (64, 8, 100, 3, 3),
        (2, 8, 100, 5, 5),
        (2, 3, 100, 16, 3),
        (2, 1, 100, None, 1),
        (1, 8, 100, None, 1),
        (16, 8, 0.6, None, 2),
        (16, 8, 0.01, None, 1),
        (16, 8, 0.01, 4, 4),
    ],
)
def test_cores_files_and_memory(
    cores: int, files: int, free_gb: float, asked: int | None, count: int
) -> None:
    sizes = [LARGE] * files
    assert processes(sizes, cores=cores, free_bytes=free_gb * 1e9, asked=asked) == count


def test_small_files_are_not_worth_a_process() -> None:
    assert processes([10**6] * 40, cores=8, free_bytes=1e12) == 1
    assert processes([10**6] * 400, cores=8, free_bytes=1e12) == 7


@pytest.mark.parametrize(
    ("size_mb", "measured_mib"), [(253, 111), (246, 143), (985, 343), (1015, 173)]
)
def test_the_estimate_is_above_what_was_measured(size_mb: float, measured_mib: float) -> None:
    """Peaks of one process (docs/traces.md, and the task of `trace ranks`)."""
    assert measured_mib * 2**20 < peak_bytes(int(size_mb * 1e6)) < 3 * measured_mib * 2**20


def test_the_size_of_a_compressed_file_is_guessed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"0" * 100)
    (tmp_path / "a.json.gz").write_bytes(b"0" * 100)
    assert plain_size(tmp_path / "a.json") == 100
    assert plain_size(tmp_path / "a.json.gz") == 1600
    assert plain_size(tmp_path / "none.json") == 0

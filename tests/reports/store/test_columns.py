"""The samples' file, read back as any user of SQL would read it."""

import math
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.store.columns import FILE, write_columns
from tests.reports.made_results import even_samples, made_result, made_samples

BEYOND_FLOAT = 2**53 + 1
"""The first integer that a double cannot hold: nanoseconds must not pass through one."""


def sessions() -> list[SessionResult]:
    first = made_samples(
        rank=0, data_wait_ms=[2, 4], forward_ms=[3, 5], backward_ms=[6, 7], optimizer_ms=[1, 2]
    )
    return [
        made_result(first, even_samples(1, [11, 12])),
        made_result(even_samples(0, [20, 21, 22]), even_samples(1, [23, 24, 25])),
    ]


def asked(path: Path, question: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.sql(question.format(samples=f"'{path}'")).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_columns(tmp_path / FILE, sessions())
    return tmp_path / FILE


def test_values_come_back_exactly(path: Path) -> None:
    rows = asked(path, "SELECT * FROM {samples} WHERE session = 1 ORDER BY rank, step")
    million = 1_000_000
    assert rows == [
        (1, 0, 0, 0, *(n * million for n in (12, 2, 3, 6, 1, 1)), 2.0),
        (1, 0, 0, 1, *(n * million for n in (18, 4, 5, 7, 2, 2)), 1.875),
        (1, 1, 1, 0, *(n * million for n in (11, 1, 2, 7, 1)), million // 2, 2.0),
        (1, 1, 1, 1, *(n * million for n in (12, 1, 2, 8, 1)), million // 2, 1.875),
    ]


def test_columns_and_their_types(path: Path) -> None:
    described = asked(path, "DESCRIBE SELECT * FROM {samples}")
    types = {name: kind for name, kind, *_ in described}
    assert types.pop("loss") == "DOUBLE"
    assert set(types.values()) == {"BIGINT"}
    assert list(types) == [
        *("session", "rank", "node", "step", "step_ns", "data_wait_ns", "forward_ns"),
        *("backward_ns", "optimizer_ns", "next_ns"),
    ]


def test_a_row_for_each_step_of_each_rank(path: Path) -> None:
    question = "SELECT session, rank, count(*), max(step) FROM {samples} GROUP BY ALL ORDER BY ALL"
    assert asked(path, question) == [(1, 0, 2, 1), (1, 1, 2, 1), (2, 0, 3, 2), (2, 1, 3, 2)]


def test_a_step_is_the_sum_of_its_parts(path: Path) -> None:
    wrong = "SELECT count(*) FROM {samples} WHERE step_ns "
    parts = "data_wait_ns + forward_ns + backward_ns + optimizer_ns"
    assert asked(path, f"{wrong} = {parts}") == [(10,)]
    assert asked(path, f"{wrong} != {parts}") == [(0,)]


def test_large_numbers_and_losses_that_are_not_finite(tmp_path: Path) -> None:
    (samples,) = made_result(even_samples(0, [10, 10])).samples
    odd = msgspec.structs.replace(
        samples, step_ns=[BEYOND_FLOAT, 1], loss=[math.nan, math.inf], rank=3
    )
    write_columns(tmp_path / FILE, [made_result(odd)])
    (first, second) = asked(tmp_path / FILE, "SELECT step_ns, loss FROM {samples} ORDER BY step")
    assert (first[0], second[0]) == (BEYOND_FLOAT, 1)
    assert math.isnan(first[1])
    assert second[1] == math.inf


def test_nothing_else_is_left(path: Path) -> None:
    assert [found.name for found in path.parent.iterdir()] == [FILE]


def test_a_crash_leaves_the_old_file_and_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(OSError, match="no space left"):
        write_columns(path, sessions()[:1])
    assert [found.name for found in path.parent.iterdir()] == [FILE]
    assert asked(path, "SELECT count(*) FROM {samples}") == [(10,)]


def test_writing_again_replaces(path: Path) -> None:
    write_columns(path, sessions()[:1])
    assert asked(path, "SELECT count(*) FROM {samples}") == [(4,)]

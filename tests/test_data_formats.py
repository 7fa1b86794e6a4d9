"""Formats of image sets are called the same wherever they are named."""

from pathlib import Path
from typing import get_args

import pytest

from resnext_bench.data_formats import SHARDS, DataFormat, ShardFormat, file_of, written
from resnext_bench.pipelines.making import pack
from resnext_bench.pipelines.shards import sharded

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("known", [SHARDS, sharded._INDEX, sharded._NAMED])
def test_every_format_of_shards_is_known_where_it_is_needed(known: object) -> None:
    assert list(known) == list(get_args(ShardFormat))  # type: ignore[call-overload]


def test_what_is_written_has_a_writer_and_words() -> None:
    assert list(written()) == list(pack._WRITERS)
    assert all(one.packed and one.holds for one in written().values())


def test_a_format_without_a_writer_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    read_only = SHARDS["tfrecord"]._replace(packed="", holds="")
    monkeypatch.setitem(SHARDS, "tfrecord", read_only)
    assert list(written()) == ["webdataset"]


def test_every_format_has_a_row_in_its_page() -> None:
    """The page says what a sample is, in words that nothing else needs."""
    page = (DOCS / "pipelines.md").read_text()
    for one in SHARDS.values():
        assert f"| {one.title.partition(' (')[0]} |" in page, one.title


def test_a_set_of_single_files_is_no_format_of_shards() -> None:
    assert [file_of(one) for one in get_args(DataFormat)] == ["file", "tar file", "TFRecord file"]

"""Formats of image sets are called the same wherever they are named."""

from typing import get_args

import pytest

from resnext_bench.data_formats import SHARDS, DataFormat, ShardFormat, file_of
from resnext_bench.pipelines.making import pack
from resnext_bench.pipelines.shards import sharded


@pytest.mark.parametrize("known", [SHARDS, sharded._INDEX, sharded._NAMED, pack._WRITERS])
def test_every_format_of_shards_is_known_where_it_is_needed(known: object) -> None:
    assert list(known) == list(get_args(ShardFormat))  # type: ignore[call-overload]


def test_a_set_of_single_files_is_no_format_of_shards() -> None:
    assert [file_of(one) for one in get_args(DataFormat)] == ["file", "tar file", "TFRecord file"]

"""The record of convolutions: what is written today must be read for years."""

import json
from pathlib import Path

import msgspec
import pytest

from resnext_bench.reports.schema.convs import VERSION, Plan
from resnext_bench.reports.schema.convs_kind import CONVS
from resnext_bench.reports.schema.upgrade import decode
from tests.reports.made_convs import made_convolution, made_convs
from tests.reports.schema.golden import lost

GOLDEN = sorted((Path(__file__).parent / "golden").glob("convs-v*.json"))


def test_every_version_has_its_golden_record() -> None:
    assert [path.stem for path in GOLDEN] == [f"convs-v{one + 1}" for one in range(VERSION)]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_records_are_still_read(path: Path) -> None:
    record = decode(path.read_bytes(), path.name)
    assert record.kind == "convs"
    golden = json.loads(path.read_text()) | {"version": VERSION}
    assert lost(golden, json.loads(msgspec.json.encode(record))) == []


def test_a_row_for_each_plan() -> None:
    table, _ = CONVS.tables
    rows = list(table.rows(made_convs()))
    assert len(rows) == 24
    assert rows[0].keys() == table.columns().keys()
    assert [row["candidate"] for row in rows[:4]] == [1, 2, None, 3]
    assert [row["rank"] for row in rows[:4]] == [1, 2, 3, 4]
    assert [row["engine"] for row in rows[:4]] == [22, 67, 5, 0]
    assert rows[0]["count"] == 2


@pytest.mark.parametrize(
    ("changes", "outputs"),
    [
        ({}, (256, 128, 56, 56)),
        ({"stride": (2, 2)}, (256, 128, 28, 28)),
        ({"padding": (0, 0), "filters": 64}, (256, 64, 54, 54)),
        ({"dilation": (2, 2)}, (256, 128, 54, 54)),
    ],
)
def test_outputs(changes: dict[str, object], outputs: tuple[int, ...]) -> None:
    assert made_convolution(**changes).outputs == outputs


def test_a_tag_without_an_engine_has_no_number() -> None:
    assert Plan(tag="eng12_k3=0").engine == 12
    assert Plan(tag="oneDNN brg").engine is None


def test_a_plan_takes_only_what_it_has() -> None:
    told = json.loads(msgspec.json.encode(Plan(tag="eng0", workspace=0)))
    assert told == {"tag": "eng0", "workspace": 0}

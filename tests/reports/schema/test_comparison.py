"""The record of a comparison: what is written today must be read for years."""

import json
from math import log
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.record import VERSION
from resnext_bench.reports.schema.upgrade import decode, schema
from tests.reports.made_comparisons import (
    block_pair,
    made_comparison,
    made_pair,
    pairs_of,
    spread_around,
)
from tests.reports.made_results import failed_record, made_record
from tests.reports.schema.golden import lost

GOLDEN = sorted((Path(__file__).parent / "golden").glob("compare-v*.json"))
LIMIT_BYTES = 100_000


def encoded(record: Any) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(msgspec.json.encode(record))
    return raw


def validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def test_the_schema_of_both_kinds_is_one() -> None:
    Draft202012Validator.check_schema(schema())
    for record in (made_record(), failed_record(), made_comparison()):
        validator().validate(encoded(record))


@pytest.mark.parametrize(
    "record",
    [
        made_comparison(),
        made_comparison(spread_around(0.0, 0.05), "relaunch"),
        made_comparison(pairs_of([0.05])),
        made_comparison(pairs_of([0.05, 0.06]), "relaunch"),
        made_comparison([made_pair(n, invalid=("a: no",)) for n in (1, 2, 3)]),
        made_comparison(status="failed", verdict=None, failure=failed_record().failure),
    ],
    ids=["duet", "relaunch", "one", "two launches", "invalid", "failed"],
)
def test_comparisons_are_of_the_schema_and_come_back(record: Comparison) -> None:
    raw = encoded(record)
    validator().validate(raw)
    assert decode(json.dumps(raw).encode(), "a record") == record


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ((), "design"),
        ((), "change"),
        (("limits",), "margin_percent"),
        (("pairs", 0), "log_ratio"),
        (("phases", "forward"), "half_width_ms"),
        (("a", "resolved"), "seed"),
    ],
)
def test_a_missing_field_is_refused(path: tuple[str | int, ...], name: str) -> None:
    raw = encoded(made_comparison())
    part: Any = raw
    for step in path:
        part = part[step]
    del part[name]
    assert not validator().is_valid(raw)
    with pytest.raises(StoreError, match=f"a record is not a record: .*`{name}`"):
        decode(json.dumps(raw).encode(), "a record")


@pytest.mark.parametrize(
    ("path", "name"), [((), "ended_by"), (("limits",), "more_pairs")], ids=["ended_by", "pairs"]
)
def test_records_from_before_a_field_was_there_are_read(path: tuple[str, ...], name: str) -> None:
    raw = json.loads(GOLDEN[0].read_text())
    part: Any = raw
    for step in path:
        part = part[step]
    del part[name]
    validator().validate(raw)
    assert isinstance(decode(json.dumps(raw).encode(), "a record"), Comparison)


@pytest.mark.parametrize(
    ("name", "value"), [("verdict", "perhaps"), ("design", "trio"), ("pairs", None)]
)
def test_a_wrong_value_is_refused(name: str, value: object) -> None:
    raw = encoded(made_comparison()) | {name: value}
    assert not validator().is_valid(raw)
    with pytest.raises(StoreError, match="is not a record"):
        decode(json.dumps(raw).encode(), "a record")


@pytest.mark.parametrize("path", [(), ("a",), ("limits",), ("pairs", 0), ("change",)])
def test_a_field_added_later_does_not_stop_an_old_reader(path: tuple[str | int, ...]) -> None:
    raw = encoded(made_comparison())
    part: Any = raw
    for step in path:
        part = part[step]
    part["of_a_later_version"] = {"any": ["thing"]}
    validator().validate(raw)
    assert decode(json.dumps(raw).encode(), "a record") == made_comparison()


def test_the_kind_decides() -> None:
    raw = encoded(made_comparison())
    assert isinstance(decode(json.dumps(raw).encode(), "a record"), Comparison)
    with pytest.raises(StoreError, match="is not a record"):
        decode(json.dumps(raw | {"kind": "run"}).encode(), "a record")
    assert not validator().is_valid(raw | {"kind": "neither"})


def test_every_version_has_its_golden_comparison() -> None:
    assert [path.name for path in GOLDEN] == [f"compare-v{n}.json" for n in range(1, VERSION + 1)]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_comparisons_are_still_read(path: Path) -> None:
    found = decode(path.read_bytes(), path.name)
    assert isinstance(found, Comparison)
    assert (found.version, found.status, found.verdict) == (VERSION, "ok", "slower")
    assert found.change is not None
    assert found.change.percent == pytest.approx(9.0)
    assert found.change.low_percent < 9 < found.change.high_percent
    assert [pair.order for pair in found.pairs] == ["ab", "ba", "ab", "ba"]
    assert len(found.pairs[0].blocks_ms) == 10
    assert found.differences[0].what == "channels-last"
    assert found.phases["backward"].change_ms == pytest.approx(0.9)


def test_nothing_of_the_newest_golden_comparison_is_lost() -> None:
    """Values, names and nesting: a loss here is a new version of the record.

    A field that is added later needs none, and leaves the golden comparison as it is.
    """
    path = GOLDEN[-1]
    written = encoded(decode(path.read_bytes(), path.name))
    assert lost(json.loads(path.read_text()), written) == []
    validator().validate(json.loads(path.read_text()))


def test_a_long_comparison_has_a_small_record() -> None:
    """The most sessions that are the default, of the blocks that are the default."""
    pairs = [block_pair(number, [log(1.02)] * 10) for number in range(1, 27)]
    written = msgspec.json.format(msgspec.json.encode(made_comparison(pairs)), indent=1)
    assert len(written) < LIMIT_BYTES

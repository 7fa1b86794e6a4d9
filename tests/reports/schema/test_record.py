"""The record's format: what is written today must be read for years."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.record import VERSION, File, Record
from resnext_bench.reports.schema.upgrade import decode, schema
from tests.reports.made_results import (
    failed_record,
    made_board,
    made_config,
    made_record,
    made_seen,
    made_session,
    made_topology,
)
from tests.reports.schema.golden import lost

GOLDEN = sorted((Path(__file__).parent / "golden").glob("run-v*.json"))
LIMIT_BYTES = 100_000


def encoded(record: Record) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(msgspec.json.encode(record))
    return raw


def watched_record() -> Record:
    """Two GPUs, of which one tells less and went away."""
    some = made_seen(
        2,
        power_w=(650.0, None),
        energy_j=(),
        energy_by="none: not told",
        reasons_percent={"power cap": (12.5, None)},
        foreign_percent=(0.0, 3.5),
        lost={"1": "GPU is lost"},
    )
    boards = (made_board(1), made_board(1, gpus=(1,), ecc=None, compute_mode=""))
    return made_record(
        sessions=(made_session(gpus=some, load_1min=0.25),),
        environment=msgspec.structs.replace(made_record().environment, boards=boards),
    )


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "record",
    [
        made_record(),
        failed_record(),
        made_record(data=None, figures=None, sessions=(), status="interrupted"),
        made_record(sessions=(made_session(first_loss=None, last_loss=None),), status="invalid"),
        watched_record(),
    ],
    ids=["ok", "failed", "interrupted", "invalid", "watched"],
)
def test_records_are_of_the_schema_and_come_back(record: Record) -> None:
    raw = encoded(record)
    Draft202012Validator(schema()).validate(raw)
    assert decode(json.dumps(raw).encode(), "a record") == record


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ((), "id"),
        ((), "resolved"),
        (("figures",), "images_per_s"),
        (("sessions", 0), "steadiness"),
        (("topology", "places", 0), "cores"),
        (("resolved",), "seed"),
    ],
)
def test_a_missing_field_is_refused(path: tuple[str | int, ...], name: str) -> None:
    raw = encoded(made_record())
    part: Any = raw
    for step in path:
        part = part[step]
    del part[name]
    assert not Draft202012Validator(schema()).is_valid(raw)
    with pytest.raises(StoreError, match=f"a record is not a record: .*`{name}`"):
        decode(json.dumps(raw).encode(), "a record")


@pytest.mark.parametrize(
    ("name", "value"), [("status", "fine"), ("duration_s", "long"), ("sessions", None)]
)
def test_a_wrong_value_is_refused(name: str, value: object) -> None:
    raw = encoded(made_record()) | {name: value}
    assert not Draft202012Validator(schema()).is_valid(raw)
    with pytest.raises(StoreError, match="is not a record"):
        decode(json.dumps(raw).encode(), "a record")


@pytest.mark.parametrize("path", [(), ("figures",), ("environment",), ("topology", "places", 0)])
def test_a_field_added_later_does_not_stop_an_old_reader(path: tuple[str | int, ...]) -> None:
    raw = encoded(made_record())
    part: Any = raw
    for step in path:
        part = part[step]
    part["of_a_later_version"] = {"any": ["thing"]}
    Draft202012Validator(schema()).validate(raw)
    assert decode(json.dumps(raw).encode(), "a record") == made_record()


def test_a_field_left_out_by_an_older_writer_has_its_default() -> None:
    raw = encoded(made_record())
    for name in ("failure", "files", "children", "tags"):
        del raw[name]
    found = decode(json.dumps(raw).encode(), "a record")
    assert (found.failure, found.files, found.children, found.tags) == (None, (), (), ())


def test_a_configuration_has_no_unknown_fields() -> None:
    raw = msgspec.to_builtins(made_config()) | {"learning_rat": 0.1}
    with pytest.raises(msgspec.ValidationError, match="unknown field `learning_rat`"):
        msgspec.convert(raw, RunConfig)


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        made_record().status = "ok"  # type: ignore[misc]


def test_every_version_has_its_golden_record() -> None:
    assert [path.name for path in GOLDEN] == [f"run-v{n}.json" for n in range(1, VERSION + 1)]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_records_are_still_read(path: Path) -> None:
    found = decode(path.read_bytes(), path.name)
    assert found.version == VERSION
    assert (found.status, found.resolved.world_size) == ("ok", 2)
    assert found.figures is not None
    assert (found.figures.images, found.figures.images_per_s) == (640, 32.0)
    assert found.sessions[0].steadiness.why == "steady from the start (40 steps)"


def test_nothing_of_the_newest_golden_record_is_lost() -> None:
    """Values, names and nesting: a loss here is a new version of the record.

    A field that is added later needs none, and leaves the golden record as it is.
    """
    path = GOLDEN[-1]
    written = encoded(decode(path.read_bytes(), path.name))
    assert lost(json.loads(path.read_text()), written) == []
    Draft202012Validator(schema()).validate(json.loads(path.read_text()))


def large_record() -> Record:
    """64 ranks on 8 nodes of 8 GPUs, 24 cores a rank, 5 sessions, a log of each rank and node.

    One node's GPUs are watched: those of the launching program's host.
    """
    config = made_config(nodes=8, nproc_per_node=8, device="cuda", sessions=5)
    names = [
        f"session-{session}/logs/{kind}-{index}.log"
        for session in range(1, 6)
        for kind, count in (("node", 8), ("rank", 64))
        for index in range(count)
    ]
    return made_record(
        resolved=config,
        topology=made_topology(config, cores_a_rank=24),
        environment=msgspec.structs.replace(made_record().environment, boards=(made_board(8),)),
        sessions=tuple(made_session(number, gpus=made_seen(8)) for number in range(1, 6)),
        files=tuple(File(name=name, size=12_345, sha256="0f" * 32) for name in names),
    )


def test_a_large_run_has_a_small_record() -> None:
    written = msgspec.json.format(msgspec.json.encode(large_record()), indent=1)
    assert len(written) < LIMIT_BYTES


def test_what_counts_as_a_loss() -> None:
    golden = {"a": 1, "b": {"c": [1, {"d": None}]}}
    assert lost(golden, {"a": 1, "b": {"c": [1, {"d": None, "new": 0}]}, "new": []}) == []
    assert lost(golden, {"a": 1.0, "b": {"c": [1, {"d": None}]}}) == ["record.a"]
    assert lost(golden, {"b": {"c": [1, {}]}}) == ["record.a", "record.b.c[1].d"]
    assert lost(golden, {"a": 1, "b": {"c": [1]}}) == ["record.b.c"]

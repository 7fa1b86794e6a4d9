"""Whatever kinds of record there are, each is known everywhere that records are."""

from importlib import import_module
from typing import Any

import msgspec
import pytest

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.render.kinds import RENDERERS, Renderer
from resnext_bench.reports.schema.kind import Kind
from resnext_bench.reports.schema.kinds import KINDS
from resnext_bench.reports.schema.upgrade import decode, schema
from resnext_bench.reports.store.tables import tables
from tests.reports.made_kind import TALLY, made_tally, register


def test_every_kind_has_a_schema_and_a_renderer() -> None:
    assert KINDS.keys() == RENDERERS.keys()
    for module in RENDERERS.values():
        assert isinstance(import_module(module).RENDERER, Renderer)


@pytest.mark.parametrize("kind", [*KINDS.values(), TALLY], ids=lambda kind: kind.name)
def test_an_entry_agrees_with_its_schema(kind: Kind[Any]) -> None:
    fields = {one.name: one for one in msgspec.structs.fields(kind.struct)}
    assert msgspec.json.schema(fields["kind"].type) == {"enum": [kind.name]}
    assert fields["version"].default == kind.version


def test_no_two_tables_have_one_name() -> None:
    names = ["runs", "steps", *(table.name for kind in KINDS.values() for table in kind.tables)]
    assert sorted(names) == sorted(tables())


def test_an_older_record_is_upgraded_by_its_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    raw = msgspec.to_builtins(made_tally(found={"pears": 2}))
    old = raw | {"version": 1, "found": ["pears", "pears"]}
    assert decode(msgspec.json.encode(old), "a record") == made_tally(found={"pears": 2})


def test_a_newer_record_is_told_apart_by_the_version_of_its_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(monkeypatch)
    for name, version in (("tally", 3), ("run", 2)):
        data = msgspec.json.encode({"version": version, "kind": name})
        with pytest.raises(StoreError, match=f"version {version}, this one reads up to"):
            decode(data, "a record")


def test_a_kind_that_nobody_knows_is_named() -> None:
    with pytest.raises(StoreError, match=r"its kind is 'tally'.* knows run, compare, convs"):
        decode(msgspec.json.encode(made_tally(version=1)), "a record")


def test_the_schema_has_all_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Tally" not in str(schema()["anyOf"])
    register(monkeypatch)
    assert "Tally" in str(schema()["anyOf"])

"""Reads records, and converts those of older versions before they are typed."""

from typing import Any, Final

import msgspec

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.kind import Kind, Raw
from resnext_bench.reports.schema.kinds import KINDS, Stored

OLDEST: Final = 1


def decode(data: bytes, source: str) -> Stored:
    """Return the record in `data`, which errors call `source`; unknown fields are ignored."""
    try:
        raw = msgspec.json.decode(data, type=Raw)
        version, kind = _version(raw, source), KINDS.get(str(raw.get("kind")))
        _require_known(version, kind, source)
        if kind is None:
            raise StoreError(f"{source} is not a record: {_without_kind(raw)}")
        record: Stored = msgspec.convert(_upgraded(raw, version, kind), kind.struct)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(f"{source} is not a record: {error}") from error
    return record


def _version(raw: Raw, source: str) -> int:
    version = raw.get("version")
    if type(version) is not int or version < OLDEST:
        raise StoreError(f"{source} is not a record: its version is {version!r}")
    return version


def _require_known(version: int, kind: Kind[Any] | None, source: str) -> None:
    newest = kind.version if kind else max(one.version for one in KINDS.values())
    if version > newest:
        raise StoreError(
            f"{source} was written by a newer resnext-bench (record version {version}, "
            f"this one reads up to {newest}); upgrade resnext-bench"
        )


def _without_kind(raw: Raw) -> str:
    if "kind" not in raw:
        return "Object missing required field `kind`"
    return (
        f"its kind is {raw['kind']!r}, and this resnext-bench knows {', '.join(KINDS)}; "
        "a newer one may know it"
    )


def _upgraded(raw: Raw, version: int, kind: Kind[Any]) -> Raw:
    for upgrade in kind.upgrades[version - OLDEST :]:
        raw = upgrade(raw)
    return raw


def schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of a record of any kind."""
    schemas, components = msgspec.json.schema_components(kind.struct for kind in KINDS.values())
    return {"anyOf": list(schemas), "$defs": components}

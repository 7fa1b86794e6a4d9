"""Brings records of older versions to the present one, on raw dicts, before they are typed."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.record import VERSION, Record

Raw = dict[str, Any]

UPGRADES: Final[dict[int, Callable[[Raw], Raw]]] = {}
"""From version N to N + 1. Version 1 is the first, so there is nothing to upgrade yet."""
OLDEST: Final = 1


Stored = Record | Comparison
"""Whatever a run's folder may hold; the field `kind` tells."""


def decode(data: bytes, source: str) -> Stored:
    """The record in `data`; `source` names it in errors. Fields of later versions are ignored."""
    try:
        raw = _upgraded(msgspec.json.decode(data, type=Raw), source)
        if raw.get("kind") == "compare":
            return msgspec.convert(raw, Comparison)
        return msgspec.convert(raw, Record)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(f"{source} is not a record: {error}") from error


def _upgraded(raw: Raw, source: str) -> Raw:
    version = raw.get("version")
    if type(version) is not int or version < OLDEST:
        raise StoreError(f"{source} is not a record: its version is {version!r}")
    if version > VERSION:
        raise StoreError(
            f"{source} was written by a newer resnext-bench (record version {version}, "
            f"this one reads up to {VERSION}); upgrade resnext-bench"
        )
    while version < VERSION:
        raw = UPGRADES[version](raw)
        version += 1
    return raw


def schema() -> dict[str, object]:
    """JSON Schema (2020-12) of a record: a run's or a comparison's."""
    schemas, components = msgspec.json.schema_components((Record, Comparison))
    return {"anyOf": list(schemas), "$defs": components}

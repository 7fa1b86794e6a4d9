"""A third kind of record, as a feature to come would add it: a schema, an entry, a renderer."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import pytest

from resnext_bench.reports.render.kinds import RENDERERS, Renderer
from resnext_bench.reports.render.model import Line, Section, summary
from resnext_bench.reports.schema.kind import FINE, Kind, Listing, Outcome, Raw, Row, Table
from resnext_bench.reports.schema.kinds import KINDS
from resnext_bench.reports.schema.record import Environment, Status
from tests.reports.made_results import made_record

TALLY_ID = "20260302-101500-tally-7a11"


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How often each of some things was found."""

    version: int = 2
    id: str
    kind: Literal["tally"] = "tally"
    status: Status = "ok"
    why: str = ""
    verdict: Literal["even", "odd"]
    tool_version: str = "0.1.0"
    created: str = "2026-03-02T10:15:00+00:00"
    duration_s: float = 2.5
    environment: Environment
    found: dict[str, int]
    children: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""


def made_tally(**changes: Any) -> Tally:
    tally = Tally(
        id=TALLY_ID,
        verdict="odd",
        environment=made_record().environment,
        found={"apples": 3, "pears": 4},
    )
    return msgspec.structs.replace(tally, **changes)


def _listing(tally: Tally) -> Listing:
    return Listing(word=tally.verdict, what=tally.kind)


def _outcomes(tally: Tally) -> frozenset[Outcome]:
    return frozenset({"unsure"}) if tally.verdict == "odd" else FINE


def _row(tally: Tally) -> Row:
    return {"verdict": tally.verdict, "things": len(tally.found)}


def _counts(tally: Tally) -> Iterator[Row]:
    for name, count in tally.found.items():
        yield {"run": tally.id, "thing": name, "count": count}


def _from_a_list(raw: Raw) -> Raw:
    """In version 1 each thing was named as often as it was found."""
    things = raw["found"]
    return raw | {"version": 2, "found": {name: things.count(name) for name in set(things)}}


TALLY = Kind(
    name="tally",
    noun="a tally",
    struct=Tally,
    listing=_listing,
    outcomes=_outcomes,
    verdicts=("even", "odd"),
    columns=lambda: {"things": int},
    row=_row,
    tables=(
        Table(
            name="counts",
            columns=lambda: {"run": str, "thing": str, "count": int},
            rows=_counts,
        ),
    ),
    upgrades=(_from_a_list,),
)


def _sections(tally: Tally) -> Iterator[Section]:
    yield Line(text=f"the tally is {tally.verdict}", is_headline=True)
    yield summary([(name, str(count)) for name, count in tally.found.items()], caption=tally.id)


def _doubt(tally: Tally) -> str:
    return "an odd tally; count again" if tally.verdict == "odd" else ""


RENDERER = Renderer(sections=_sections, doubt=_doubt)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the lines that a new kind adds to the two registries."""
    monkeypatch.setitem(KINDS, TALLY.name, TALLY)
    monkeypatch.setitem(RENDERERS, TALLY.name, __name__)

"""Describes a kind of record, so that lists, queries and exit codes need not know which it is.

Each kind has an entry in the file of its schema, and `kinds` names them all. How a kind is shown is
defined in `resnext_bench.reports.render.kinds`, as a schema knows nothing of rendering.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar, get_type_hints

import msgspec

R = TypeVar("R")
Raw = dict[str, Any]
Row = dict[str, Any]
"""Values by the names of their columns; a missing one is NULL."""
Columns = Mapping[str, Any]
"""Names of columns, and the Python types of their values: `datetime` stands for a moment that is
written as ISO 8601 in UTC."""
Outcome = Literal["failed", "invalid", "unsure", "slower"]
"""Outcomes that make an exit code other than 0."""
FINE: Final[frozenset[Outcome]] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a list of many records shows of one."""

    word: str
    """Its status, or its verdict."""
    what: str
    """Number type for a run, which trains; kind of record for others."""
    images_per_s: float | None = None
    images_per_s_per_device: float | None = None
    step_ms: float | None = None
    data_wait_percent: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Table(Generic[R]):
    """An SQL table that has several rows for each record."""

    name: str
    columns: Callable[[], Columns]
    """Returns the columns; called only for a query, so that listing runs does not pay for it."""
    rows: Callable[[R], Iterator[Row]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bulk(Generic[R]):
    """A long part of a record, which stands in a file beside it."""

    file: str
    """Name of the file in the record's folder."""
    what: str
    """What the file holds, as the subject of a sentence: "the plans"."""
    type: Any
    """Type of the part."""
    part: Callable[[R], object]
    """Returns the part of a whole record."""
    without: Callable[[R], R]
    """Returns the record without the part."""
    joined: Callable[[R, Any], R]
    """Returns a record with its part; raises ValueError where they do not belong together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind(Generic[R]):
    """Everything that differs from one kind of record to another."""

    name: str
    """Value of the field `kind` in its records."""
    noun: str
    """Noun with its article, as in "... is a comparison"."""
    struct: type[R]
    listing: Callable[[R], Listing]
    outcomes: Callable[[R], frozenset[Outcome]]
    """Returns the outcomes of a record; `FINE` where nothing is wrong."""
    verdicts: tuple[str, ...] = ()
    """Words that its verdict may be, besides those of its status."""
    columns: Callable[[], Columns] = dict
    """Returns the columns of the table `runs` that only this kind has."""
    row: Callable[[R], Row] = lambda _: {}
    """Returns the values of these columns, and of any that all kinds share."""
    tables: tuple[Table[R], ...] = ()
    """SQL tables that only this kind has."""
    bulk: Bulk[R] | None = None
    """The part of its records that stands beside them; None where they hold everything."""
    upgrades: tuple[Callable[[Raw], Raw], ...] = ()
    """Functions that bring raw records, before they are typed, from version 1 to 2, from 2 to 3,
    and so on."""

    @property
    def version(self) -> int:
        """The version that is written today."""
        return 1 + len(self.upgrades)


def fields_of(struct: type[msgspec.Struct], *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return columns named and typed after fields, so that each new field becomes a column."""
    return {name: kind for name, kind in get_type_hints(struct).items() if name not in without}

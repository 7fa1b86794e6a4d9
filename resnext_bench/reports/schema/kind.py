"""What a kind of record says of itself, so that lists, questions and exit codes need not ask which.

Each kind has an entry in the file of its schema, and `kinds` names them all. What is drawn of it is
said in `resnext_bench.reports.render.kinds`, as a schema knows nothing of drawing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar, get_type_hints

import msgspec

R = TypeVar("R")
Raw = dict[str, Any]
Row = dict[str, Any]
"""Values by the name of their column; what is left out is NULL."""
Columns = Mapping[str, Any]
"""Names of columns, and the types of Python of what is in them: `datetime` stands for a moment that
is written as ISO 8601 in UTC."""
Outcome = Literal["failed", "invalid", "unsure", "slower"]
"""What makes an exit code other than 0."""
FINE: Final[frozenset[Outcome]] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A record in a list of many."""

    word: str
    """Its status, or the word of its verdict."""
    what: str
    """Its type of number if it trains, else what kind of record it is."""
    images_per_s: float | None = None
    images_per_s_per_device: float | None = None
    step_ms: float | None = None
    data_wait_percent: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Table(Generic[R]):
    """A table in SQL of which a record has several rows."""

    name: str
    columns: Callable[[], Columns]
    """Asked for when a question is: listing runs costs nothing of it."""
    rows: Callable[[R], Iterator[Row]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind(Generic[R]):
    """One kind of record."""

    name: str
    """As in the field `kind` of its records."""
    noun: str
    """As in "... is a comparison"."""
    struct: type[R]
    listing: Callable[[R], Listing]
    outcomes: Callable[[R], frozenset[Outcome]]
    """`FINE` where nothing is wrong."""
    verdicts: tuple[str, ...] = ()
    """Words that its verdict may be, beside those of its status."""
    columns: Callable[[], Columns] = dict
    """What its row in the table `runs` has and rows of others do not."""
    row: Callable[[R], Row] = lambda _: {}
    """Their values, and any of the columns that all kinds share."""
    tables: tuple[Table[R], ...] = ()
    """Tables of its own."""
    upgrades: tuple[Callable[[Raw], Raw], ...] = ()
    """From version 1 to 2, from 2 to 3, and so on, of raw records before they are typed."""

    @property
    def version(self) -> int:
        """The version that is written today."""
        return 1 + len(self.upgrades)


def fields_of(struct: type[msgspec.Struct], *, without: Collection[str] = ()) -> dict[str, Any]:
    """Columns named and typed after fields, so that what a later version adds is one by itself."""
    return {name: kind for name, kind in get_type_hints(struct).items() if name not in without}

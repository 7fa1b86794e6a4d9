"""The kinds of record that exist.

A new one needs a file beside this one, an entry in it that is named here, and a renderer that is
named in `resnext_bench.reports.render.kinds`.
"""

from typing import Any, Final, Protocol, TypeGuard

from resnext_bench.reports.schema.comparison import COMPARE
from resnext_bench.reports.schema.convs_kind import CONVS
from resnext_bench.reports.schema.kind import Kind
from resnext_bench.reports.schema.record import RUN, Environment, Status
from resnext_bench.reports.schema.releases import RELEASES

KINDS: Final[dict[str, Kind[Any]]] = {kind.name: kind for kind in (RUN, COMPARE, CONVS, RELEASES)}


class Stored(Protocol):
    """The fields that records of all kinds have."""

    @property
    def id(self) -> str:
        """The name of the record's folder."""

    @property
    def kind(self) -> str:
        """The name of the record's kind."""

    @property
    def status(self) -> Status:
        """How the run or comparison ended."""

    @property
    def why(self) -> str:
        """Reason for the status, in one sentence; empty when ok."""

    @property
    def created(self) -> str:
        """The moment of its start: UTC, ISO 8601."""

    @property
    def duration_s(self) -> float:
        """Time from start to end, s."""

    @property
    def tool_version(self) -> str:
        """The version of this program that wrote the record."""

    @property
    def environment(self) -> Environment:
        """The machine and the software."""

    @property
    def children(self) -> tuple[str, ...]:
        """Ids of the runs inside its folder."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags that the user has given."""

    @property
    def note(self) -> str:
        """Note that the user has written."""


def kind_of(record: Stored) -> Kind[Any]:
    """Return the description of a record's kind."""
    return KINDS[record.kind]


def is_record(value: object) -> TypeGuard[Stored]:
    """Return whether a value is a record of any kind."""
    return isinstance(value, tuple(kind.struct for kind in KINDS.values()))

"""The kinds of record there are.

A new one is a file beside this one, with an entry that is named here, and a renderer that is named
in `resnext_bench.reports.render.kinds`.
"""

from typing import Any, Final, Protocol, TypeGuard

from resnext_bench.reports.schema.comparison import COMPARE
from resnext_bench.reports.schema.kind import Kind
from resnext_bench.reports.schema.record import RUN, Environment, Status

KINDS: Final[dict[str, Kind[Any]]] = {kind.name: kind for kind in (RUN, COMPARE)}


class Stored(Protocol):
    """Whatever a run's folder may hold: the fields that records of all kinds have."""

    @property
    def id(self) -> str:
        """The name of its folder."""

    @property
    def kind(self) -> str:
        """The name of its kind."""

    @property
    def status(self) -> Status:
        """How it ended."""

    @property
    def why(self) -> str:
        """Why it ended so, in one sentence; empty when ok."""

    @property
    def created(self) -> str:
        """When it began: UTC, ISO 8601."""

    @property
    def duration_s(self) -> float:
        """From its beginning to its end."""

    @property
    def tool_version(self) -> str:
        """The version of this program that wrote it."""

    @property
    def environment(self) -> Environment:
        """The machine and the software."""

    @property
    def children(self) -> tuple[str, ...]:
        """Ids of the runs inside its folder."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The user's own."""

    @property
    def note(self) -> str:
        """The user's own."""


def kind_of(record: Stored) -> Kind[Any]:
    """Return what its kind says of itself."""
    return KINDS[record.kind]


def is_record(value: object) -> TypeGuard[Stored]:
    """Whether it is a record of any kind."""
    return isinstance(value, tuple(kind.struct for kind in KINDS.values()))

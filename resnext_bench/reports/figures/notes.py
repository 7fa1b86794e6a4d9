"""Groups the notes of many sessions by what they are about."""

from collections.abc import Iterable
from dataclasses import dataclass

from resnext_bench.reports.schema.comparison import Pair
from resnext_bench.reports.schema.notes import Found, Note, note
from resnext_bench.reports.schema.sessions import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class OfKind:
    """A note that several sessions have in common."""

    first: Note
    """The note of the first of these sessions."""
    sessions: tuple[int, ...]


def by_kind(notes: Iterable[tuple[int, Note]]) -> tuple[OfKind, ...]:
    """Group notes by kind, each with the numbers of its sessions."""
    found: dict[tuple[object, ...], tuple[Note, list[int]]] = {}
    for number, one in notes:
        found.setdefault(one.group, (one, []))[1].append(number)
    return tuple(
        OfKind(first=first, sessions=tuple(dict.fromkeys(numbers)))
        for first, numbers in found.values()
    )


def facts_of(session: Session | Pair) -> Found:
    """Return what was found about a session; older records hold only sentences."""
    if session.facts is not None:
        return session.facts
    unsteady = session.unsteady if isinstance(session, Pair) else ()
    return Found(
        invalid=_told(session.invalid), unsteady=_told(unsteady), notes=_told(session.notes)
    )


def _told(sentences: Iterable[str]) -> tuple[Note, ...]:
    return tuple(note("told", text=sentence) for sentence in sentences)

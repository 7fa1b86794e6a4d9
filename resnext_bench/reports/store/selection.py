"""Selects stored runs by status, model, tag, age, or any condition in SQL."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, get_args

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.kinds import KINDS, Stored
from resnext_bench.reports.schema.record import Status
from resnext_bench.reports.store.runs import Unfinished
from resnext_bench.reports.store.tables import ask, tables

STATUSES: Final = (*get_args(Status), "unfinished")
_AGE: Final = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Conditions, all of which a run must meet; None or empty for no condition."""

    status: str | None = None
    """Status, or the word of a verdict."""
    model: str | None = None
    """Beginning of the model's name."""
    tags: tuple[str, ...] = ()
    since: str | None = None
    """Moment (UTC), or age: "90m", "12h", "7d", "2w"."""
    before: str | None = None
    where: str | None = None
    """Condition in SQL over the columns of the table `runs`."""
    sort: str | None = None
    """Column to sort by; a minus in front reverses the order."""
    limit: int | None = None
    """Largest number of runs: the newest or, where sorted, the first."""


def select(
    found: Sequence[Stored | Unfinished], chosen: Selection, root: Path
) -> list[Stored | Unfinished]:
    """Return those of `found` that are selected, in the requested order or oldest first."""
    by_id = {one.id: one for one in found}
    kept = [by_id[name] for name in _ids(found, chosen, root)]
    if chosen.limit is None:
        return kept
    return kept[: chosen.limit] if chosen.sort else kept[max(0, len(kept) - chosen.limit) :]


def _ids(found: Sequence[Stored | Unfinished], chosen: Selection, root: Path) -> list[str]:
    conditions, values = _conditions(chosen)
    sql = f"SELECT id FROM runs WHERE {' AND '.join(conditions) or 'true'}"
    try:
        answer = ask(root, found, f"{sql} ORDER BY {_order(chosen.sort)}", values)
    except StoreError as error:
        if not chosen.where:
            raise
        raise StoreError(f"--where {chosen.where}: {error}") from error
    return [str(row[0]) for row in answer.rows]


def _conditions(chosen: Selection) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    if chosen.status:
        _require_status(chosen.status)
        conditions.append("? IN (status, verdict)")
        values.append(chosen.status)
    if chosen.model:
        conditions.append("starts_with(model, ?)")
        values.append(chosen.model)
    for tag in chosen.tags:
        conditions.append("list_contains(tags, ?)")
        values.append(tag)
    for name, sign, moment in (("since", ">=", chosen.since), ("before", "<", chosen.before)):
        if moment:
            # An unfinished run has no record that says when; its folder's name does.
            conditions.append(f"strptime(left(id, 15), '%Y%m%d-%H%M%S') {sign} ?::TIMESTAMP")
            values.append(moment_of(name, moment).isoformat(sep=" ", timespec="seconds"))
    if chosen.where:
        conditions.append(f"({chosen.where}\n)")
    return conditions, values


def _require_status(given: str) -> None:
    allowed = (*STATUSES, *(word for kind in KINDS.values() for word in kind.verdicts))
    if given not in allowed:
        raise StoreError(f"--status {given}: choose from {', '.join(dict.fromkeys(allowed))}")


def _order(sort: str | None) -> str:
    if not sort:
        return "id"
    name = sort.removeprefix("-").replace("-", "_")
    columns = tables()["runs"]
    if name not in columns:
        close = difflib.get_close_matches(name, columns, n=1)
        hint = f"did you mean {close[0]}?" if close else "a column of the table runs is needed"
        raise StoreError(f'--sort {sort}: {hint} (`runs query "DESCRIBE runs"` lists them)')
    return f"{name} {'DESC' if sort.startswith('-') else 'ASC'} NULLS LAST, id"


def moment_of(option: str, text: str, now: datetime | None = None) -> datetime:
    """Return the moment (UTC, without a zone) of a date, a time or an age before now."""
    now = now or datetime.now(UTC).replace(tzinfo=None)
    age = _AGE.fullmatch(text.strip())
    try:
        if age:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError) as error:
        raise StoreError(
            f"--{option} {text}: give a date (2026-11-23, 2026-11-23T14:30, in UTC) or an age "
            "(90m, 12h, 7d, 2w)"
        ) from error
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment

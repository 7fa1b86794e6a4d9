"""Compares two sets of stored runs; nothing is measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from resnext_bench.errors import NotKept, UsageError
from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.comparison import Comparison, Limits, Side
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.record import Record, Thresholds
from resnext_bench.reports.schema.sessions import Session
from resnext_bench.reports.store import runs
from resnext_bench.reports.store.differences import differences, mixed
from resnext_bench.reports.verdicts.judge import told_figures
from resnext_bench.reports.verdicts.unpaired import judge_unpaired
from resnext_bench.session.compare.profiling import with_traces
from resnext_bench.version import own_version

NOWHERE: Final = "not-kept"
"""The id of a comparison without a folder."""
UNPAIRED: Final = (
    "unpaired: whatever else changed on the machine between the runs is part of the difference"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedStored:
    """A comparison of stored runs as requested."""

    a: tuple[str, ...]
    """The ids as the user gave them."""
    b: tuple[str, ...]
    margin_percent: float
    root: Path
    command: tuple[str, ...]
    profile: bool = False
    """Whether to compare the traces of the runs as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Set:
    """One side: its runs, and their counted sessions."""

    name: str
    given: str
    records: tuple[Record, ...]
    sessions: tuple[Session, ...]
    notes: tuple[str, ...]

    def side(self) -> Side:
        return Side(
            given=self.given,
            resolved=_configuration(self.records),
            runs=tuple(record.id for record in self.records),
            sessions=len(self.sessions),
        )


def compare_stored(asked: AskedStored) -> Comparison:
    """Judge b's sessions against a's, in one look, and write a record."""
    a, b = (_read(name, wanted, asked.root) for name, wanted in (("a", asked.a), ("b", asked.b)))
    _require_comparable(a, b)
    traced = tuple(map(_traced, (a, b))) if asked.profile else ()
    folder = asked.root / NOWHERE
    try:
        folder = runs.create(asked.root, "compare")
        record = _record(asked, a, b, folder)
        runs.save(folder, record)
    except OSError as error:
        raise NotKept(_record(asked, a, b, folder), error) from error
    if not traced:
        return record
    of_a, of_b = (runs.find(asked.root, one.id) for one in traced)
    return with_traces(record, folder, of_a, of_b)


def _read(name: str, wanted: Sequence[str], root: Path) -> _Set:
    records = [record for one in wanted for record in _meant(root, one)]
    sessions: list[Session] = []
    notes: list[str] = []
    for record in records:
        if record.status == "failed":
            raise UsageError(
                f"--{name}-runs {record.id}: this run failed ({record.why}); leave it out"
            )
        sound = [session for session in record.sessions if not session.invalid]
        if record.status == "invalid":
            notes.append(f"{record.id} does not count: {record.why or 'invalid'}")
            continue
        if record.status == "interrupted":
            notes.append(f"{record.id} was interrupted: its {len(sound)} complete sessions count")
        sessions += sound
    return _Set(
        name=name,
        given=",".join(wanted),
        records=tuple(records),
        sessions=tuple(sessions),
        notes=tuple(notes),
    )


def _traced(side: _Set) -> Record:
    """Return the last of a side's runs that was profiled, or raise UsageError."""
    found = [record for record in side.records if record.profiled]
    if not found:
        ids = ", ".join(record.id for record in side.records)
        raise UsageError(
            f"--profile: {side.name} has no traces ({ids}); run it again with run --profile, or "
            "leave --profile out"
        )
    return found[-1]


def _meant(root: Path, wanted: str) -> list[Record]:
    """Return the run of an id; where there is none, all runs with it as a tag."""
    try:
        return [runs.load_run(runs.find(root, wanted))]
    except StoreError:
        found = [one for one in runs.scan(root) if isinstance(one, Record) and wanted in one.tags]
        if not found:
            raise
        return found


def _require_comparable(a: _Set, b: _Set) -> None:
    ids = [record.id for record in (*a.records, *b.records)]
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice:
        raise UsageError(f"{twice} is named twice; name each run once, on one side")
    batches = {record.resolved.global_batch_size: record.id for record in (*a.records, *b.records)}
    if len(batches) > 1:
        found = ", ".join(f"{images} ({one})" for images, one in sorted(batches.items()))
        raise UsageError(
            f"step times are not comparable: the runs differ in images per step, {found}; compare "
            "runs of the same global batch size"
        )


def _record(asked: AskedStored, a: _Set, b: _Set, folder: Path) -> Comparison:
    judged = judge_unpaired(a.sessions, b.sessions, asked.margin_percent / 100)
    decision = judged.decision
    count = len(a.sessions) + len(b.sessions)
    return Comparison(
        id=folder.name,
        status="ok",
        why=judged.why,
        verdict=judged.word,
        tool_version=own_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=0.0,
        command=asked.command,
        design="unpaired",
        limits=Limits(
            margin_percent=asked.margin_percent,
            max_sessions=count,
            max_minutes=0.0,
            pairs=0,
            block_steps=0,
            fixed=True,
            looks=(count,),
        ),
        a=a.side(),
        b=b.side(),
        differences=differences(a.records, b.records),
        environment=a.records[0].environment,
        looks_taken=1 if decision else 0,
        **told_figures(judged),
        thresholds=Thresholds(),
        pairs=(),
        notes=_notes(a, b),
    )


def _notes(a: _Set, b: _Set) -> tuple[str, ...]:
    different = [
        f"the runs of {one.name} differ among themselves: {', '.join(names)}"
        for one in (a, b)
        if (names := mixed(one.records))
    ]
    unsteady = [
        f"{one.name}: {session.steadiness.why}"
        for one in (a, b)
        for session in one.sessions
        if not session.steadiness.steady
    ]
    return tuple(dict.fromkeys((UNPAIRED, *a.notes, *b.notes, *different, *unsteady)))


def _configuration(records: Sequence[Record]) -> RunConfig | None:
    """Return the configuration that all share, apart from the number of sessions, or None."""
    first = records[0].resolved
    same = (
        msgspec.structs.replace(record.resolved, sessions=first.sessions) == first
        for record in records
    )
    return first if all(same) else None

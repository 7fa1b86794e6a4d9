"""Stored records as SQL tables, so that questions across runs need no program.

`runs` has a row for each record, `sessions` for each launch of a run, `pairs` for each session of a
comparison, `steps` for each step of each rank (read from the runs' Parquet files when asked).
Columns are named and typed after the fields of the schema: what a later version adds becomes a
column by itself. What a record does not have is NULL.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import duckdb
import msgspec

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.figures.gpus import gpu_figures
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.cost import Cost
from resnext_bench.reports.schema.machine import GpusSeen
from resnext_bench.reports.schema.record import Environment, Figures, Record
from resnext_bench.reports.schema.samples import COLUMNS
from resnext_bench.reports.schema.upgrade import Stored
from resnext_bench.reports.store.columns import FILE
from resnext_bench.reports.store.files import os_error
from resnext_bench.reports.store.runs import Unfinished

Row = dict[str, Any]

_SQL_TYPES: Final = {int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", str: "VARCHAR"}
_OF_A_SESSION: Final = frozenset({"images", "window_s", "steps"})
"""Figures whose names mean something else, or nothing, across sessions."""


def _sql_type(kind: Any) -> str:
    """BIGINT for int, VARCHAR[] for tuple[str, ...], MAP for dict; None makes no difference."""
    if get_origin(kind) is Literal:
        return "VARCHAR"
    if isinstance(kind, UnionType):
        return _sql_type(next(one for one in get_args(kind) if one is not type(None)))
    if get_origin(kind) is tuple:
        return f"{_sql_type(get_args(kind)[0])}[]"
    if get_origin(kind) is dict:
        key, value = get_args(kind)
        return f"MAP({_sql_type(key)}, {_sql_type(value)})"
    return _SQL_TYPES[kind]


def _columns(struct: type[msgspec.Struct], *, without: Iterable[str] = ()) -> dict[str, str]:
    hints = get_type_hints(struct)
    return {name: _sql_type(kind) for name, kind in hints.items() if name not in without}


SLOW: Final[Mapping[str, str]] = {"slow_every": "BIGINT", "slow_cost_percent": "DOUBLE"}
RUNS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("id", "kind", "status", "verdict", "why"), "VARCHAR"),
    "created": "TIMESTAMP",
    "duration_s": "DOUBLE",
    "images_per_s": "DOUBLE",
    "images_per_s_low": "DOUBLE",
    "images_per_s_high": "DOUBLE",
    **_columns(Figures, without={*_OF_A_SESSION, "images_per_s", "slow"}),
    **SLOW,
    **_columns(Cost),
    **_columns(RunConfig),
    "world_size": "BIGINT",
    "global_batch_size": "BIGINT",
    "device_name": "VARCHAR",
    "weight_format": "VARCHAR",
    **_columns(Environment, without={"git", "boards"}),
    "commit": "VARCHAR",
    "branch": "VARCHAR",
    "dirty": "BOOLEAN",
    "tool_version": "VARCHAR",
    "design": "VARCHAR",
    "change_percent": "DOUBLE",
    "change_low_percent": "DOUBLE",
    "change_high_percent": "DOUBLE",
    "middle_percent": "DOUBLE",
    "tags": "VARCHAR[]",
    "note": "VARCHAR",
}
SESSIONS: Final[Mapping[str, str]] = {
    "run": "VARCHAR",
    "number": "BIGINT",
    "started": "TIMESTAMP",
    "launch_s": "DOUBLE",
    **_columns(Figures, without={"slow"}),
    **SLOW,
    "steady": "BOOLEAN",
    "cut": "BIGINT",
    "invalid": "VARCHAR[]",
    "first_loss": "DOUBLE",
    "last_loss": "DOUBLE",
    "load_1min": "DOUBLE",
    **dict.fromkeys(("sm_mhz", "power_w", "temperature_c", "joules"), "DOUBLE"),
    "lost_gpus": "VARCHAR[]",
}
PAIRS: Final[Mapping[str, str]] = {
    "run": "VARCHAR",
    "number": "BIGINT",
    "first": "VARCHAR",
    "started": "TIMESTAMP",
    "log_ratio": "DOUBLE",
    "middle_log_ratio": "DOUBLE",
    "a_ms": "DOUBLE",
    "b_ms": "DOUBLE",
    "quiet_percent": "DOUBLE",
    "invalid": "VARCHAR[]",
}
STEPS: Final[Mapping[str, str]] = {
    "run": "VARCHAR",
    **dict.fromkeys(("session", "rank", "node", "step", *COLUMNS), "BIGINT"),
    "loss": "DOUBLE",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a question brought."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def ask(
    root: Path, found: Sequence[Stored | Unfinished], sql: str, values: Sequence[object] = ()
) -> Answer:
    """Put a question to the records in `found`, which lie below `root`.

    `values` stand for ? in `sql`. A mistake in `sql` is a StoreError of one or two lines.
    """
    with duckdb.connect() as connection:
        _fill(connection, root, found)
        try:
            connection.execute(sql, list(values))
            rows = connection.fetchall()
        except duckdb.Error as error:
            raise refused(sql, error) from error
        names = tuple(one[0] for one in connection.description or ())
    return Answer(columns=names, rows=tuple(rows))


_WRITES: Final = re.compile(r"\s*(copy|export)\b", re.IGNORECASE)
_FILE: Final = re.compile(r'file \\?"([^"\\]+)')
"""As DuckDB names it; some of its errors are quoted once more."""


def refused(sql: str, error: duckdb.Error) -> OSError | StoreError:
    """What DuckDB's error comes to: the disk's where the question writes, else the question's."""
    text = str(error)
    named = _FILE.search(text)
    path = Path(named[1] if named else "the file that COPY names")
    if _WRITES.match(sql) and (unwritten := os_error(text, path)):
        return unwritten
    return StoreError(first_lines(text))


def first_lines(text: str) -> str:
    """The complaint and its hint, without the picture of the place."""
    lines = [line.strip() for line in text.partition("\nLINE ")[0].splitlines()]
    return "; ".join(line.rstrip("!") for line in lines if line)


def _fill(
    connection: duckdb.DuckDBPyConnection, root: Path, found: Sequence[Stored | Unfinished]
) -> None:
    records = [one for one in found if isinstance(one, Record)]
    compared = [one for one in found if isinstance(one, Comparison)]
    _table(connection, "runs", RUNS, (_run_row(one) for one in found))
    _table(connection, "sessions", SESSIONS, (row for one in records for row in _sessions(one)))
    _table(connection, "pairs", PAIRS, (row for one in compared for row in _pairs(one)))
    _steps_view(connection, [path for one in found if (path := root / one.id / FILE).is_file()])


def _table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Mapping[str, str],
    rows: Iterator[Row],
) -> None:
    data = msgspec.json.encode([{column: row.get(column) for column in columns} for row in rows])
    shape = msgspec.json.encode([dict(columns)])
    # A list of structs, unnested twice: into rows, and these into columns.
    connection.execute(
        f"CREATE TABLE {name} AS SELECT unnest(from_json($1, $2), max_depth := 2)",
        [data.decode(), shape.decode()],
    )


def _steps_view(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """The folder's name is the run's id. Nothing is read before it is asked for."""
    if not files:
        columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in STEPS.items())
        connection.execute(f"CREATE VIEW steps AS SELECT {columns} WHERE false")
        return
    names = ", ".join(_quoted(str(path)) for path in files)
    connection.execute(
        "CREATE VIEW steps AS SELECT parse_path(filename)[-2] AS run, * EXCLUDE (filename) "
        f"FROM read_parquet([{names}], filename = true, union_by_name = true)"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _run_row(found: Stored | Unfinished) -> Row:
    if isinstance(found, Unfinished):
        return {"id": found.id, "status": "unfinished", "why": found.why}
    row = _common(found)
    if isinstance(found, Comparison):
        change = found.change
        return row | {
            "verdict": found.verdict,
            "design": found.design,
            "change_percent": change.percent if change else None,
            "change_low_percent": change.low_percent if change else None,
            "change_high_percent": change.high_percent if change else None,
            "middle_percent": found.middle.percent if found.middle else None,
        }
    interval, config = found.interval, found.resolved
    return row | {
        **(_figures(found.figures) if found.figures else {}),
        **(msgspec.structs.asdict(found.cost) if found.cost else {}),
        **msgspec.structs.asdict(config),
        "world_size": config.world_size,
        "global_batch_size": config.global_batch_size,
        "images_per_s_low": interval.low if interval else None,
        "images_per_s_high": interval.high if interval else None,
        "device_name": found.device_name,
        "weight_format": found.weight_format,
    }


def _figures(figures: Figures) -> Row:
    slow = figures.slow
    return {
        **msgspec.structs.asdict(figures),
        "slow_every": slow.every if slow else None,
        "slow_cost_percent": slow.cost_percent if slow else None,
    }


def _common(found: Stored) -> Row:
    git = found.environment.git or {}
    own = ("id", "kind", "status", "why", "duration_s", "tool_version", "tags", "note")
    return {
        **msgspec.structs.asdict(found.environment),
        **{name: getattr(found, name) for name in own},
        "created": _utc(found.created),
        "commit": git.get("commit"),
        "branch": git.get("branch"),
        "dirty": git["dirty"] == "true" if "dirty" in git else None,
    }


def _utc(stamp: str) -> str:
    """Without its zone, which is always UTC: times with a zone would need another library."""
    return stamp.removesuffix("+00:00").removesuffix("Z")


def _sessions(record: Record) -> Iterator[Row]:
    for session in record.sessions:
        yield {
            **msgspec.structs.asdict(session),
            **_figures(session.figures),
            "run": record.id,
            "started": _utc(session.started),
            "steady": session.steadiness.steady,
            "cut": session.steadiness.cut,
            **(_gpus(session.gpus, session.figures) if session.gpus else {}),
        }


def _gpus(seen: GpusSeen, figures: Figures) -> Row:
    """Energy is that of the window, as images/s is."""
    each = figures.joules_per_image
    found = gpu_figures([seen])
    return {
        **(msgspec.structs.asdict(found) if found else {}),
        "joules": None if each is None else each * figures.images,
        "lost_gpus": list(seen.lost),
    }


def _pairs(record: Comparison) -> Iterator[Row]:
    for pair in record.pairs:
        yield {
            **msgspec.structs.asdict(pair),
            "run": record.id,
            "first": pair.order[0],
            "started": _utc(pair.started),
            "a_ms": pair.step_ms[0],
            "b_ms": pair.step_ms[1],
        }

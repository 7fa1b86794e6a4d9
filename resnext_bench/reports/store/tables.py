"""Stored records as SQL tables, so that queries over many runs need no program.

`runs` has a row for each record, `sessions` for each launch of a run, `pairs` for each session of a
comparison, `steps` for each step of each rank (read from the runs' Parquet files when asked).
Columns are named and typed after the fields of the schema: what a later version adds becomes a
column by itself. What a record does not have is NULL.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, get_args, get_origin

import duckdb
import msgspec

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.kind import Columns, Row, fields_of
from resnext_bench.reports.schema.kinds import KINDS, Stored, kind_of
from resnext_bench.reports.schema.record import RUN, Environment
from resnext_bench.reports.schema.samples import COLUMNS
from resnext_bench.reports.store.bulk import completed
from resnext_bench.reports.store.columns import FILE
from resnext_bench.reports.store.files import os_error
from resnext_bench.reports.store.runs import Unfinished

_SQL_TYPES: Final = {
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    str: "VARCHAR",
    datetime: "TIMESTAMP",
}


def _sql_type(kind: Any) -> str:
    """Return the SQL type: BIGINT for int, VARCHAR[] for tuple[str, ...], MAP for dict."""
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


STEPS: Final[Columns] = {
    "run": str,
    **dict.fromkeys(("session", "rank", "node", "step", *COLUMNS), int),
    "loss": float,
}


def tables() -> dict[str, Columns]:
    """Return the names of all tables, with their columns."""
    own = {table.name: table.columns() for kind in KINDS.values() for table in kind.tables}
    return {"runs": _columns_of_runs(), **own, "steps": STEPS}


def _columns_of_runs() -> Columns:
    """Return the columns of all records, around those of each kind, which are mostly runs'."""
    others = [kind.columns() for kind in KINDS.values() if kind is not RUN]
    return {
        **dict.fromkeys(("id", "kind", "status", "verdict", "why"), str),
        "created": datetime,
        "duration_s": float,
        **RUN.columns(),
        **fields_of(Environment, without={"git", "boards"}),
        **dict.fromkeys(("commit", "branch"), str),
        "dirty": bool,
        "tool_version": str,
        **{name: kind for columns in others for name, kind in columns.items()},
        "tags": tuple[str, ...],
        "note": str,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer to a query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    left_out: tuple[str, ...] = ()
    """Why records have no rows in a table that was asked for."""


def ask(
    root: Path, found: Sequence[Stored | Unfinished], sql: str, values: Sequence[object] = ()
) -> Answer:
    """Query the records in `found`, which are below `root`.

    `values` stand for ? in `sql`. A mistake in `sql` is a StoreError of one or two lines.
    """
    with duckdb.connect() as connection:
        left_out = _fill(connection, root, found, sql)
        try:
            connection.execute(sql, list(values))
            rows = connection.fetchall()
        except duckdb.Error as error:
            raise refused(sql, error) from error
        names = tuple(one[0] for one in connection.description or ())
    return Answer(columns=names, rows=tuple(rows), left_out=left_out)


_WRITES: Final = re.compile(r"\s*(copy|export)\b", re.IGNORECASE)
_FILE: Final = re.compile(r'file \\?"([^"\\]+)')
"""Finds the file that DuckDB names; some of its errors are quoted again."""


def refused(sql: str, error: duckdb.Error) -> OSError | StoreError:
    """Return what DuckDB's error means: the disk's where the query writes, else the query's."""
    text = str(error)
    named = _FILE.search(text)
    path = Path(named[1] if named else "the file that COPY names")
    if _WRITES.match(sql) and (unwritten := os_error(text, path)):
        return unwritten
    return StoreError(first_lines(text))


def first_lines(text: str) -> str:
    """Return the error and its hint, without the marked query."""
    lines = [line.strip() for line in text.partition("\nLINE ")[0].splitlines()]
    return "; ".join(line.rstrip("!") for line in lines if line)


def _fill(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    found: Sequence[Stored | Unfinished],
    sql: str,
) -> tuple[str, ...]:
    """Make all tables; return why records are missing in those that `sql` names."""
    left_out: dict[str, None] = {}
    _table(connection, "runs", _columns_of_runs(), (_run_row(one) for one in found))
    for kind in KINDS.values():
        records = [
            one for one in found if not isinstance(one, Unfinished) and one.kind == kind.name
        ]
        for table in kind.tables:
            # What stands beside records is read for who asks for it.
            asked = kind.bulk is None or re.search(rf"\b{table.name}\b", sql, re.IGNORECASE)
            whole = _whole(root, records if asked else (), left_out)
            rows = (row for record in whole for row in table.rows(record))
            _table(connection, table.name, table.columns(), rows)
    _steps_view(connection, [path for one in found if (path := root / one.id / FILE).is_file()])
    return tuple(left_out)


def _whole(root: Path, records: Iterable[Stored], left_out: dict[str, None]) -> Iterator[Stored]:
    """Yield records with what stands beside them; note why one is left out."""
    for record in records:
        try:
            yield completed(root / record.id, record)
        except StoreError as error:
            left_out[str(error)] = None


def _table(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Columns, rows: Iterable[Row]
) -> None:
    moments = [column for column, kind in columns.items() if kind is datetime]
    told = [
        {column: row.get(column) for column in columns}
        | {column: _utc(row[column]) for column in moments if column in row}
        for row in rows
    ]
    shape = [{column: _sql_type(kind) for column, kind in columns.items()}]
    # A list of structs, unnested twice: into rows, and these into columns.
    connection.execute(
        f"CREATE TABLE {name} AS SELECT unnest(from_json($1, $2), max_depth := 2)",
        [msgspec.json.encode(told).decode(), msgspec.json.encode(shape).decode()],
    )


def _steps_view(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Return the view of steps, which is read on demand. The folder's name is the run's id."""
    if not files:
        columns = ", ".join(f"NULL::{_sql_type(kind)} AS {name}" for name, kind in STEPS.items())
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
    return _common(found) | kind_of(found).row(found)


def _common(found: Stored) -> Row:
    git = found.environment.git or {}
    own = ("id", "kind", "status", "why", "created", "duration_s", "tool_version", "tags", "note")
    return {
        **msgspec.structs.asdict(found.environment),
        **{name: getattr(found, name) for name in own},
        "commit": git.get("commit"),
        "branch": git.get("branch"),
        "dirty": git["dirty"] == "true" if "dirty" in git else None,
    }


def _utc(stamp: str) -> str:
    """Drop the zone, which is always UTC: times with a zone would need another library."""
    return stamp.removesuffix("+00:00").removesuffix("Z")

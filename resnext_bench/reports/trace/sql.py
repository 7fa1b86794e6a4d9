"""A trace as SQL tables: kernels, ops, steps, collectives, memory, of one rank or of many.

Only what a question asks for is computed by DuckDB; the columns are handed over as they are.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.errors import OF_THE_ENVIRONMENT, StoreError
from resnext_bench.reports.store.files import os_error, writing
from resnext_bench.reports.store.tables import Answer, first_lines, refused
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.header import distributed_info
from resnext_bench.reports.trace.kernels.device_work import (
    CLASSES,
    CORES,
    device_classes,
    host_classes,
)
from resnext_bench.reports.trace.layers.work import origins
from resnext_bench.reports.trace.memory.table import columns as memory_columns
from resnext_bench.reports.trace.reading.trace import Ids, Kind, Rows, Trace
from resnext_bench.reports.trace.sql_details import Columns, known, of_kernels, of_ops
from resnext_bench.reports.trace.time.identity import communication, identity
from resnext_bench.reports.trace.time.links import Pass
from resnext_bench.reports.trace.time.nest import self_times

TABLES: Final = ("kernels", "ops", "steps", "collectives", "memory")
FORMATS: Final = {"parquet": "(FORMAT parquet, COMPRESSION zstd)", "csv": "(FORMAT csv, HEADER)"}
_CHANGES: Final = (
    duckdb.StatementType.DELETE,
    duckdb.StatementType.UPDATE,
    duckdb.StatementType.INSERT,
    duckdb.StatementType.DROP,
    duckdb.StatementType.ALTER,
)
_MAKES: Final = duckdb.StatementType.CREATE
_HINT: Final = f"tables: {', '.join(TABLES)}; columns: DESCRIBE kernels"
_PASSES: Final = ("", *(one.name.lower() for one in Pass))
_KINDS: Final = ("operator", "annotation", "launch", "kernel", "copy", "fill")


def ask(analyses: Iterable[Analysis], sql: str) -> Answer:
    """Query the tables; a mistake in the query is a StoreError of a line or two."""
    with duckdb.connect() as connection:
        try:
            _require_question(connection, sql)
            _fill(connection, analyses)
            connection.execute(sql)
            rows = connection.fetchall()
        except duckdb.Error as error:
            raise _refused(sql, error) from error
        names = tuple(one[0] for one in connection.description or ())
    return Answer(columns=names, rows=tuple(rows))


def _require_question(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise StoreError where a statement would only change tables that nobody sees afterwards."""
    kinds = [one.type for one in connection.extract_statements(sql)]
    if any(kind in _CHANGES for kind in kinds) or (kinds and kinds[-1] == _MAKES):
        raise StoreError("only questions: the tables are in memory, and changes of them are lost")


def _refused(sql: str, error: duckdb.Error) -> OSError | StoreError:
    """Return what DuckDB's error means; where it does not understand, with what there is."""
    found = refused(sql, error)
    if isinstance(error, duckdb.ParserException | duckdb.CatalogException):
        return StoreError(f"{found}; {_HINT}")
    return found


def export(analyses: Iterable[Analysis], folder: Path, form: str) -> list[Path]:
    """Write each table into a file of its own in `folder`; `form` is a key of FORMATS."""
    written, path = [], folder
    try:
        with writing(folder, "--to"):
            folder.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            _fill(connection, analyses)
            for table in TABLES:
                path = folder / f"{table}.{form}"
                quoted = str(path).replace("'", "''")
                with writing(path, "--to"):
                    connection.execute(f"COPY {table} TO '{quoted}' {FORMATS[form]}")
                written.append(path)
    except (OSError, duckdb.Error) as error:
        if isinstance(error, OSError) and error.errno in OF_THE_ENVIRONMENT:
            raise
        if full := os_error(str(error), path):
            raise full from error
        raise StoreError(f"cannot write to {folder}: {first_lines(str(error))}") from error
    return written


def _fill(connection: duckdb.DuckDBPyConnection, analyses: Iterable[Analysis]) -> None:
    made = False
    for analysis in analyses:
        for table, columns in _columns(analysis).items():
            found = columns()
            connection.register("incoming", found)
            target = f"INSERT INTO {table}" if made else f"CREATE TABLE {table} AS"
            connection.execute(f"{target} SELECT {_typed(found)} FROM incoming")
            connection.unregister("incoming")
        made = True


def _typed(columns: Columns) -> str:
    """Every column by its type: of one without rows DuckDB could not tell which it is."""
    types = {"O": "VARCHAR", "b": "BOOLEAN", "i": "BIGINT"}
    return ", ".join(
        f'CAST("{name}" AS {types[column.dtype.kind]}) AS "{name}"'
        for name, column in columns.items()
    )


def _columns(analysis: Analysis) -> dict[str, Callable[[], Columns]]:
    return {
        "kernels": lambda: _kernels(analysis),
        "ops": lambda: _ops(analysis),
        "steps": lambda: _steps(analysis),
        "collectives": lambda: _collectives(analysis),
        "memory": lambda: _memory(analysis),
    }


def _kernels(analysis: Analysis) -> Columns:
    """A row for each kernel, copy and fill."""
    trace, links = analysis.trace, analysis.links
    device, operator = trace.device, links.operator
    passes, classes, cores = device_classes(trace, links, np.arange(len(device)))
    rows = np.arange(len(device))
    place = analysis.places.of(origins(analysis, rows) if len(device) else operator)
    module = analysis.places.names(place)
    return {
        **_common(analysis, device, analysis.steps.of_device),
        "class": _words(CLASSES)[classes],
        "tensor_core": _words(CORES)[cores],
        "pass": _words(_PASSES)[passes + 1],
        "device": device.device,
        "stream": device.stream,
        "correlation": known(device.key),
        "operator": _name_of(trace, operator),
        "layer": module,
        "module": _or_null(module),
        "launch_ns": np.ma.masked_array(_at(trace.host.start, links.launch), mask=links.launch < 0),
        **of_kernels(analysis),
    }


def _ops(analysis: Analysis) -> Columns:
    """A row for each operator, annotation and call of the runtime."""
    trace, links = analysis.trace, analysis.links
    host = trace.host
    process = np.array([str(one[0]) for one in trace.threads], dtype=object)
    thread = np.array([str(one[1]) for one in trace.threads], dtype=object)
    module = analysis.places.names(analysis.places.at)
    return {
        **_common(analysis, host, analysis.steps.of_host),
        "self_ns": self_times(host, links.parent),
        "class": _words(CLASSES)[host_classes(trace, links)],
        "pass": _words(_PASSES)[links.passes + 1],
        "process": process[host.thread],
        "thread": thread[host.thread],
        "parent": _name_of(trace, links.parent),
        "layer": module,
        "module": _or_null(module),
        "sequence": known(host.sequence),
        **of_ops(analysis),
    }


def _steps(analysis: Analysis) -> Columns:
    """A row for each step, used or not; the four parts add up to its duration."""
    found = analysis.steps
    parts = identity(analysis.busy, found.windows)
    count = len(found.numbers)
    return {
        "rank": _rank(analysis, count),
        "step": np.array(found.numbers, dtype=np.int64),
        "used": found.used,
        "start_ns": found.windows.start,
        "duration_ns": found.windows.length,
        "compute_ns": parts.compute,
        "exposed_communication_ns": parts.exposed_communication,
        "exposed_copy_ns": parts.exposed_copy,
        "idle_ns": parts.idle,
        "host_start_ns": found.host.start,
        "host_duration_ns": found.host.length,
    }


def _collectives(analysis: Analysis) -> Columns:
    """A row for each communication kernel, on a CPU for each of its operators and spans."""
    trace = analysis.trace
    told = communication(trace)
    if analysis.device is None:
        which = told[trace.host.name] & (trace.host.kind != Kind.LAUNCH)
        return _common(analysis, trace.host.take(which), analysis.steps.of_host[which])
    which = told[trace.device.name] & (trace.device.kind == Kind.KERNEL)
    return _common(analysis, trace.device.take(which), analysis.steps.of_device[which])


def _memory(analysis: Analysis) -> Columns:
    """A row for each block of memory, where it was recorded."""
    found = memory_columns(analysis)
    return {"rank": _rank(analysis, len(found["bytes"])), **found}


def _common(analysis: Analysis, rows: Rows, step: Ids) -> Columns:
    trace, number = analysis.trace, np.array(analysis.steps.numbers, dtype=np.int64)
    return {
        "rank": _rank(analysis, len(rows)),
        "name": _words(trace.names)[rows.name],
        "kind": _words(_KINDS)[rows.kind],
        "step": np.ma.masked_array(_at(number, step), mask=step < 0),
        "start_ns": rows.start,
        "duration_ns": rows.duration,
        "since_epoch_ns": rows.start + trace.origin_ns,
    }


def _rank(analysis: Analysis, count: int) -> NDArray[Any]:
    rank = distributed_info(analysis.trace.header).get("rank", analysis.rank)
    known = isinstance(rank, int)
    return np.ma.masked_array(np.full(count, rank if known else 0), mask=not known)


def _words(words: Iterable[str]) -> NDArray[Any]:
    return np.array([str(one) for one in words], dtype=object)


def _at(values: NDArray[Any], rows: Ids) -> NDArray[Any]:
    return np.append(values, 0)[rows]


def _or_null(texts: NDArray[Any]) -> NDArray[Any]:
    found: NDArray[Any] = np.where(texts == "", None, texts)  # type: ignore[call-overload]
    return found


def _name_of(trace: Trace, row: Ids) -> NDArray[Any]:
    """Names of rows of the host; empty where there is none."""
    return _words([*trace.names, ""])[np.append(trace.host.name, np.int32(-1))[row]]

"""Writes the samples of a run as one Parquet file: a row for each step of each rank."""

from collections.abc import Mapping, Sequence
from errno import EIO
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from resnext_bench.reports.errors import Unwritten
from resnext_bench.reports.schema.samples import COLUMNS, SessionResult
from resnext_bench.reports.store.files import beside, os_error

FILE = "samples.parquet"
GPU_FILE = "gpus.parquet"

GpuColumns = Mapping[str, Sequence[float | None]]
"""What GPUs reported, a row for each GPU and moment; `gpu` and `reasons` are integers."""
_COUNTED = frozenset({"gpu", "reasons"})


def write_columns(path: Path, sessions: Sequence[SessionResult]) -> None:
    """Write all timed steps: session, rank, node, step, the columns in ns, and the loss.

    It is written under another name first, so that no reader sees half a file.
    """
    table = {name: np.concatenate(parts) for name, parts in _parts(sessions).items()}
    kinds = {name: "DOUBLE" if one.dtype.kind == "f" else "BIGINT" for name, one in table.items()}
    _write_parquet(path, {name: one.tolist() for name, one in table.items()}, kinds)


def write_gpu_columns(path: Path, columns: GpuColumns) -> None:
    """Write what GPUs reported in one session, if anything."""
    if any(columns.values()):
        kinds = {name: "BIGINT" if name in _COUNTED else "DOUBLE" for name in columns}
        _write_parquet(path, {name: list(values) for name, values in columns.items()}, kinds)


def _write_parquet(path: Path, table: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> None:
    # Without a cast the type would follow from the values, and files would differ among themselves.
    columns = ", ".join(f"unnest(${name})::{kinds[name]} AS {name}" for name in table)
    with duckdb.connect() as connection:
        relation = connection.sql(f"SELECT * FROM (SELECT {columns})", params=dict(table))
        try:
            with beside(path) as temporary:
                relation.write_parquet(str(temporary), compression="zstd")
        except duckdb.Error as error:  # an IOException, or a FatalException where a disk is full
            raise os_error(str(error), path) or Unwritten(EIO, str(error), str(path)) from error


def _parts(sessions: Sequence[SessionResult]) -> dict[str, list[np.ndarray]]:
    parts: dict[str, list[np.ndarray]] = {
        name: [] for name in ("session", "rank", "node", "step", *COLUMNS, "loss")
    }
    for number, result in enumerate(sessions, start=1):
        for samples in result.samples:
            steps = len(samples.step_ns)
            constants = {"session": number, "rank": samples.rank, "node": samples.node}
            for name, value in constants.items():
                parts[name].append(np.full(steps, value))
            parts["step"].append(np.arange(steps))
            for name in COLUMNS:
                parts[name].append(np.array(getattr(samples, name), dtype=np.int64))
            parts["loss"].append(np.array(samples.loss, dtype=np.float64))
    return parts

"""Copies by direction and kind of memory."""

from pathlib import Path

import pytest

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.host.copies import Way, copies, way
from tests.reports.trace.made import Made


@pytest.mark.parametrize(
    ("name", "direction", "memory"),
    [
        ("Memcpy HtoD (Pageable -> Device)", "HtoD", "pageable"),
        ("Memcpy HtoD (Pinned -> Device)", "HtoD", "pinned"),
        ("Memcpy DtoH (Device -> Pinned)", "DtoH", "pinned"),
        ("Memcpy DtoD (Device -> Device)", "DtoD", ""),
        ("Memcpy PtoP (Device -> Device)", "PtoP", ""),
        ("Memcpy HtoD (Host -> Device)", "HtoD", ""),
        ("Memcpy DtoH (Device -> Managed)", "DtoH", "managed"),
        ("Memcpy HtoA (Pageable -> Array)", "HtoD", "pageable"),
        ("CopyDeviceToHost", "DtoH", ""),
        ("Memcpy2D", "unknown", ""),
        ("Memcpy", "unknown", ""),
    ],
)
def test_names(name: str, direction: str, memory: str) -> None:
    assert way(name) == Way(direction=direction, memory=memory)


def copied(made: Made, name: str, ts: float, dur: float, size: object = None) -> None:
    made.on_gpu("gpu_memcpy", name, ts, dur, made.launch(ts - 2, name="cudaMemcpyAsync"))
    if size is not None:
        made.rows[-1]["args"]["bytes"] = size


def test_bytes_and_rates(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).kernel("k", 90, 5)
    copied(made, "Memcpy HtoD (Pinned -> Device)", 10, 4, 40_000)
    copied(made, "Memcpy HtoD (Pinned -> Device)", 20, 4, 80_000)
    copied(made, "Memcpy HtoD (Pageable -> Device)", 30, 10, 10_000)
    rows = copies(analyse(made.write(tmp_path)))
    assert [(row.memory, row.count, row.total_ns, row.bytes) for row in rows] == [
        ("pageable", 1, 10_000, 10_000),
        ("pinned", 2, 8000, 120_000),
    ]
    assert [row.gb_per_s for row in rows] == [1.0, 15.0]


@pytest.mark.parametrize("size", [None, "many", -5, 2**70, 3.5])
def test_sizes_that_are_not_recorded(tmp_path: Path, size: object) -> None:
    """Those that have one make the rate."""
    made = Made().step(0, 0, 100).kernel("k", 90, 5)
    copied(made, "Memcpy DtoD (Device -> Device)", 10, 4, 40_000)
    copied(made, "Memcpy DtoD (Device -> Device)", 20, 6, size)
    (row,) = copies(analyse(made.write(tmp_path)))
    assert (row.count, row.recorded, row.total_ns, row.gb_per_s) == (2, 1, 10_000, 10.0)


def test_no_size_is_no_rate(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).kernel("k", 90, 5)
    copied(made, "Memcpy DtoD (Device -> Device)", 10, 4)
    (row,) = copies(analyse(made.write(tmp_path)))
    assert (row.recorded, row.bytes, row.gb_per_s) == (0, 0, None)

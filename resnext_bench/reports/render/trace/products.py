"""Tables of matrix products and of attention in a kernel-time report."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.render.kernel_names import short
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.render.trace.rates import explained, rate, spaced
from resnext_bench.reports.render.trace.words import count_each, each, per, percent, us
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_products import AttentionRow, ProductRow

_NUMBERS: Final = ("ms", "share", "calls", "us: median", "TFLOP/s")
_SPARE: Final = ("layout", "kernel", "us: median", "calls", "pass", "operator", "share")
"""Columns that narrow terminals go without, the first one first."""
_CAUSAL: Final = {True: "yes", False: "no", None: "?"}
_ATTENTION: Final = re.compile(r"^\w+::_*(scaled_dot_product_)?|_attention|_attn(?=_)")
"""What the names of all operators of attention have in common."""


def sections(report: TraceReport, top: int) -> Iterator[Section]:
    """Yield both tables, each cut after `top` rows; nothing of what the trace does not have."""
    if report.products:
        yield _products(report, report.products[:top])
        yield from spaced(explained(report.products[:top], report.on))
    if report.attention:
        yield _attention(report, report.attention[:top])
        yield from spaced(_notes(report, report.attention[:top]))


def _notes(report: TraceReport, rows: Sequence[AttentionRow]) -> Iterator[Line]:
    yield from explained(rows, report.on)
    if any(row.causal is None and row.tflops for row in rows):
        told = "causal ?: not causal, or not recorded; the FLOP are those without a mask"
        yield Line(text=told, tone="dim")


def _products(report: TraceReport, rows: Sequence[ProductRow]) -> Table:
    columns = {
        **_numbers(report, rows),
        "pass": [row.which for row in rows],
        "type": [row.dtype for row in rows],
        "layout": [row.layout if row.layout != "??" else "" for row in rows],
        "operator": [row.operator.removeprefix("aten::") for row in rows],
        "shape": [row.shape for row in rows],
        "kernel": [short(row.kernel) for row in rows],
    }
    several = ", b of them" if any(row.batch > 1 for row in rows) else ""
    title = f"matrix products, M x N x K{several}, ms {per(report)}{_cut(rows, report.products)}"
    return _table(report, title, columns)


def _attention(report: TraceReport, rows: Sequence[AttentionRow]) -> Table:
    columns = {
        **_numbers(report, rows),
        "pass": [row.which for row in rows],
        "type": [row.dtype for row in rows],
        "causal": [_CAUSAL[row.causal] for row in rows],
        "operator": [_ATTENTION.sub("", row.operator) for row in rows],
        "shape": [row.shape for row in rows],
        "kernel": [short(row.kernel) for row in rows],
    }
    what = "attention: batch n, heads h, lengths, width d"
    title = f"{what}; ms {per(report)}{_cut(rows, report.attention)}"
    return _table(report, title, columns)


def _numbers(
    report: TraceReport, rows: Sequence[ProductRow] | Sequence[AttentionRow]
) -> dict[str, list[str]]:
    return {
        "ms": [each(report, row.total_ns) for row in rows],
        "share": [percent(row.share) for row in rows],
        "calls": [count_each(report, row.calls) for row in rows],
        "us: median": [us(row.median_ns) for row in rows],
        "TFLOP/s": [rate(row) for row in rows],
    }


def _table(report: TraceReport, title: str, columns: dict[str, list[str]]) -> Table:
    """Return a table without columns that say nothing; on a CPU operators are kernels."""
    if report.device is None:
        columns = {name: cells for name, cells in columns.items() if name != "kernel"}
    told = {name: cells for name, cells in columns.items() if any(cells)}
    return Table(
        columns=tuple(
            Column(
                name=name,
                is_number=name in _NUMBERS,
                goes=_SPARE.index(name) + 1 if name in _SPARE else 0,
                is_name=number == len(told) - 1,
            )
            for number, name in enumerate(told)
        ),
        groups=(tuple(zip(*told.values(), strict=True)),),
        title=title,
    )


def _cut(shown: Sequence[object], rows: Sequence[object]) -> str:
    return f", the first {len(shown)} of {len(rows)}" if len(rows) > len(shown) else ""

"""Matrix products and attention of a trace: a row for each shape, pass and kernel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_products import AttentionRow, ProductRow
from resnext_bench.reports.trace.kernels.device_work import Work
from resnext_bench.reports.trace.kernels.peaks import Peaks, rate
from resnext_bench.reports.trace.kernels.tables import share
from resnext_bench.reports.trace.kernels.timed import (
    Group,
    Launches,
    Timed,
    Usual,
    apart,
    cut_calls,
    grouped_by,
    timed,
    usual,
)
from resnext_bench.reports.trace.names.attention import Attention
from resnext_bench.reports.trace.names.attention import label as attention_label
from resnext_bench.reports.trace.names.classes import CONVS, PRODUCTS, Class
from resnext_bench.reports.trace.names.products import Product
from resnext_bench.reports.trace.names.products import label as product_label
from resnext_bench.reports.trace.reading.trace import Ids, Ns, Trace
from resnext_bench.reports.trace.time.links import Links, Pass
from resnext_bench.reports.trace.time.nest import innermost

_MAIN: Final = (*PRODUCTS, Class.ATTENTION, Class.OTHER)
_APART: Final = (Class.COPY, Class.LAYOUT, Class.COMMUNICATION, Class.FRAMEWORK, *CONVS)
"""What a call launches, or has inside, that is no part of its product."""
_PASSES: Final = ("", *(one.name.lower() for one in Pass))


@dataclass(frozen=True, kw_only=True)
class Products:
    """Both tables."""

    products: list[ProductRow]
    attention: list[AttentionRow]


def product_rows(trace: Trace, links: Links, work: Work, step_ns: int, peaks: Peaks) -> Products:
    """Return a row for each product or attention, pass and main kernel, most time first."""
    row = _calls(trace, links, work.row)
    call = apart(row, work.replay, len(trace.host))
    mine = np.flatnonzero((call >= 0) & ~work.of(*_APART))
    launches = Launches(
        call=call[mine],
        part=np.zeros(len(mine), dtype=np.int8),
        name=work.name[mine],
        duration=work.duration[mine],
        main=work.of(*_MAIN)[mine],
    )
    parts = timed(launches)
    of_host = parts.call % max(1, len(trace.host))
    at = np.searchsorted(trace.products.row, of_host)
    product = _alike(trace.products.distinct)[trace.products.which[at]]
    passes = links.passes[of_host]
    core = work.core[mine]
    cut = cut_calls(links, row, work.replay, _calls(trace, links, links.cut))
    cut = parts.any(cut[mine])
    found: list[ProductRow | AttentionRow] = []
    for group in grouped_by(parts, launches, product, passes):
        first = group.parts[0]
        one = _One(
            trace=trace,
            parts=parts,
            group=group,
            core=core,
            cut=cut,
            step_ns=step_ns,
            peaks=peaks,
        )
        found.append(one.row(trace.products.distinct[product[first]], _PASSES[passes[first] + 1]))
    found.sort(key=lambda row: (-row.total_ns, row.shape, row.operator))
    return Products(
        products=[row for row in found if isinstance(row, ProductRow)],
        attention=[row for row in found if isinstance(row, AttentionRow)],
    )


def _calls(trace: Trace, links: Links, of: Ids) -> Ids:
    """Return the call that each of these rows of the host belongs to; -1: none.

    Of calls within one another the innermost is one; the others only hand on, and what they launch
    besides, such as copies, is no product.
    """
    parent, rows = links.parent, trace.products.row
    listed = np.zeros(len(trace.host) + 1, dtype=bool)
    listed[rows] = True
    nearest = innermost(listed, parent, of)
    outer = innermost(listed, parent, parent[rows])
    listed[outer[outer >= 0]] = False
    return np.where(listed[nearest], nearest, np.int32(-1))


def _alike(products: Sequence[Product | Attention]) -> Ids:
    """Return for each product the first one that is equal."""
    first: dict[Product | Attention, int] = {}
    return np.array([first.setdefault(one, at) for at, one in enumerate(products)], dtype=np.int32)


@dataclass(frozen=True, kw_only=True, eq=False)
class _One:
    """Calls that are alike."""

    trace: Trace
    parts: Timed
    group: Group
    core: NDArray[np.int8]
    cut: NDArray[np.bool_]
    """Whether the range cuts each call."""
    step_ns: int
    peaks: Peaks

    def row(self, call: Product | Attention, which: str) -> ProductRow | AttentionRow:
        """Return their row."""
        ns = self.parts.ns[self.group.parts]
        if isinstance(call, Attention):
            return _attention(call, which, self, ns)
        return _product(call, which, self, ns)

    def usual(self, ns: Ns) -> Usual:
        """Return what a call takes."""
        return usual(ns, self.cut[self.group.parts])

    def rate(self, flops: int | None, typical: Usual) -> float | None:
        """Return the rate of the usual call, TFLOP/s; None where the range cuts all calls."""
        return rate(flops, typical.median_ns) if typical.is_whole else None

    @property
    def kernel(self) -> str:
        """Return the kernel that took most of the time."""
        return self.trace.names[int(self.parts.name[self.group.parts[0]])]

    def peak(self, dtype: str) -> float | None:
        """Return the most that numbers of a type can reach by these kernels."""
        return self.peaks.of(dtype, self.core[self.group.rows])


def _product(call: Product, which: str, one: _One, ns: Ns) -> ProductRow:
    typical, total = one.usual(ns), int(ns.sum())
    return ProductRow(
        operator=call.operator,
        shape=product_label(call),
        batch=call.batch,
        m=call.m,
        n=call.n,
        k=call.k,
        dtype=call.dtype,
        layout=call.layout,
        which=which,
        kernel=one.kernel,
        kernels=len(one.group.names),
        calls=len(ns),
        total_ns=total,
        share=share(total, one.step_ns),
        median_ns=typical.median_ns,
        tflops=one.rate(call.flops, typical),
        cut_calls=typical.cut,
        peak_tflops=one.peak(call.dtype),
    )


def _attention(call: Attention, which: str, one: _One, ns: Ns) -> AttentionRow:
    typical, total = one.usual(ns), int(ns.sum())
    return AttentionRow(
        operator=call.operator,
        shape=attention_label(call),
        backward=call.backward,
        batch=call.batch,
        heads=call.heads,
        kv_heads=call.kv_heads,
        queries=call.queries,
        keys=call.keys,
        width=call.width,
        value_width=call.value_width,
        causal=call.causal,
        dtype=call.dtype,
        which=which,
        kernel=one.kernel,
        kernels=len(one.group.names),
        calls=len(ns),
        total_ns=total,
        share=share(total, one.step_ns),
        median_ns=typical.median_ns,
        tflops=one.rate(call.flops, typical),
        cut_calls=typical.cut,
        peak_tflops=one.peak(call.dtype),
    )

"""A row of the report for each module."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resnext_bench.reports.schema.trace_layers import LayerRow
from resnext_bench.reports.trace.kernels.device_work import CORES
from resnext_bench.reports.trace.kernels.peaks import Peaks
from resnext_bench.reports.trace.kernels.tables import share
from resnext_bench.reports.trace.layers.arithmetic import Arithmetic
from resnext_bench.reports.trace.layers.places import Places
from resnext_bench.reports.trace.layers.sums import CallCounts, Sums, classes_of
from resnext_bench.reports.trace.names.classes import TensorCore


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """All that rows are made of."""

    places: Places
    own: Sums
    total: Sums
    calls: CallCounts | None
    """None where they cannot be counted."""
    arithmetic: Arithmetic
    peaks: Peaks
    """Of the device."""
    step_ns: int

    def all(self) -> list[LayerRow]:
        """Return a row for each module, in the order of `Tree.in_order`."""
        tree, calls = self.places.tree, self.places.calls
        first = np.full(len(tree), np.iinfo(np.int64).max)
        known = calls.module >= 0
        np.minimum.at(first, calls.module[known], calls.start[known])
        order = tree.in_order(first)
        number = {node: at for at, node in enumerate(order)}
        figures = self.arithmetic.with_below(tree)
        return [self._row(node, number, figures) for node in order]

    def _row(self, node: int, number: Mapping[int, int], figures: Arithmetic) -> LayerRow:
        tree, calls, total = self.places.tree, self.calls, self.total
        path, above, time = tree.path(node), int(tree.above[node]), int(total.total[node])
        shape, dtype = figures.main_shape(node)
        return LayerRow(
            name=self.places.name(node),
            part=path[-1],
            type=tree.kind[node],
            depth=len(path),
            above=number[above] if above >= 0 else None,
            calls=None if calls is None else int(calls.forward[node]),
            calls_again=None if calls is None else int(calls.again[node]),
            total_ns=time,
            own_ns=int(self.own.total[node]),
            forward_ns=int(total.forward[node]),
            backward_ns=int(total.backward[node]),
            again_ns=int(total.again[node]),
            share=share(time, self.step_ns),
            idle_ns=int(total.idle[node]),
            shape=shape,
            shapes=len(figures.shapes.get(node, {})),
            dtype=dtype,
            **figures.amounts(node),
            **figures.rates(node, time),
            roof_tflops=self._roof(node, dtype),
            roof_gb_per_s=device.gb_per_s if (device := self.peaks.device) else None,
            classes=classes_of(total.classes[node]),
        )

    def _roof(self, node: int, dtype: str) -> float | None:
        """Return what the device computes at most; fp32 may have been TF32, on tensor cores."""
        plain = self.total.plain[node] == self.total.eligible[node]
        core = TensorCore.NO if plain else TensorCore.UNKNOWN
        return self.peaks.of(dtype, np.array([CORES.index(core)], dtype=np.int8))

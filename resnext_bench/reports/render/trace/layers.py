"""The table of a report by module of the model, and what has to be said with it."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.render.model import Column, Line, Note, Section, Table, Words
from resnext_bench.reports.render.trace.layer_rows import Chosen, Modules, Shown, common
from resnext_bench.reports.render.trace.words import count_each, each, of_steps, per, percent
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_layers import Layers

_BETWEEN: Final = " > "
_ENOUGH: Final = 0.5
"""Share of a module's time that known FLOP or bytes have to cover to be told with "≥"."""
_SMALL: Final = 0.1
"""TFLOP/s below which the fastest module is told in GFLOP/s."""
_CLASSES: Final = 2
"""Classes of kernels that a row tells."""
_INSTANCES: Final = ("python", "stacks")
"""Sources whose names are not those of attributes."""
_OUTSIDE: Final = {
    "loss": "loss, in no module",
    "other": "other work in no module",
    "other forward": "other forward work in no module",
    "other backward": "other backward work in no module",
    "CUDA graph": "CUDA graphs, whose modules are not known",
}
WITH_MODULES: Final = (
    "resnext-bench run ... --profile, or torch.profiler.profile(with_stack=True, ...)"
)
_SPARE: Final = (
    *("calls", "GB/s", "kernels", "idle", "GFLOP", "shape", "again", "share", "TFLOP/s", "GFLOP/s"),
)
"""Columns in the order in which they go where there is no room."""


def layers(report: TraceReport, top: int, chosen: Chosen) -> Iterator[Section]:
    """Yield the table, cut after `top` rows, and what explains it; or how to record modules."""
    found = report.layers
    if found is None or not chosen.is_wanted or (found.rows and not found.work_ns):
        return
    if not found.rows:
        yield from (Line(text=line, tone="dim") for line in _not_recorded(found))
        yield Line(text="")
        return
    modules = Modules(found)
    within = modules.every() if chosen.module is None else modules.named(chosen.module)
    depth = chosen.depth or modules.readable(within)
    shown = modules.shown(depth, within)
    yield _Drawn(report, found, shown, top, chosen).table()


def _not_recorded(found: Layers) -> Iterator[str]:
    yield f"by module: not recorded: profile with modules ({WITH_MODULES})"
    if found.compiled:
        yield "parts of the model are compiled: their modules are fused, and no profiler tells them"


class _Drawn:
    """The table in the making."""

    def __init__(
        self, report: TraceReport, found: Layers, shown: Sequence[Shown], top: int, chosen: Chosen
    ) -> None:
        self._report, self._layers, self._chosen = report, found, chosen
        self._shown, self._rest = shown[:top], shown[top:]
        self._prefix = common(one.path for one in shown if not one.is_itself)
        rates = [rate for one in self._shown if (rate := _tflops(one)) is not None]
        self._is_slow = bool(rates) and max(rates) < _SMALL
        self._heads = [
            *("ms", "share", "forward", "backward"),
            *(("again",) if any(one.again_ns for one in shown) else ()),
            *("calls", "idle"),
            *(("GFLOP", self._unit) if any(one.flop for one in shown) else ()),
            *(("GB/s",) if any(_gb_per_s(one) for one in self._shown) else ()),
        ]
        self._words = [
            *(("shape",) if any(one.is_leaf and one.row.shape for one in self._shown) else ()),
            *("kernels", "module"),
        ]

    @property
    def _unit(self) -> str:
        return "GFLOP/s" if self._is_slow else "TFLOP/s"

    def table(self) -> Table:
        """Return modules, what is in none, and the sum of both."""
        heads = [*self._heads, *self._words]
        parts = (self._modules(), self._outside(), self._all())
        groups = [rows for part in parts if (rows := tuple(map(self._cells, part)))]
        return Table(
            columns=tuple(
                Column(
                    name=name,
                    is_number=at < len(self._heads),
                    goes=_SPARE.index(name) + 1 if name in _SPARE else 0,
                    is_name=at == len(heads) - 1,
                )
                for at, name in enumerate(heads)
            ),
            groups=tuple(groups),
            title=self._title(),
            notes=(*_explained(self._layers, (*self._shown, *self._rest)), *self._of_peaks()),
        )

    def _of_peaks(self) -> Iterator[Note]:
        """Yield what the second figure of a rate is, where there is one."""
        rates = {
            self._unit: any(" of " in self._rate(one) for one in self._shown),
            "GB/s": any(" of " in self._moved(one) for one in self._shown),
        }
        if columns := tuple(name for name, of in rates.items() if of):
            yield Note(text="of: the data sheet's peak", columns=columns)

    def _title(self) -> str:
        where = f" in {_BETWEEN.join(self._prefix)}" if self._prefix else ""
        every = len(self._shown) + len(self._rest)
        cut = f", the first {len(self._shown)} of {every}" if self._rest else ""
        return f"by module{where}, ms {per(self._report)}{of_steps(self._report)}{cut}"

    def _cells(self, figures: dict[str, str]) -> tuple[Words, ...]:
        return tuple(figures.get(name, "") for name in (*self._heads, *self._words))

    def _figures(self, one: Shown) -> dict[str, str]:
        report = self._report
        again = f" ({count_each(report, one.row.calls_again)} again)" if one.row.calls_again else ""
        calls = "" if one.row.calls is None else f"{count_each(report, one.row.calls)}{again}"
        return {
            **self._times(one.total_ns, one.idle_ns),
            "forward": self._each(one.forward_ns),
            "backward": self._each(one.backward_ns),
            "again": self._each(one.again_ns),
            "calls": "" if one.is_itself else calls,
            "GFLOP": self._gflop(one),
            self._unit: self._rate(one),
            "GB/s": self._moved(one),
            "shape": _shape(one) if one.is_leaf else "",
            "kernels": _kernels(one.classes),
            "module": self._name(one),
        }

    def _times(self, total: int, idle: int) -> dict[str, str]:
        step_ns = self._report.sums.step_ns
        return {
            "ms": each(self._report, total),
            "share": percent(total / step_ns if step_ns else 0.0),
            "idle": self._each(idle),
        }

    def _each(self, ns: int) -> str:
        return each(self._report, ns) if ns else ""

    def _gflop(self, one: Shown) -> str:
        if not one.flop:
            return ""
        mean = one.flop / max(1, len(self._report.steps.step_ns)) / 1e9
        return _at_least(one.uncounted_ns + one.cut_ns) + _number(mean)

    def _rate(self, one: Shown) -> str:
        rate = _tflops(one)
        if rate is None:
            return ""
        told = _at_least(one.uncounted_ns) + _number(rate * (1e3 if self._is_slow else 1))
        roof = one.row.roof_tflops
        return f"{told} of {_number(roof)}" if roof and not one.is_itself else told

    def _moved(self, one: Shown) -> str:
        rate = _gb_per_s(one)
        if rate is None:
            return ""
        roof = one.row.roof_gb_per_s
        told = _at_least(one.row.unsized_ns) + _number(rate)
        return f"{told} of {_number(roof)}" if roof else told

    def _name(self, one: Shown) -> str:
        """Return a name whose beginning tells it apart, as its end is cut where room is short."""
        if one.is_itself:
            return f"{self._path(one.path)} itself"
        if self._layers.source not in _INSTANCES:
            return self._path(one.path) + (f": {one.row.type}" if one.row.type else "")
        above = one.path[len(self._prefix) : -1]
        return one.path[-1] + (f" in {_BETWEEN.join(above)}" if above else "")

    def _path(self, path: tuple[str, ...]) -> str:
        if self._layers.source in _INSTANCES:
            return path[-1]
        return ".".join(path)

    def _modules(self) -> Iterator[dict[str, str]]:
        """Yield the modules, and one row for those that are cut off."""
        yield from map(self._figures, self._shown)
        if self._rest:
            name = f"{len(self._rest)} more modules" if len(self._rest) > 1 else "1 more module"
            yield self._summed(self._rest, name)

    def _outside(self) -> Iterator[dict[str, str]]:
        """Yield the sum of the modules, and what is in none."""
        every = (*self._shown, *self._rest)
        if self._chosen.module is not None:
            yield self._summed(every, f"all of {self._chosen.module}")
            return
        yield self._summed(every, "all modules")
        for row in self._layers.outside:
            yield {
                **self._times(row.total_ns, row.idle_ns),
                "kernels": _kernels({one.cls: one.total_ns for one in row.classes}),
                "module": _OUTSIDE.get(row.what, row.what),
            }

    def _all(self) -> Iterator[dict[str, str]]:
        if self._chosen.module is None:
            idle = sum(self._report.steps.idle_ns)
            yield {**self._times(self._layers.work_ns, idle), "module": "all work"}

    def _summed(self, these: Sequence[Shown], name: str) -> dict[str, str]:
        total = sum(one.total_ns for one in these)
        flop = sum(one.flop or 0 for one in these)
        steps = max(1, len(self._report.steps.step_ns))
        uncounted = sum(one.uncounted_ns + one.cut_ns for one in these)
        return {
            **self._times(total, sum(one.idle_ns for one in these)),
            "forward": self._each(sum(one.forward_ns for one in these)),
            "backward": self._each(sum(one.backward_ns for one in these)),
            "again": self._each(sum(one.again_ns for one in these)),
            "GFLOP": _at_least(uncounted) + _number(flop / steps / 1e9) if flop else "",
            "module": name,
        }


def _tflops(one: Shown) -> float | None:
    """Return 10^12 FLOP/s over its time, if most of its convolutions and products count."""
    if not one.flop or not one.rated_ns or one.uncounted_ns > _ENOUGH * one.rated_ns:
        return None
    return one.flop / one.rated_ns / 1e3


def _gb_per_s(one: Shown) -> float | None:
    if one.is_itself or one.row.unsized_ns > _ENOUGH * one.rated_ns:
        return None
    return one.row.gb_per_s


def _at_least(unknown_ns: int) -> str:
    return "≥ " if unknown_ns else ""


def _number(value: float) -> str:
    """Return a number with three digits, or all that stand before its point."""
    if 0 < value < 0.005:
        return "<0.01"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _shape(one: Shown) -> str:
    more = f" +{one.row.shapes - 1}" if one.row.shapes > 1 else ""
    return f"{one.row.shape}{more}"


def _kernels(classes: dict[str, int]) -> str:
    """Return the classes of kernels with most time, and their shares of the module."""
    total = sum(classes.values())
    largest = sorted(classes.items(), key=lambda one: (-one[1], one[0]))[:_CLASSES]
    return ", ".join(f"{cls} {100 * ns / total:.0f} %" for cls, ns in largest if total)


_SOURCES: Final = {
    "python": (
        "names are of instances, as the trace has them: Conv2d_3 is the fourth Conv2d that ran"
    ),
    "stacks": (
        "conv:124 is every module of conv.py that line 124 of the module above calls: this trace "
        "does not tell more; torch.profiler.profile(with_stack=True) of today's PyTorch does"
    ),
}


def _explained(found: Layers, shown: Sequence[Shown]) -> Iterator[Note]:
    """Yield what a reader may ask about names, columns and rows."""
    if any(one.is_itself for one in shown):
        yield Note(text="itself: what a module does outside the modules in it")
    if told := _SOURCES.get(found.source):
        yield Note(text=told)
    if any(one.again_ns for one in shown):
        told = "again: what backward computes again of the forward pass (activation checkpoints)"
        yield Note(text=told, columns=("again",))
    if found.flop_from == "none":
        yield Note(text="FLOP: not recorded: profile with record_shapes=True")
    elif any(one.uncounted_ns and one.flop for one in shown):
        told = "≥: of some of its kernels the trace does not record shapes"
        yield Note(text=told, columns=("GFLOP", "TFLOP/s", "GFLOP/s", "GB/s"))
    if any(one.cut_ns for one in shown):
        told = "cut by the range: no rate; FLOP (≥) and rates are without these calls"
        yield Note(text=told, columns=("GFLOP", "TFLOP/s", "GFLOP/s", "GB/s"))
    if found.shared:
        names = ", ".join(found.shared[:3]) + (", ..." if len(found.shared) > 3 else "")
        yield Note(text=f"called by several modules, with a row in each: {names}")
    if found.compiled:
        told = "parts of the model are compiled: a row has all of one, as its modules are fused"
        yield Note(text=told)

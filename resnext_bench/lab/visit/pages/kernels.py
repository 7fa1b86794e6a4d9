"""Where the time of a step goes, by the profiler: classes of kernels, and their floors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from resnext_bench.lab.visit.pages.roofs import Roofs, typed
from resnext_bench.lab.visit.pages.tables import headed, introduced, table
from resnext_bench.lab.visit.pages.words import (
    NONE,
    Notes,
    number,
    one_line,
    percent,
    remarks,
)
from resnext_bench.lab.visit.results import Results, Task
from resnext_bench.lab.visit.sizes import sizes_for
from resnext_bench.reports.render.model import Code, Section, Strong, Text, Words, inline
from resnext_bench.reports.schema.networks import Roofline
from resnext_bench.reports.trace.names import classes
from resnext_bench.reports.trace.names.classes import Class

CONVS: Final = "convolutions"
_FAMILIES: Final[dict[str, tuple[Sequence[str], tuple[str, ...]]]] = {
    CONVS: (
        [*(one for one in Class if one in classes.CONVS), Class.LAYOUT, Class.SPLIT_K],
        ("conv",),
    ),
    "batch norm": ([Class.NORM], ("norm",)),
    "ReLU, additions": ([Class.ELEMENTWISE], ("relu", "add")),
    "pooling": ([Class.POOLING], ("max_pool", "mean_pool")),
    "linear": ([one for one in Class if one in classes.PRODUCTS], ("linear",)),
    "optimizer": ([Class.OPTIMIZER], ()),
}
"""Classes of kernels, and the kinds of layers that they compute, by family."""
_LEAST_SHARE: Final = 0.005
"""Least share of a step with which a class has a line of its own."""

_HEAD: Final = (
    *("model", "setting", "batch", "ms/step", "under the profiler", "idle", "layout tax"),
    "tensor cores",
)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One model's step under the profiler."""

    model: str
    task: Task
    size: int

    @property
    def report(self) -> Mapping[str, Any]:
        """The kernel-time report; empty where no step was profiled."""
        report: Mapping[str, Any] = self.task.found.get("report") or {}
        return report

    @property
    def batch(self) -> int:
        """Images in a step; 0 where it is not known."""
        return int(self.task.found.get("batch", 0))

    @property
    def step_ms(self) -> float | None:
        """Mean of the profiled steps by the trace, ms; None where it is not known."""
        total = self.report.get("sums", {}).get("step_ns")
        used = self.report.get("trust", {}).get("steps_used")
        return total / used / 1e6 if total and used else None

    @property
    def classes(self) -> dict[str, float]:
        """Shares of the step by class; with idle they add up to 1 if kernels do not overlap."""
        return {row["class"]: row["share"] for row in self.report.get("classes", ())}

    @property
    def idle(self) -> dict[str, float]:
        """Shares of the step in which nothing ran, by cause."""
        return {row["cause"]: row["share"] for row in self.report.get("idle", ())}

    def floor(self, roofs: Roofs) -> Roofline | None:
        """Return the floors of such a step; None where they are not known."""
        dtype, _ = typed(self.task.found.get("type", ""))
        known = dtype is not None and self.batch
        return roofs.floor(self.model, self.batch, dtype, self.size) if dtype and known else None


def profiles(results: Results) -> list[Profile]:
    """Return the profile of every model, except where something was wrong."""
    size = sizes_for(results.facts.kind).image_size
    return [
        Profile(model=model, task=task, size=int(task.found.get("image_size", size)))
        for model, task in results.told("kernels").items()
        if not task.wrong
    ]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The time that a family of kernels takes beyond its floor, ms of a step."""

    family: str
    took_ms: float
    floor_ms: float

    @property
    def lost_ms(self) -> float:
        """The time beyond the floor, ms."""
        return self.took_ms - self.floor_ms


def losses(one: Profile, roofs: Roofs) -> list[Loss]:
    """Return the losses of all families, the largest first; empty where floors are not known."""
    floor, step_ms = one.floor(roofs), one.step_ms
    if floor is None or step_ms is None or not one.classes:
        return []
    found = []
    for family, (names, kinds) in _FAMILIES.items():
        share = sum(one.classes.get(name, 0.0) for name in names)
        floor_us = sum(row.total_us for row in floor.rows if row.kind in kinds)
        floor_us += floor.optimizer_us if family == "optimizer" else 0.0
        found.append(Loss(family=family, took_ms=share * step_ms, floor_ms=floor_us / 1e3))
    known = {name for names, _ in _FAMILIES.values() for name in names}
    rest = sum(share for cls, share in one.classes.items() if cls not in known)
    found.append(Loss(family="other kernels", took_ms=rest * step_ms, floor_ms=0.0))
    idle = sum(one.idle.values())
    found.append(Loss(family="idle", took_ms=idle * step_ms, floor_ms=0.0))
    return sorted(found, key=lambda loss: -loss.lost_ms)


def kernels(results: Results) -> Iterator[Section]:
    """Yield tables by model; nothing where none was profiled."""
    found, notes = profiles(results), Notes()
    overview = table(_HEAD, (_line(one, notes) for one in found), notes=notes)
    parts = (overview, _by_class(found), _over_floor(found, Roofs.of(results)))
    yield from headed("Where a step goes, by kernels", chain.from_iterable(parts))


def _line(one: Profile, notes: Notes) -> tuple[Words, ...]:
    found, report = one.task.found, one.report
    plain, profiled = found.get("step_ms"), found.get("profiled_ms")
    cost = f"{number(profiled)} ms, {profiled / plain:.3f} times" if plain and profiled else NONE
    tax = report.get("layout", {}).get("share_of_step")
    warnings = report.get("warnings", ())
    return (
        inline(Code(one.model), notes.mark([*remarks(one.task), *warnings])),
        one_line(str(found.get("type", NONE))),
        str(one.batch or NONE),
        number(plain) if plain else NONE,
        cost,
        percent(sum(one.idle.values())) if "idle" in report else NONE,
        percent(tax),
        _tensor_cores(report.get("tensor_cores")),
    )


def _tensor_cores(found: Mapping[str, int] | None) -> str:
    if not found or not found.get("eligible_ns"):
        return NONE
    whole, unknown = found["eligible_ns"], found.get("unknown_ns", 0)
    more = f", unknown {percent(unknown / whole)}" if unknown else ""
    return f"{percent(found.get('used_ns', 0) / whole)} of eligible time{more}"


def _by_class(found: Sequence[Profile]) -> Iterator[Section]:
    """Yield shares of the step by class, then those of idle time."""
    told = [_wide(found, lambda one: one.classes, ""), _wide(found, lambda one: one.idle, "idle: ")]
    rows = [row for rows in told for row in rows]
    yield from table(("share of the step", *(inline(Code(one.model)) for one in found)), rows)


def _wide(
    found: Sequence[Profile], of: Callable[[Profile], Mapping[str, float]], prefix: str
) -> list[tuple[str, ...]]:
    shares = [of(one) for one in found]
    names = dict.fromkeys(name for each in shares for name in each)
    most = {name: max(each.get(name, 0.0) for each in shares) for name in names}
    shown = sorted((one for one in most if most[one] >= _LEAST_SHARE), key=lambda one: -most[one])
    return [
        (f"{prefix}{one_line(name)}", *(percent(each.get(name, 0.0)) for each in shares))
        for name in shown
    ]


def _over_floor(found: Sequence[Profile], roofs: Roofs) -> Iterator[Section]:
    told = {one.model: {loss.family: loss for loss in losses(one, roofs)} for one in found}
    models = [model for model, each in told.items() if each]
    if not models:
        return
    rows: list[tuple[Words, ...]] = [
        (family, *(_lost(told[model][family]) for model in models)) for family in told[models[0]]
    ]
    words = (
        "Time beyond the floor, ms of a profiled step: what was taken − the floor. Layout "
        "transforms and split-k reductions are counted with the convolutions they serve; idle time "
        "and other kernels have no floor."
    )
    head: tuple[Words, ...] = ("", *(inline(Code(model)) for model in models))
    yield from introduced(words, table(head, rows))


def _lost(loss: Loss) -> Text:
    return inline(Strong(f"{loss.lost_ms:.2f}"), f" = {loss.took_ms:.2f} − {loss.floor_ms:.2f}")

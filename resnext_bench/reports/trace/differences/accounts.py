"""The mean step of one side in whole nanoseconds: its parts, its work, and the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

from resnext_bench.reports.schema.trace_diff import Part
from resnext_bench.reports.trace.differences.apportion import apportioned, mean_ns
from resnext_bench.reports.trace.differences.sides import Side
from resnext_bench.reports.trace.reading.trace import Ns


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Account:
    """Means of a side's steps: `parts` add up to the step, and so does all the rest together."""

    step_ns: int
    parts: Mapping[Part, int]
    leaf_ns: Ns
    """Of each leaf."""
    overlap_ns: int
    """Negative where work overlaps."""
    idle_ns: Mapping[str, int]
    """By cause; they add up to the part of that name."""


def account(side: Side) -> Account:
    """Return the account of a side, which has at least one step."""
    steps = side.steps
    step = mean_ns(int(side.step_ns.sum()), steps)
    totals = [int(ns.sum()) for ns in side.parts.values()]
    parts = dict(zip(side.parts, apportioned(totals, steps, step).tolist(), strict=True))
    work = [*side.leaf_ns.sum(axis=1).tolist(), -int(side.overlap_ns.sum())]
    busy = apportioned(work, steps, step - parts["idle"])
    causes = [int(ns.sum()) for ns in side.idle_ns.values()]
    idle = apportioned(causes, steps, parts["idle"])
    return Account(
        step_ns=step,
        parts=parts,
        leaf_ns=busy[:-1],
        overlap_ns=int(busy[-1]),
        idle_ns=dict(zip(side.idle_ns, idle.tolist(), strict=True)),
    )

"""Which ranks of two recordings belong together."""

from collections.abc import Mapping, Sequence

from resnext_bench.reports.schema.trace_diff import RankDelta
from resnext_bench.reports.trace.differences.apportion import mean_ns
from resnext_bench.reports.trace.differences.sides import Side

Pairs = Mapping[int, tuple[Side, Side]]


def in_common(a: Sequence[Side], b: Sequence[Side]) -> dict[int, tuple[Side, Side]]:
    """Return the ranks that both recordings have, the first ones first."""
    of_a, of_b = (
        {one.rank: one for one in sides if one.rank is not None and one.steps} for sides in (a, b)
    )
    return {rank: (of_a[rank], of_b[rank]) for rank in sorted(of_a.keys() & of_b.keys())}


def longest(a: Sequence[Side], b: Sequence[Side], both: Pairs) -> tuple[Side, Side]:
    """Return the common rank with the longest step on either side; without one the longest each."""
    if both:
        return max(both.values(), key=lambda pair: max(one.mean_ns for one in pair))
    return max(a, key=lambda one: one.mean_ns), max(b, key=lambda one: one.mean_ns)


def rank_deltas(both: Pairs) -> list[RankDelta]:
    """Return the steps of all common ranks."""
    found = []
    for rank, pair in both.items():
        a, b = (mean_ns(int(one.step_ns.sum()), one.steps) for one in pair)
        found.append(RankDelta(rank=rank, a_ns=a, b_ns=b, delta_ns=b - a))
    return found

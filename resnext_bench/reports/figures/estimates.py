"""From an interval on a logarithmic scale to what is saved of it."""

from collections.abc import Callable

from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.stats.effects import Interval


def estimate_of(found: Interval, scale: Callable[[float], float]) -> Estimate:
    """Return an interval on another scale, which a growing function leads to."""
    return Estimate(
        value=float(scale(found.estimate)),
        low=float(scale(found.low)),
        high=float(scale(found.high)),
    )

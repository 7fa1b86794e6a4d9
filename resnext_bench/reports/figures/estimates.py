"""Converts intervals to what is stored of them."""

from collections.abc import Callable

from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.stats.effects import Interval


def estimate_of(found: Interval, scale: Callable[[float], float]) -> Estimate:
    """Return an interval on another scale; `scale` is an increasing function."""
    return Estimate(
        value=float(scale(found.estimate)),
        low=float(scale(found.low)),
        high=float(scale(found.high)),
    )

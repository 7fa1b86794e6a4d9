"""A figure with its interval, as it is stored.

Two other intervals in records keep their names in JSON: a comparison's `Range`, in per cent and
with its confidence, and the `Interval` of a run's images/s, which has no middle, as the run's own
figure is all images over all time. All three are made from the `Interval` of
`resnext_bench.reports.stats.effects`.
"""

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over rounds or sessions, and its confidence interval."""

    value: float
    low: float
    high: float

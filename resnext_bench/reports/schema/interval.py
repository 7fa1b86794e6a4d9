"""A figure with the interval that it lies in, as it is saved.

Two intervals in records have other names in JSON, which stay: a comparison's `Range`, in per cent
and with its confidence, and the `Interval` of a run's images/s, which has no middle, as the run's
own figure is all images over all time. All three are taken from one thing, the `Interval` of
`resnext_bench.reports.stats.effects`.
"""

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over rounds or sessions, and the interval that holds the truth."""

    value: float
    low: float
    high: float

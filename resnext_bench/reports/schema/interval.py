"""Figures with their intervals, as they are stored.

All three are made from the `Interval` of `resnext_bench.reports.stats.effects`. They differ in what
a reader of the record needs: a change in per cent with its confidence, a run's images/s without a
middle, as the run's own figure is all images over all time, and a mean.
"""

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over rounds or sessions, and its confidence interval."""

    value: float
    low: float
    high: float


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A change in per cent of a, with its interval at the given confidence."""

    percent: float
    low_percent: float
    high_percent: float
    confidence_percent: float


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """The interval of a figure over sessions, each of which is one replicate."""

    low: float
    high: float
    confidence_percent: float
    sessions: int

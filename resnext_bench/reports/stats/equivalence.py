"""Equivalence: evidence that a change is small, which is more than no evidence that it is large."""

from math import isinf

from scipy import special

from resnext_bench.reports.stats.effects import Interval


def tost(found: Interval, margin_log: float) -> float:
    """Return the p value of "outside ±margin": two one-sided t tests (Schuirmann 1987).

    It is below α exactly where the interval of confidence 1 - 2α lies within ±margin, and 1 where
    the error is not known.
    """
    if margin_log <= 0:
        raise ValueError(f"a margin of {margin_log}: it must be above 0")
    if isinf(found.error):
        return 1.0
    nearer = (margin_log - abs(found.estimate)) / found.error
    return float(special.stdtr(found.df, -nearer))

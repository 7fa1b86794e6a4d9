"""Equivalence: evidence that a change is small, which is more than none that it is large."""

from scipy import stats


def tost(estimate: float, error: float, df: float, margin_log: float) -> float:
    """Return the p value of "outside ±margin": two one-sided t tests (Schuirmann 1987)."""
    above = stats.t.sf((estimate + margin_log) / error, df)
    below = stats.t.cdf((estimate - margin_log) / error, df)
    return float(max(above, below))

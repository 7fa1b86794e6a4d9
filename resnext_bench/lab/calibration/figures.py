"""A calibrated figure with its 95 % bound, and whether that bound contradicts the goal."""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Outcome = Literal["shown", "open", "missed", "no goal"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure in per cent over `n` simulations; a goal is a range where the truth should lie."""

    what: str
    value: float
    low: float
    high: float
    n: int
    least: float | None = None
    most: float | None = None

    @property
    def outcome(self) -> Outcome:
        """Whether the bound meets the goal: all of it (shown), none (missed), or some (open)."""
        if self.least is None and self.most is None:
            return "no goal"
        least, most = self._goal
        if self.low >= least and self.high <= most:
            return "shown"
        return "open" if self.high >= least and self.low <= most else "missed"

    @property
    def row(self) -> dict[str, object]:
        """The figure as it is stored."""
        rounded = {name: round(getattr(self, name), 4) for name in ("value", "low", "high")}
        return asdict(self) | rounded | {"outcome": self.outcome}

    def __str__(self) -> str:
        least, most = self._goal
        goal = "" if self.outcome == "no goal" else f"  goal {least:g} to {most:g}: {self.outcome}"
        bound = f"{self.value:8.3f} %  ({self.low:.3f} to {self.high:.3f}, n = {self.n})"
        return f"  {self.what:<64}{bound}{goal}"

    @property
    def _goal(self) -> tuple[float, float]:
        return (
            -np.inf if self.least is None else self.least,
            np.inf if self.most is None else self.most,
        )


def rate(
    what: str,
    hits: NDArray[np.bool_] | list[bool],
    *,
    least: float | None = None,
    most: float | None = None,
) -> Figure:
    """Return the share of hits with its exact binomial bound (Clopper and Pearson 1934)."""
    found = stats.binomtest(int(np.sum(hits)), len(hits))
    bound = found.proportion_ci(0.95, "exact")
    low, high = 100 * float(bound.low), 100 * float(bound.high)
    value = 100 * float(found.statistic)
    return Figure(what=what, value=value, low=low, high=high, n=len(hits), least=least, most=most)


def mean(what: str, log_ratios: NDArray[np.float64], *, within: float | None = None) -> Figure:
    """Return a mean log ratio [n] in per cent; the goal is ±within."""
    value = 100 * float(np.mean(log_ratios))
    half = 196 * float(np.std(log_ratios)) / float(np.sqrt(len(log_ratios)))
    return Figure(
        what=what,
        value=value,
        low=value - half,
        high=value + half,
        n=len(log_ratios),
        least=None if within is None else -within,
        most=within,
    )

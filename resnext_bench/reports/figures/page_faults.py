"""The page faults of scripts: how much of a change they explain, and when they forbid a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from resnext_bench.reports.schema.comparison import Pair

FAULT_US: Final = 0.7
"""Most time that a page fault usually takes, clearing of the page included: 0.25 us on bare metal,
0.5 to 0.7 us in virtual machines."""
LEAST_SHARE: Final = 0.005
"""Share of a step's time; page faults that take less change no verdict."""
HALF: Final = 0.5
"""Share of a change; where page faults may explain that much, there is no verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """Page faults of a step on both sides, mean over all sessions that report them."""

    a: float
    b: float
    share: float
    """Most time that the additional page faults of b may take, as a share of a's step; negative
    where b has fewer."""
    scatter: float
    """Scatter between launches of one side, as the same share: the larger of both standard
    deviations."""

    @property
    def matter(self) -> bool:
        """Whether page faults may bias a verdict, or hide a change."""
        return max(abs(self.share), self.scatter) >= LEAST_SHARE

    def account_for(self, log_ratio: float) -> bool:
        """Return whether page faults may explain half or more of a change of b's steps."""
        same_way = self.share * log_ratio > 0
        return self.matter and same_way and abs(self.share) >= HALF * abs(log_ratio)


def faults_of(pairs: Sequence[Pair]) -> Faults | None:
    """Return what launches of scripts report of their page faults; None where they report none."""
    seen = [
        (one.launches[0].faults_per_step, one.launches[1].faults_per_step, one.step_ms[0])
        for one in pairs
        if one.launches
    ]
    known = [(a, b, step) for a, b, step in seen if a is not None and b is not None]
    if not known:
        return None
    a, b, step_ms = np.array(known, dtype=np.float64).T
    shares = FAULT_US * 1e-3 * np.array([a, b]) / step_ms
    spread = shares.std(axis=1, ddof=1).max() if len(known) > 1 else 0.0
    return Faults(
        a=float(a.mean()),
        b=float(b.mean()),
        share=float((shares[1] - shares[0]).mean()),
        scatter=float(spread),
    )


def faults_words(found: Faults) -> str:
    """Say why page faults forbid a verdict: which side has more, and how long they may take."""
    per_cent = 100 * abs(found.share)
    more, fewer = ("b", "a") if found.share > 0 else ("a", "b")
    return (
        f"a step of {more} has {abs(found.b - found.a):,.0f} more page faults than one of {fewer}, "
        f"which may be {per_cent:.1f} % of its time: they may come from the heap or from the code"
    )

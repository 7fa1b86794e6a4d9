"""Page faults of scripts: how much of a change they may be, and when they leave none to be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from resnext_bench.reports.schema.comparison import Pair

FAULT_US: Final = 0.7
"""What a page fault with the clearing of its page takes at most, most of the time: 0.25 us on
bare metal, 0.5 to 0.7 in virtual machines."""
LEAST_SHARE: Final = 0.005
"""Of a step: fewer faults than that change no verdict."""
HALF: Final = 0.5
"""Share of a change that faults must be able to account for, to leave it untold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """Page faults of a step on both sides, over all sessions that tell them."""

    a: float
    b: float
    share: float
    """What b's more of them may take at most, of a step of a's; below 0 where it has fewer."""
    scatter: float
    """How far launches of one side lie apart, likewise: the larger of both standard deviations."""

    @property
    def matter(self) -> bool:
        """Whether they may bias a verdict, or hide a change."""
        return max(abs(self.share), self.scatter) >= LEAST_SHARE

    def account_for(self, log_ratio: float) -> bool:
        """Whether such a change of b's steps may be theirs by half or more."""
        same_way = self.share * log_ratio > 0
        return self.matter and same_way and abs(self.share) >= HALF * abs(log_ratio)


def faults_of(pairs: Sequence[Pair]) -> Faults | None:
    """Return what launches of scripts tell of their page faults; None where they do not."""
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
    """Say why faults leave no verdict: which side has more of them, and what they may take."""
    per_cent = 100 * abs(found.share)
    more, fewer = ("b", "a") if found.share > 0 else ("a", "b")
    return (
        f"a step of {more} has {abs(found.b - found.a):,.0f} more page faults than one of {fewer}, "
        f"which may be {per_cent:.1f} % of its time: they may come from the heap or from the code"
    )

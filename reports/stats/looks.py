"""When a comparison may look at its verdict, and what each look costs.

Who looks after every session finds something in the end: false alarms of 3 % where 1 % was meant.
So the looks are planned before the first session and share the error between them (Bonferroni,
which holds however the looks depend on one another; Lan and DeMets 1983 for the idea).
"""

from dataclasses import dataclass

FIRST, GROWTH = 4, 1.4
"""Sessions before the first look, and from a look to the next: large effects end early."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """The plan of one comparison."""

    sessions: tuple[int, ...]
    """Counts at which a look is taken; the last is the most sessions there may be."""
    alphas: tuple[float, ...]
    """Two-sided error each look may spend; they add up to what the whole may."""


def plan_looks(max_sessions: int, alpha: float = 0.01) -> Looks:
    """Return the looks of a comparison of at most `max_sessions` (two at least)."""
    if max_sessions < 2:
        raise ValueError(f"{max_sessions} sessions at most: two at least are needed")
    counts = [min(FIRST, max_sessions)]
    while counts[-1] < max_sessions:
        counts.append(min(max_sessions, max(counts[-1] + 1, round(counts[-1] * GROWTH))))
    if len(counts) > 1 and counts[-1] - counts[-2] < 2:
        del counts[-2]  # a look just before the last one costs more than it tells
    return Looks(sessions=tuple(counts), alphas=(alpha / len(counts),) * len(counts))


def one_look(sessions: int, alpha: float = 0.01) -> Looks:
    """Return the plan of a fixed sample: all of the error is spent at its end."""
    return Looks(sessions=(sessions,), alphas=(alpha,))

"""Plans when a comparison looks at its verdict, and the error that each look may spend.

Looking after every session finds something in the end: false alarms of 6 % where 1 % was meant. So
the looks are planned before the first session and share the error between them (Bonferroni, which
holds however the looks depend on one another; Lan and DeMets 1983 for the idea). A look's share is
proportional to its sessions: early looks are for large effects, which any share shows, and with
equal shares a 2 % effect on a hostile machine is found in 95.3 % instead of 97.2 % of comparisons.
"""

from dataclasses import dataclass
from math import log

FIRST, GROWTH = 4, 1.6
"""Number of sessions before the first look, and its growth from look to look: large effects end a
comparison early."""

ALPHA, SAME_ALPHA = 0.01, 0.05
"""Errors that a whole comparison may make: a change where there is none, and "same" where the
change is as large as the margin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """The plan of one comparison."""

    sessions: tuple[int, ...]
    """Numbers of sessions at which a look is taken; the last is the largest number there may be."""
    alphas: tuple[float, ...]
    """Two-sided error that each look may spend; together they are what the whole comparison may
    spend."""
    same_alphas: tuple[float, ...]
    """Error that each look may spend on "same", shared out in the same way."""

    def ended_at(self, look: int, sessions: int | None = None) -> "Looks":
        """Return the plan that ends with this look, which gets all the error that is not yet spent.

        It is for a comparison whose time runs out: it may look earlier than planned, after
        `sessions`, as time does not depend on the results.
        """
        last = self.sessions[look] if sessions is None else sessions
        return Looks(
            sessions=(*self.sessions[:look], last),
            alphas=(*self.alphas[:look], sum(self.alphas[look:])),
            same_alphas=(*self.same_alphas[:look], sum(self.same_alphas[look:])),
        )


def plan_looks(max_sessions: int, alpha: float = ALPHA, *, same_alpha: float = SAME_ALPHA) -> Looks:
    """Return the looks of a comparison of at most `max_sessions`.

    With 26, they are after 4, 6, 10, 16 and 26 sessions. Up to five there is only one, at the end;
    a single session can decide nothing, and is allowed nevertheless.
    """
    if max_sessions < 1:
        raise ValueError(f"{max_sessions} sessions at most: at least one is needed")
    ratio = max(max_sessions / FIRST, 1.0)
    later = round(log(ratio) / log(GROWTH))
    counts = [round(FIRST * ratio ** (look / later)) for look in range(later)]
    return _shared_out((*counts, max_sessions), alpha, same_alpha)


def one_look(sessions: int, alpha: float = ALPHA, *, same_alpha: float = SAME_ALPHA) -> Looks:
    """Return the plan of a fixed sample: all of the error is spent at its end."""
    return _shared_out((sessions,), alpha, same_alpha)


def _shared_out(counts: tuple[int, ...], alpha: float, same_alpha: float) -> Looks:
    total = sum(counts)
    return Looks(
        sessions=counts,
        alphas=tuple(alpha * count / total for count in counts),
        same_alphas=tuple(same_alpha * count / total for count in counts),
    )

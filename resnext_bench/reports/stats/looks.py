"""When a comparison may look at its verdict, and what each look costs.

Who looks after every session finds something in the end: false alarms of 6 % where 1 % was meant.
So the looks are planned before the first session and share the error between them (Bonferroni,
which holds however the looks depend on one another; Lan and DeMets 1983 for the idea). A look's
share is proportional to its sessions: early looks are for large effects, which any share shows,
and with equal shares a 2 % effect on a hostile machine is told in 95.3 % instead of 97.2 %.
"""

from dataclasses import dataclass
from math import log

FIRST, GROWTH = 4, 1.6
"""Sessions before the first look, and from a look to the next: large effects end early."""

ALPHA, SAME_ALPHA = 0.01, 0.05
"""Errors a whole comparison may make: a change where there is none, "same" where it is ±δ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """The plan of one comparison."""

    sessions: tuple[int, ...]
    """Counts at which a look is taken; the last is the most sessions there may be."""
    alphas: tuple[float, ...]
    """Two-sided error each look may spend; they add up to what the whole may."""
    same_alphas: tuple[float, ...]
    """Error each look may spend on "same", shared out alike."""

    def ended_at(self, look: int, sessions: int | None = None) -> "Looks":
        """Return the plan that ends with this look, which is given all the error still unspent.

        For a comparison whose time runs out: it may look earlier than planned, after `sessions`,
        as time does not depend on what they said.
        """
        last = self.sessions[look] if sessions is None else sessions
        return Looks(
            sessions=(*self.sessions[:look], last),
            alphas=(*self.alphas[:look], sum(self.alphas[look:])),
            same_alphas=(*self.same_alphas[:look], sum(self.same_alphas[look:])),
        )


def plan_looks(max_sessions: int, alpha: float = ALPHA, *, same_alpha: float = SAME_ALPHA) -> Looks:
    """Return the looks of a comparison of at most `max_sessions`.

    At 26: after 4, 6, 10, 16 and 26 sessions. Up to five there is but one, at the end; a single
    session can tell nothing, and is allowed nevertheless.
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

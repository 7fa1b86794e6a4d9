"""Simulated comparisons: the effects of sessions on a simulated machine, and their verdict.

A comparison is a row of duet sessions, of 10 pairs of blocks of 10 steps unless stated otherwise,
ABBA, on one noise of the machine. It goes on from look to look of its plan until `decide` has a
word for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.lab.calibration.profiles import (
    HOSTILE,
    QUIET,
    SHARED,
    Profile,
    duet_sessions,
    launches_in_turn,
)
from resnext_bench.reports.schema.verdicts import CHANGES
from resnext_bench.reports.stats.looks import Looks, plan_looks
from resnext_bench.reports.stats.verdict import Decision, Effects, decide
from resnext_bench.session.turns.blocks import well_known

Floats = NDArray[np.float64]
Change = Callable[[Floats], Floats]
"""Changes log times [sessions, 2, pairs, steps], as by slow steps or a boost."""

MARGIN: Final = 0.02
PROFILES: Final = {"quiet": QUIET, "shared": SHARED, "hostile": HOSTILE}
BUDGETS: Final = {"quiet": (10,), "shared": (10, 26), "hostile": (26,)}
"""Largest numbers of sessions that a comparison may take, on each kind of machine."""
FEWEST_PAIRS, LONGEST_PAIRS = 10, 100
"""Fewest and most pairs of blocks in a session that goes on while they scatter."""
_AT_ONCE = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """Log ratios b over a of several comparisons, [comparisons, sessions] each."""

    total: Floats
    middle: Floats

    def slower_by(self, fraction: float) -> "Compared":
        """Return the same with every step of b longer by a fraction."""
        more = np.log1p(fraction)
        return Compared(total=self.total + more, middle=self.middle + more)

    def __len__(self) -> int:
        return len(self.total)

    def one(self, index: int, sessions: int | None = None) -> Effects:
        """Return one comparison, or its first sessions."""
        return Effects(total=self.total[index, :sessions], middle=self.middle[index, :sessions])


def effects_of(times: Floats) -> tuple[Floats, Floats]:
    """Return the total's and the middle's effect of each session [sessions].

    `times` are log times [sessions, 2, pairs, steps]; as `reports.pairs.of_duet` does it.
    """
    blocks = np.median(times, axis=3)
    sums = np.exp(times).sum(axis=(2, 3))
    return np.log(sums[:, 1] / sums[:, 0]), np.median(blocks[:, 1] - blocks[:, 0], axis=1)


def unchanged(times: Floats) -> Floats:
    """Return log times as they are."""
    return times


def duets(
    profile: Profile,
    n: int,
    sessions: int,
    rng: np.random.Generator,
    *,
    change: Change = unchanged,
    pairs: int = FEWEST_PAIRS,
    effects: Callable[[Floats], tuple[Floats, Floats]] = effects_of,
) -> Compared:
    """Return `n` comparisons of this many sessions, a against a except for the change."""
    left, found = n * sessions, []
    while left > 0:
        count = min(left, max(_AT_ONCE * FEWEST_PAIRS // pairs, 1))
        found.append(effects(change(duet_sessions(profile, count, rng, pairs=pairs))))
        left -= count
    return _compared(found, n, sessions)


def _compared(found: list[tuple[Floats, Floats]], n: int, sessions: int) -> Compared:
    total, middle = (np.concatenate([one[kind] for one in found]) for kind in (0, 1))
    return Compared(total=total.reshape(n, sessions), middle=middle.reshape(n, sessions))


def relaunches(
    profile: Profile, n: int, sessions: int, rng: np.random.Generator
) -> tuple[Compared, Floats]:
    """Return comparisons and orders [sessions] of launches in turn, ABBA, of 100 steps each."""
    orders = np.where(np.arange(sessions) % 2 == 0, 1.0, -1.0)
    found = []
    for _ in range(0, n, 500):
        times = launches_in_turn(profile, 500, 2 * sessions, 100, rng)
        middles, totals = np.median(times, axis=2), np.log(np.exp(times).mean(axis=2))
        both = [one.reshape(-1, sessions, 2) for one in (totals, middles)]
        found.append([(one[:, :, 1] - one[:, :, 0]) * orders for one in both])
    total, middle = (np.concatenate([one[kind] for one in found])[:n] for kind in (0, 1))
    return Compared(total=total, middle=middle), orders


def as_long_as_needed(
    profile: Profile,
    n: int,
    sessions: int,
    rng: np.random.Generator,
    *,
    change: Change = unchanged,
) -> tuple[Compared, float]:
    """Return comparisons whose sessions go on while they scatter, and their mean number of pairs.

    As in the program, no session is shorter than those before it.
    """
    found, played = [], []
    for _ in range(n):
        times = change(duet_sessions(profile, sessions, rng, pairs=LONGEST_PAIRS))
        fewest = FEWEST_PAIRS
        for session in times:
            fewest = _pairs_needed(np.exp(session).sum(axis=2), fewest)
            found.append(effects_of(session[None, :, :fewest]))
            played.append(fewest)
    return _compared(found, n, sessions), float(np.mean(played))


def pairs_needed(sums: Floats) -> int:
    """Return the number of pairs that a session would take with blocks this long [2, pairs]."""
    return _pairs_needed(sums, FEWEST_PAIRS)


def _pairs_needed(sums: Floats, fewest: int) -> int:
    lengths = list(zip(*sums.tolist(), strict=True))
    more = range(fewest, LONGEST_PAIRS, 2)
    return next((count for count in more if well_known(lengths[:count])), LONGEST_PAIRS)


def outcome(
    effects: Effects, budget: int, orders: Floats | None = None, plan: Looks | None = None
) -> Decision:
    """Go from look to look over effects [budget] until there is a word."""
    looks = plan or plan_looks(budget)
    for look, count in enumerate(looks.sessions):
        found = _look(effects, looks, look, count, orders)
        if found.word != "can't tell":
            break
    return found


def word_when_cut(effects: Effects, until: int) -> str:
    """Return the word where time runs out after `until` sessions, which then get a last look."""
    looks = plan_looks(len(effects.total))
    planned = [count for count in looks.sessions if count < until]
    ended = looks.ended_at(len(planned))
    for look, count in enumerate((*planned, until)):
        found = _look(effects, ended, look, count, None)
        if found.word != "can't tell":
            break
    return found.word


def _look(effects: Effects, looks: Looks, look: int, count: int, orders: Floats | None) -> Decision:
    kept = Effects(total=effects.total[:count], middle=effects.middle[:count])
    ordered: dict[str, Any] = {} if orders is None else {"orders": orders[:count], "relaunch": True}
    return decide(kept, looks=looks, look=look, margin=MARGIN, **ordered)


def words(compared: Compared, budget: int, orders: Floats | None = None) -> NDArray[np.str_]:
    """Return the word [n] of each comparison of [n, budget]."""
    return np.array(
        [outcome(compared.one(index), budget, orders).word for index in range(len(compared))]
    )


def changes(said: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which words [n] stand for a change."""
    return np.isin(said, list(CHANGES))

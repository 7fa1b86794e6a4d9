"""What the verdicts promise, each promise as a simulation of the shipped functions."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from resnext_bench.lab.calibration.duets import (
    BUDGETS,
    LONGEST_PAIRS,
    MARGIN,
    PROFILES,
    as_long_as_needed,
    changes,
    duets,
    effects_of,
    outcome,
    pairs_needed,
    relaunches,
    word_when_cut,
    words,
)
from resnext_bench.lab.calibration.figures import Figure, mean, rate
from resnext_bench.lab.calibration.profiles import (
    HOSTILE,
    QUIET,
    SHARED,
    TRENDING,
    Profile,
    duet_sessions,
    launches_in_turn,
    machine_noises,
)
from resnext_bench.lab.calibration.slow import (
    coverage_of_totals,
    estimators,
    one_outlier,
    slow_steps_as_long_as_needed,
    slow_steps_of_both,
    slow_steps_of_one,
)
from resnext_bench.reports.stats.effects import ordered_interval, t_interval
from resnext_bench.reports.stats.looks import Looks, plan_looks
from resnext_bench.reports.stats.multiple import benjamini_hochberg, holm
from resnext_bench.reports.stats.power import PROMISED_FROM, sessions_in_all
from resnext_bench.reports.stats.steady import steady
from resnext_bench.reports.stats.trend import (
    POOLED_ALPHA,
    Trend,
    most_unsteady,
    session_trend,
    trend_of_ratios,
    trend_over_sessions,
)
from resnext_bench.reports.stats.verdict import Effects

Floats = NDArray[np.float64]
Case = Callable[[int, np.random.Generator], list[Figure]]

MANN_WHITNEY: Final = {"quiet": (13, 100), "shared": (18, 66), "hostile": (20, 35)}
"""False alarms and power in % that are published for 10 launches against 10."""
BOOST: Final = -0.04
BOOSTED: Final = 0.3
"""Share of a launch's steps for which a processor is 4 % faster, before it throttles."""


def _launches(
    profile: Profile, n: int, launches: int, middle: Callable[..., Floats], rng: np.random.Generator
) -> Floats:
    """Return the middle log time [n, launches] of each launch of 100 steps, all in turn."""
    found = [
        middle(launches_in_turn(profile, 500, launches, 100, rng), axis=2) for _ in range(0, n, 500)
    ]
    return np.concatenate(found)[:n]


def mann_whitney(n: int, rng: np.random.Generator) -> list[Figure]:
    """Launch a ten times, then b ten times; count b as "slower" at two-sided p < .05.

    Each launch counts with the mean of 100 log times. This is the arrangement that gives the
    published rates, false alarms and power alike.
    """
    return [figure for name in PROFILES for figure in _mann_whitney(name, n, rng)]


def _mann_whitney(name: str, n: int, rng: np.random.Generator) -> list[Figure]:
    launches = _launches(PROFILES[name], n, 20, np.mean, rng)
    a, b = launches[:, :10], launches[:, 10:]
    alarms, power = (
        stats.mannwhitneyu(side, a, alternative="greater", axis=1).pvalue < 0.025
        for side in (b, b + np.log1p(0.02))
    )
    false, true = MANN_WHITNEY[name]
    return [
        rate(f"Mann-Whitney, {name}: false alarms", alarms, least=false - 3, most=false + 3),
        rate(f"Mann-Whitney, {name}: power at 2 % ({true} on record)", power),
    ]


def no_change(n: int, rng: np.random.Generator) -> list[Figure]:
    """Compare a with a at all looks: any word for a change is false, "negligible" too."""
    found = []
    for name, profile in PROFILES.items():
        for budget in BUDGETS[name]:
            said = words(duets(profile, n, budget, rng), budget)
            label = f"A/A duet, {name}, up to {budget}"
            found.append(rate(f"{label}: false verdicts", changes(said), most=1.0))
            found.append(rate(f"{label}: same", said == "same"))
        compared, until = duets(profile, n, 26, rng), rng.integers(2, 27, n)
        said = np.array([word_when_cut(compared.one(row), int(until[row])) for row in range(n)])
        label = f"A/A duet, {name}, up to 26, cut by time"
        found.append(rate(f"{label}: false verdicts", changes(said), most=1.0))
        compared, orders = relaunches(profile, n, 10, rng)
        said = words(compared, 10, orders)
        label = f"A/A relaunch, {name}, up to 10"
        found.append(rate(f"{label}: false verdicts", changes(said), most=1.0))
    return found


def two_per_cent(n: int, rng: np.random.Generator) -> list[Figure]:
    """Make b slower by exactly the margin, which must be found, and not called the same."""
    found = []
    for name, profile in PROFILES.items():
        for budget in BUDGETS[name]:
            said = words(duets(profile, n, budget, rng).slower_by(MARGIN), budget)
            label = f"+2 % duet, {name}, up to {budget}"
            found.append(rate(f"{label}: slower", said == "slower", least=95.0))
            found.append(rate(f"{label}: same", said == "same", most=5.0))
    return found


def more_blocks(n: int, rng: np.random.Generator) -> list[Figure]:
    """Let sessions be as long as their own scatter asks for: stopping then may make no verdict."""
    found = []
    for name, budget in (("quiet", 10), ("shared", 10), ("hostile", 26)):
        compared, pairs = as_long_as_needed(PROFILES[name], n, budget, rng)
        label = f"{pairs:.0f} pairs on average, {name}, up to {budget}"
        said = words(compared, budget)
        found.append(rate(f"A/A, {label}: false verdicts", changes(said), most=1.0))
        found.append(rate(f"A/A, {label}: same", said == "same"))
        said = words(compared.slower_by(MARGIN), budget)
        found.append(rate(f"+2 %, {label}: slower", said == "slower", least=95.0))
    return found


def equal_shares(n: int, rng: np.random.Generator) -> list[Figure]:
    """Share the error equally over the looks, which is the plan that was not adopted."""
    plan = plan_looks(26)
    looks = len(plan.sessions)
    equal = Looks(
        sessions=plan.sessions, alphas=(0.01 / looks,) * looks, same_alphas=(0.05 / looks,) * looks
    )
    compared = duets(HOSTILE, n, 26, rng).slower_by(MARGIN)
    slower = [outcome(compared.one(row), 26, plan=equal).word == "slower" for row in range(n)]
    return [rate("2 % slower, hostile, up to 26, looks of equal shares: slower", slower)]


def large(n: int, rng: np.random.Generator) -> list[Figure]:
    """Make b slower by 25 %, which must be found at the first look."""
    found = []
    for name, profile in PROFILES.items():
        compared = duets(profile, n, 26, rng).slower_by(0.25)
        first = np.array([outcome(compared.one(row), 26).sessions == 4 for row in range(n)])
        found.append(rate(f"+25 % duet, {name}: told after 4 sessions", first))
    return found


def coverage(n: int, rng: np.random.Generator) -> list[Figure]:
    """Check that 99 % intervals of a fixed number of sessions hold the truth, which is 0.

    Those of all steps together hold it more often where single steps take many times the usual: one
    such session widens its interval by more than it moves it.
    """
    found = []
    for name, profile in PROFILES.items():
        compared = duets(profile, n, 20, rng)
        for kind, most in (("total", 99.7), ("middle", 99.5)):
            for count in (5, 10, 20):
                rows = getattr(compared, kind)[:, :count]
                inside = [not t_interval(row, 0.99).excludes_zero for row in rows]
                what = f"99 % interval of {count} duets, {kind}, {name}: covers"
                found.append(rate(what, inside, least=98.5, most=most))
        launched, orders = relaunches(profile, n, 10, rng)
        for kind, most in (("total", 99.7), ("middle", 99.5)):
            rows = getattr(launched, kind)
            inside = [not ordered_interval(row, orders, 0.99)[0].excludes_zero for row in rows]
            what = f"99 % interval of 10 relaunches, {kind}, {name}: covers"
            found.append(rate(what, inside, least=98.5, most=most))
    return found


def sessions_to_come(n: int, rng: np.random.Generator) -> list[Figure]:
    """Check that the sessions still needed, by those so far, are within 2x of the true number."""
    found = []
    for name, profile in PROFILES.items():
        effects = duets(profile, n, 20, rng).middle
        for count, margin_sds in product((5, 10, 20), (1.0, 0.25)):
            found.append(_within_twice(effects, name, count, margin_sds))
    return found


def _within_twice(effects: Floats, name: str, count: int, margin_sds: float) -> Figure:
    """Judge at a margin of this many standard deviations of a session's effect.

    One is 2 % on a hostile machine, and needs some 20 sessions; a quarter needs some 300.
    """
    truth = float(effects.std())
    margin = truth * margin_sds
    needed = sessions_in_all(truth, margin)
    sds = effects[:, :count].std(axis=1, ddof=1)
    ratios = [sessions_in_all(float(sd), margin) / needed for sd in sds]
    what = f"N more after {count}, {name} (N = {needed}): within 2x"
    least = 80.0 if count >= PROMISED_FROM else None
    return rate(what, [0.5 <= ratio <= 2 for ratio in ratios], least=least)


def matrix(n: int, rng: np.random.Generator) -> list[Figure]:
    """Simulate reports of 24 comparisons without a change, 10 sessions each: any alarm is false."""
    effects = duets(SHARED, 24 * n, 10, rng).middle
    p = np.array([t_interval(row, 0.99).p for row in effects]).reshape(n, 24)
    controlled = {"Benjamini-Hochberg q = .05": benjamini_hochberg, "Holm .05": holm}
    raw = [bool((row < 0.05).any()) for row in p]
    found = [rate("24 cells, raw p < .05: reports with an alarm", raw)]
    for name, adjusted in controlled.items():
        alarms = [bool((adjusted(row) < 0.05).any()) for row in p]
        found.append(rate(f"24 cells, {name}: reports with an alarm", alarms, most=5.0))
    return found


def warm_up(n: int, rng: np.random.Generator) -> list[Figure]:
    """Measure how far a boost of 4 %, then throttled, shifts a launch's median after `steady`."""
    found = []
    for (name, profile), steps in product(PROFILES.items(), (100, 200, 300)):
        goal = 0.2 if name == "shared" else None
        noises = machine_noises(profile, n, steps, rng)
        boost = np.where(np.arange(steps) < BOOSTED * steps, BOOST, 0.0)
        left = [_left(noise, boost) for noise in noises]
        kept = np.array([bias for bias in left if bias is not None])
        label = f"boost by 4 %, {name}, launch of {steps}"
        found.append(mean(f"{label}: bias", kept, within=goal))
        found.append(rate(f"{label}: never steady", [bias is None for bias in left]))
    for name, profile in PROFILES.items():
        goal = 0.2 if name == "shared" else None
        left_over = _duet_left(profile, n, rng)
        found.append(mean(f"boost by 4 %, {name}, duet: bias", left_over, within=goal))
    return found


def _left(noise: Floats, boost: Floats) -> float | None:
    """Return by how much a launch's median is off; None where it is called never steady."""
    found = steady(np.exp(noise + boost))
    if found.never_steady:
        return None
    kept = slice(found.cut, None)
    return float(np.median((noise + boost)[kept]) - np.median(noise[kept]))


def _duet_left(profile: Profile, n: int, rng: np.random.Generator) -> Floats:
    """Return the shift of a duet, whose sides share the boosted processor; nothing is cut."""
    times = duet_sessions(profile, n, rng)
    boosted = times.copy()
    boosted[:, :, :3] += BOOST
    return effects_of(boosted)[1] - effects_of(times)[1]


@dataclass(frozen=True, kw_only=True)
class _Steadiness:
    sessions: int
    pooled: bool
    too_many: bool


def trends(n: int, rng: np.random.Generator) -> list[Figure]:
    """Give both sides a trend; never steady is judged once, at the end of up to 26 sessions."""
    found = []
    for name, profile in (PROFILES | {"trending": TRENDING}).items():
        judged = [_steadiness(profile, rng) for _ in range(n)]
        never = [one.pooled or one.too_many for one in judged]
        goals = {"least": 95.0} if name == "trending" else {"most": 1.0}
        mean_sessions = np.mean([one.sessions for one in judged])
        what = f"never steady, {name}, {mean_sessions:.1f} sessions on average"
        found.append(rate(what, never, **goals))
        found.append(rate(f"  of that by count alone, {name}", [one.too_many for one in judged]))
    return found


def trends_between(n: int, rng: np.random.Generator) -> list[Figure]:
    """Move one side of a duet by 0.01 % a step, or neither; it is judged once, at the end."""
    found = []
    for name, profile in PROFILES.items():
        alarms = [_moves(profile, 0.0, rng) for _ in range(n)]
        found.append(rate(f"b moves against a, {name}, neither moves", alarms, most=1.0))
    hits = [_moves(QUIET, 1e-4, rng) for _ in range(n)]
    found.append(rate("b moves against a, quiet, b moves by 0.01 % a step", hits))
    return found


def trends_of_more_blocks(n: int, rng: np.random.Generator) -> list[Figure]:
    """Do the same with sessions that go on for as long as they scatter, so that lengths differ."""
    found = []
    for name, profile in PROFILES.items():
        alarms = [_moves_over_lengths(profile, rng) for _ in range(n)]
        what = f"b moves against a, {name}, neither moves, 10 to 100 pairs a session"
        found.append(rate(what, alarms, most=1.0))
    return found


def _moves_over_lengths(profile: Profile, rng: np.random.Generator) -> bool:
    times = duet_sessions(profile, 10, rng, pairs=LONGEST_PAIRS)
    medians, sums = np.median(times, axis=3), np.exp(times).sum(axis=3)
    lengths = [pairs_needed(session) for session in sums]
    ratios = medians[:, 1] - medians[:, 0]
    cut = [one[:length] for one, length in zip(ratios, lengths, strict=True)]
    return trend_of_ratios(cut).matters(POOLED_ALPHA)


def _moves(profile: Profile, slope: float, rng: np.random.Generator) -> bool:
    times = duet_sessions(profile, 26, rng)
    times[:, 1] += slope * np.arange(times[0, 1].size).reshape(times[0, 1].shape)
    blocks = np.median(times, axis=3)
    ended = _sessions_taken(times)
    return trend_of_ratios(list(blocks[:ended, 1] - blocks[:ended, 0])).matters(POOLED_ALPHA)


def _sessions_taken(times: Floats) -> int:
    total, middle = effects_of(times)
    return outcome(Effects(total=total, middle=middle), 26).sessions


def _steadiness(profile: Profile, rng: np.random.Generator) -> _Steadiness:
    times = duet_sessions(profile, 26, rng)
    ended = _sessions_taken(times)
    sides = [[steady(np.exp(side.ravel())) for side in session] for session in times[:ended]]
    found = [session_trend([_known(side.trend) for side in session]) for session in sides]
    unsteady = sum(any(side.never_steady for side in session) for session in sides)
    return _Steadiness(
        sessions=ended,
        pooled=trend_over_sessions(found).matters(POOLED_ALPHA),
        too_many=unsteady > most_unsteady(ended),
    )


def _known(trend: Trend | None) -> Trend:
    assert trend is not None
    return trend


CASES: Final[dict[str, Case]] = {
    "mann-whitney": mann_whitney,
    "no-change": no_change,
    "two-per-cent": two_per_cent,
    "more-blocks": more_blocks,
    "equal-shares": equal_shares,
    "large": large,
    "coverage": coverage,
    "sessions-to-come": sessions_to_come,
    "matrix": matrix,
    "warm-up": warm_up,
    "trends": trends,
    "trends-between": trends_between,
    "trends-of-more-blocks": trends_of_more_blocks,
    "slow-steps-of-one": slow_steps_of_one,
    "slow-steps-of-both": slow_steps_of_both,
    "one-outlier": one_outlier,
    "slow-steps-as-long-as-needed": slow_steps_as_long_as_needed,
    "coverage-of-totals": coverage_of_totals,
    "estimators": estimators,
}
SLOW: Final = (
    "more-blocks",
    "matrix",
    "warm-up",
    "trends",
    "trends-between",
    "trends-of-more-blocks",
    "slow-steps-of-one",
    "slow-steps-of-both",
    "slow-steps-as-long-as-needed",
    "coverage-of-totals",
    "estimators",
)
"""Cases that judge single launches or many comparisons at once; they are simulated a fifth as
often."""

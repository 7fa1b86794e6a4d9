"""The noise floor of a machine, from A/A comparisons whose numbers are worked out by hand."""

from math import exp, log, sqrt

import msgspec
import pytest
from scipy import stats

from reports.floor import CHANGES, SESSIONS, floor_of
from reports.schema.comparison import Comparison, Pair
from tests.reports.made_comparisons import made_comparison, made_pair

SD_ONE_PERCENT = (0.01, 0.0, -0.01)
"""Effects with a standard deviation of exactly 1 %, as a log ratio."""


def duet(*effects: float, step_ms: float = 10.0, quiet: float = 0.2) -> Comparison:
    pairs = [
        made_pair(number, effect, step_ms=(step_ms, step_ms), quiet_percent=quiet)
        for number, effect in enumerate(effects, 1)
    ]
    return made_comparison(pairs)


def relaunch(*effects: float, step_ms: float = 10.0) -> Comparison:
    pairs = [
        made_pair(number, effect, step_ms=(step_ms, step_ms))
        for number, effect in enumerate(effects, 1)
    ]
    return made_comparison(pairs, "relaunch")


def test_noise_by_hand() -> None:
    found = floor_of(duet(*SD_ONE_PERCENT), relaunch(0.05, 0.03, 0.01)).duet
    assert (found.design, found.sessions) == ("duet", 3)
    assert found.sd_percent == pytest.approx(100 * (exp(0.01) - 1))
    assert found.effect.percent == pytest.approx(0)
    # t of 99.5 % at two degrees is 9.925.
    assert found.effect.high_percent == pytest.approx(
        100 * (exp(9.925 * 0.01 / sqrt(3)) - 1), rel=1e-3
    )
    other = floor_of(duet(*SD_ONE_PERCENT), relaunch(0.05, 0.03, 0.01)).relaunch
    assert other.design == "relaunch"
    assert other.sd_percent == pytest.approx(100 * (exp(0.02) - 1))
    assert other.effect.percent == pytest.approx(100 * (exp(0.03) - 1))


def test_sessions_needed_by_hand() -> None:
    """The smallest n with ((t of 99.5 % + t of 95 %) · sd / log(1 + change))² at most n.

    For 5 %: at 3, (12.845 · 0.205)² = 6.9; at 4, (8.194 · 0.205)² = 2.8. For 2 %: at 7,
    (5.650 · 0.505)² = 8.1; at 8, (5.394 · 0.505)² = 7.4. For 1 %: at 21, (4.570 · 1.005)² = 21.1;
    at 22, (4.552 · 1.005)² = 20.9.
    """
    found = floor_of(duet(*SD_ONE_PERCENT), relaunch(*SD_ONE_PERCENT))
    assert found.duet.needed == dict(zip(CHANGES, (22, 8, 4), strict=True))


@pytest.mark.parametrize("sessions", SESSIONS)
def test_a_detectable_change_is_detected_in_95_of_100(sessions: int) -> None:
    found = floor_of(duet(*SD_ONE_PERCENT), relaunch(*SD_ONE_PERCENT)).duet
    shift = log(1 + found.detectable_percent[sessions] / 100) / (0.01 / sqrt(sessions))
    critical = stats.t.ppf(0.995, sessions - 1)
    assert stats.nct.sf(critical, sessions - 1, shift) == pytest.approx(0.95, abs=1e-6)


def test_a_duet_that_slows_what_it_measures() -> None:
    """Both sides take 2 % longer than alone, in every session; so their ratio shows nothing."""
    found = floor_of(duet(0.0, 0.01, -0.01, step_ms=10.2), relaunch(0.0, 0.01, -0.01))
    assert found.contamination.percent == pytest.approx(2.0)
    assert found.contamination.low_percent > 1.9
    assert found.duet.effect.percent == pytest.approx(0.0)


def test_the_step_of_a_session_is_the_geometric_mean_of_its_sides() -> None:
    # Roots of 8 · 12.5 and of 10 · 10 are both 10.
    uneven = made_comparison([made_pair(number, step_ms=(8.0, 12.5)) for number in (1, 2, 3)])
    found = floor_of(uneven, relaunch(*SD_ONE_PERCENT))
    assert found.contamination.percent == pytest.approx(0.0)


def test_the_loudest_wait_counts() -> None:
    pairs: list[Pair] = [
        made_pair(number, effect, quiet_percent=quiet)
        for number, (effect, quiet) in enumerate(((0.01, 0.3), (0.0, 1.7), (-0.01, 0.2)), 1)
    ]
    found = floor_of(made_comparison(pairs), relaunch(*SD_ONE_PERCENT))
    assert found.quiet_percent == 1.7
    silent = [msgspec.structs.replace(pair, quiet_percent=None) for pair in pairs]
    assert floor_of(made_comparison(silent), relaunch(*SD_ONE_PERCENT)).quiet_percent == 0


def test_invalid_sessions_are_no_noise() -> None:
    pairs = list(duet(*SD_ONE_PERCENT).pairs)
    bad = made_pair(4, 3.0, step_ms=(90.0, 900.0), invalid=("a: the loss is not finite",))
    found = floor_of(made_comparison([*pairs, bad]), relaunch(*SD_ONE_PERCENT))
    assert found == floor_of(made_comparison(pairs), relaunch(*SD_ONE_PERCENT))


def test_what_the_later_launch_pays() -> None:
    # Odd sessions launch a first: b is then 1 % later, else a.
    effects = (0.011, -0.009, 0.009, -0.011)
    found = floor_of(duet(*SD_ONE_PERCENT), relaunch(*effects))
    assert found.relaunch.order
    assert found.relaunch.order.percent == pytest.approx(100 * (exp(0.01) - 1))
    assert found.duet.order is None, "no blocks were made"

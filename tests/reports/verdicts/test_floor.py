"""The noise floor of a machine, from A/A comparisons whose numbers are worked out by hand."""

from functools import partial
from math import exp, log, sqrt

import pytest
from msgspec.structs import replace
from scipy import stats

from resnext_bench.reports.render.notes import sentence
from resnext_bench.reports.schema.comparison import Comparison, Pair
from resnext_bench.reports.schema.notes import Found, Note, note
from resnext_bench.reports.stats.looks import plan_looks
from resnext_bench.reports.verdicts import floor
from resnext_bench.reports.verdicts.floor import CHANGES, SESSIONS, TooFew
from tests.reports.made_comparisons import made_comparison, made_pair

floor_of = partial(floor.floor_of, say=sentence)

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
    # Sessions 1 and 3 launch a first, 2 and 4 b: 0.02 is what order makes, 0.01 is scatter.
    other = floor_of(duet(*SD_ONE_PERCENT), relaunch(0.06, 0.01, 0.04, -0.01)).relaunch
    assert (other.design, other.sessions, other.invalid) == ("relaunch", 4, 0)
    assert other.sd_percent == pytest.approx(100 * (exp(sqrt(0.0002)) - 1))
    assert other.effect.percent == pytest.approx(100 * (exp(0.025) - 1))


def test_noise_is_that_of_the_middle_step() -> None:
    """What rare slow steps make of all steps together is no part of it."""
    pairs = [
        replace(pair, log_ratio=spike, step_ms=(10 + spike, 10 + 2 * spike))
        for pair, spike in zip(duet(*SD_ONE_PERCENT).pairs, (0.5, 0.0, 3.0), strict=True)
    ]
    fine = floor_of(duet(*SD_ONE_PERCENT), relaunch(*SD_ONE_PERCENT))
    assert floor_of(made_comparison(pairs), relaunch(*SD_ONE_PERCENT)) == replace(
        fine, duet=replace(fine.duet, order=made_comparison(pairs).order_effect)
    )


def test_sessions_needed_by_hand() -> None:
    """The smallest n with ((t of 1 - α/2 + t of 95 %) · sd / log(1 + change))² at most n.

    α is the share of the last of 26 sessions, 26 of 4 + 6 + 10 + 16 + 26 hundredths of a per cent,
    of which the median step may spend four fifths.
    """
    alpha = 0.8 * 0.01 * 26 / 62

    def needed(change: float) -> int:
        return next(
            n
            for n in range(2, 100)
            if ((stats.t.ppf(1 - alpha / 2, n - 1) + stats.t.ppf(0.95, n - 1)) * 0.01) ** 2
            <= n * log(1 + change) ** 2
        )

    found = floor_of(duet(*SD_ONE_PERCENT), relaunch(*SD_ONE_PERCENT))
    assert found.duet.needed == {change: needed(change) for change in CHANGES}
    assert found.duet.needed[0.02] == 10


@pytest.mark.parametrize("sessions", SESSIONS)
def test_a_detectable_change_is_detected_in_95_of_100(sessions: int) -> None:
    found = floor_of(duet(*SD_ONE_PERCENT), relaunch(*SD_ONE_PERCENT)).duet
    shift = log(1 + found.detectable_percent[sessions] / 100) / (0.01 / sqrt(sessions))
    alpha = 0.8 * plan_looks(sessions).alphas[-1]
    critical = stats.t.ppf(1 - alpha / 2, sessions - 1)
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
    silent = [replace(pair, quiet_percent=None) for pair in pairs]
    assert floor_of(made_comparison(silent), relaunch(*SD_ONE_PERCENT)).quiet_percent == 0


def test_invalid_sessions_are_no_noise() -> None:
    pairs = list(duet(*SD_ONE_PERCENT).pairs)
    bad = made_pair(4, 3.0, step_ms=(90.0, 900.0), invalid=("a: the loss is not finite",))
    found = floor_of(made_comparison([*pairs, bad]), relaunch(*SD_ONE_PERCENT))
    without = floor_of(made_comparison(pairs), relaunch(*SD_ONE_PERCENT))
    assert (found.duet.invalid, without.duet.invalid) == (1, 0)
    assert found.duet.notes == ("duet, 1 of 4 sessions: a: the loss is not finite",)
    assert replace(found, duet=replace(found.duet, invalid=0, notes=())) == without


def spoilt(record: Comparison, *numbers: int) -> Comparison:
    """The same, with sessions that do not count."""
    pairs = [
        replace(pair, invalid=("a: the loss is not finite",)) if pair.number in numbers else pair
        for pair in record.pairs
    ]
    return made_comparison(pairs, record.design)


@pytest.mark.parametrize("numbers", [(1,), (1, 2), (1, 2, 3)])
def test_too_few_sessions_that_count(numbers: tuple[int, ...]) -> None:
    fine = duet(*SD_ONE_PERCENT), relaunch(*SD_ONE_PERCENT)
    words = rf"{3 - len(numbers)} of 3 sessions \(duet\) count, and 3 are needed; the first rea"
    with pytest.raises(TooFew, match=words):
        floor_of(spoilt(fine[0], *numbers), fine[1])
    with pytest.raises(TooFew, match=r"\(relaunch\) count, and 3 are needed, in both orders"):
        floor_of(fine[0], spoilt(fine[1], *numbers))


def test_launches_in_one_order_alone_say_nothing() -> None:
    with pytest.raises(TooFew, match=r"3 of 6 sessions \(relaunch\) count, .* in both orders"):
        floor_of(duet(*SD_ONE_PERCENT), spoilt(relaunch(*SD_ONE_PERCENT * 2), 2, 4, 6))


def test_what_the_later_launch_pays() -> None:
    # Odd sessions launch a first: b is then 1 % later, else a.
    effects = (0.011, -0.009, 0.009, -0.011)
    found = floor_of(duet(*SD_ONE_PERCENT), relaunch(*effects))
    assert found.relaunch.order
    assert found.relaunch.order.percent == pytest.approx(100 * (exp(0.01) - 1))
    assert found.duet.order is None, "no blocks were made"


def test_what_disturbed_sessions_is_told_once_a_kind() -> None:
    pairs = [
        replace(pair, facts=Found(notes=(busy(pair.number),)))
        for pair in duet(*SD_ONE_PERCENT).pairs
    ]
    found = floor_of(made_comparison(pairs), relaunch(*SD_ONE_PERCENT))
    assert found.duet.notes == (f"duet, 3 of 3 sessions: {sentence(busy(1))}",)
    assert found.relaunch.notes == ()


def busy(percent: float) -> Note:
    return note("waiting_side_busy", percent=percent)

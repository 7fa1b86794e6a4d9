"""Intervals by hand, what cannot be known, and what must not matter."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from resnext_bench.reports.stats.effects import (
    interval,
    ordered_interval,
    session_effect,
    t_interval,
    to_percent,
    welch_interval,
)
from resnext_bench.reports.stats.series import LEAST_SD

Floats = NDArray[np.float64]

EFFECTS = st.integers(1, 12).flatmap(
    lambda n: arrays(np.float64, n, elements=st.floats(-1, 1, allow_subnormal=False))
)


def in_turn(effects: Floats) -> Floats:
    """As a relaunch orders its sessions: a first, b first, b first, a first."""
    return np.where(np.isin(np.arange(len(effects)) % 4, (0, 3)), 1.0, -1.0)


def test_t_interval_by_hand() -> None:
    found = t_interval(np.array([0.01, 0.02, 0.03]), 0.99)
    assert found.estimate == pytest.approx(0.02)
    assert found.error == pytest.approx(0.01 / np.sqrt(3))
    assert found.df == 2
    assert found.high - found.estimate == pytest.approx(9.9248 * found.error, rel=1e-4)
    assert not found.excludes_zero


def test_a_session_counts_with_its_median_block() -> None:
    assert session_effect(np.array([0.01, 0.02, 5.0])) == 0.02


def test_percent_of_log_ratios() -> None:
    assert to_percent(np.log(1.02)) == pytest.approx(2)
    assert to_percent(np.log(0.5)) == pytest.approx(-50)
    assert (to_percent(inf), to_percent(-inf), to_percent(1e4)) == (inf, -100, inf)


def test_one_session_says_nothing() -> None:
    found = t_interval(np.array([0.3]), 0.99)
    assert (found.estimate, found.low, found.high, found.error) == (0.3, -inf, inf, inf)
    assert not found.is_known
    assert found.p == 1


def test_equal_sessions_are_given_the_error_of_clocks() -> None:
    found = t_interval(np.array([0.001, 0.001]), 0.99)
    assert found.error == pytest.approx(LEAST_SD / np.sqrt(2))
    assert not found.excludes_zero  # two equal numbers prove nothing at 63.7 standard errors


def test_order_is_taken_out() -> None:
    # b is 2 % slower, and whoever comes later by 1 %: sessions alternate around 0.02 by 0.01.
    orders = in_turn(np.zeros(8))
    effects = 0.02 + 0.01 * orders
    effect, order = ordered_interval(effects, orders, 0.99)
    assert (effect.estimate, order.estimate) == pytest.approx((0.02, 0.01))
    assert effect.df == 6
    assert effect.error < t_interval(effects, 0.99).error


@pytest.mark.parametrize("orders", [[1.0], [1.0, -1.0], [1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, -1.0]])
def test_too_little_to_tell_effect_from_order(orders: list[float]) -> None:
    effects = np.arange(len(orders)) / 100
    effect, order = ordered_interval(effects, np.array(orders), 0.99)
    assert effect.estimate == pytest.approx(effects.mean())
    for found in (effect, order):
        assert not found.is_known
        assert not found.excludes_zero


def test_unpaired_sets_with_one_session_say_nothing() -> None:
    found = welch_interval(np.array([0.1]), np.array([0.3, 0.4]), 0.99)
    assert found.estimate == pytest.approx(0.25)
    assert not found.is_known


@given(EFFECTS, st.floats(0.5, 0.9999))
def test_swapping_the_sides_turns_the_sign(effects: Floats, confidence: float) -> None:
    ahead, back = t_interval(effects, confidence), t_interval(-effects, confidence)
    assert (back.estimate, back.low, back.high) == (-ahead.estimate, -ahead.high, -ahead.low)
    orders = in_turn(effects)
    (effect, order), (turned, same) = (
        ordered_interval(sign * effects, sign * orders, confidence) for sign in (1, -1)
    )
    assert (turned.estimate, turned.low, turned.high) == (
        -effect.estimate,
        -effect.high,
        -effect.low,
    )
    assert same == order
    unpaired = welch_interval(effects, effects[:1] + 0.5, confidence)
    turned = welch_interval(effects[:1] + 0.5, effects, confidence)
    assert (turned.low, turned.high) == (-unpaired.high, -unpaired.low)


@given(EFFECTS, st.integers(0, 1000))
def test_the_order_in_which_sessions_are_given_changes_nothing(effects: Floats, seed: int) -> None:
    turn = np.random.default_rng(seed).permutation(len(effects))
    orders = in_turn(effects)
    assert t_interval(effects[turn], 0.99) == t_interval(effects, 0.99)
    assert ordered_interval(effects[turn], orders[turn], 0.99) == ordered_interval(
        effects, orders, 0.99
    )


@given(
    arrays(np.float64, (2, 7), elements=st.floats(0.01, 1e3)),
    st.sampled_from([2.0**-20, 0.5, 4.0, 1024.0]),
)
def test_the_unit_of_time_changes_nothing(blocks_ms: Floats, factor: float) -> None:
    before, after = (session_effect(np.log(b / a)) for a, b in (blocks_ms, factor * blocks_ms))
    assert before == after


@given(EFFECTS, st.floats(0.5, 0.99))
def test_more_confidence_is_wider_and_p_agrees(effects: Floats, confidence: float) -> None:
    found, wider = t_interval(effects, confidence), t_interval(effects, confidence + 0.005)
    assert wider.low <= found.low <= found.estimate <= found.high <= wider.high
    if abs(found.p - (1 - confidence)) > 1e-9:
        assert found.excludes_zero == (found.p < 1 - confidence)


@pytest.mark.parametrize("wrong", [[], [[0.1]], [0.1, np.nan], [np.inf]])
def test_what_are_no_effects_is_refused(wrong: list[object]) -> None:
    with pytest.raises(ValueError, match="finite values"):
        t_interval(np.array(wrong), 0.99)


@pytest.mark.parametrize("wrong", [[1.0], [1.0, 0.0], [1.0, 2.0]])
def test_what_are_no_orders_is_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match=r"\+1 or -1"):
        ordered_interval(np.zeros(2), np.array(wrong), 0.99)


def test_what_is_no_confidence_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(0.0, 1.0, 3, 99)

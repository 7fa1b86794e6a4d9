"""Which word is said when, and that it turns with the sides."""

from math import inf, log, log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from resnext_bench.reports.stats.looks import one_look, plan_looks
from resnext_bench.reports.stats.power import sessions_needed
from resnext_bench.reports.stats.verdict import (
    MIDDLE_SHARE,
    TOTAL_SHARE,
    Decision,
    Effects,
    decide,
    decide_unpaired,
)

Floats = NDArray[np.float64]

SPREAD = np.array([-1.0, -0.6, -0.2, 0.2, 0.6, 1.0, -0.8, 0.8])
TURNED = {"faster": "slower", "slower": "faster"}


def alike(effects: Floats) -> Effects:
    """Sessions whose steps all change alike."""
    return Effects(total=effects, middle=effects)


def word(center: float, spread: float, margin: float = 0.02) -> str:
    effects = center + spread * SPREAD
    return decide(alike(effects), looks=one_look(8), look=0, margin=margin).word


@pytest.mark.parametrize(
    ("center", "spread", "expected"),
    [
        (0.05, 0.01, "slower"),
        (-0.05, 0.01, "faster"),
        (0.005, 0.002, "negligible"),  # a change for certain, and below 2 % for certain
        (-0.005, 0.002, "negligible"),
        (0.001, 0.01, "same"),
        (0.01, 0.05, "can't tell"),
        (0.019, 0.002, "slower"),  # a change for certain, and 2 % cannot be excluded
    ],
)
def test_the_verdict_follows_from_effect_and_spread(
    center: float, spread: float, expected: str
) -> None:
    assert word(center, spread) == expected


def test_the_margin_decides_what_is_negligible() -> None:
    assert (word(0.005, 0.002, 0.02), word(0.005, 0.002, 0.005)) == ("negligible", "slower")


def test_can_t_tell_says_how_many_more_and_what_could_be_told() -> None:
    effects = 0.01 + 0.05 * np.tile(SPREAD, 2)
    few, many = (
        decide(alike(effects[:count]), looks=one_look(count), look=0, margin=0.02)
        for count in (8, 16)
    )
    assert (few.word, many.word) == ("can't tell", "can't tell")
    assert few.more is not None
    assert many.more is not None
    assert few.more + 8 == pytest.approx(many.more + 16, rel=0.1)
    assert few.detectable_percent > many.detectable_percent > 2


def test_a_change_that_looks_large_needs_fewer_sessions_than_the_margin() -> None:
    """Seen less one standard error, and never less than the margin."""
    looks, margin = plan_looks(26), 0.02
    scatter = 0.1 * np.array([-1.5, 0.5, 1.5, -0.5])
    found = {
        mean: decide(alike(scatter + mean), looks=looks, look=0, margin=margin) for mean in (0, 0.2)
    }
    assert found[0.2].word == "can't tell"
    sd = float(np.std(scatter, ddof=1))
    for mean, aim in ((0, log1p(margin)), (0.2, 0.2 - sd / 2)):
        assert found[mean].more == sessions_needed(sd, 4, aim, MIDDLE_SHARE * looks.alphas[-1])
    assert (found[0].more or 0) > 10 * (found[0.2].more or 1)


def test_a_verdict_needs_no_more_sessions() -> None:
    found = decide(alike(0.05 + 0.01 * SPREAD), looks=plan_looks(26), look=1, margin=0.02)
    assert found.more is None
    spent = 0.01 * 6 / 62
    assert found.interval.confidence == pytest.approx(1 - TOTAL_SHARE * spent)
    assert found.middle.confidence == pytest.approx(1 - MIDDLE_SHARE * spent)


def test_one_session_can_t_tell() -> None:
    found = decide(alike(np.array([1.0])), looks=plan_looks(1), look=0, margin=0.02)
    assert found.word == "can't tell"
    assert (found.detectable_percent, found.more) == (inf, None)


def test_relaunches_are_judged_without_the_effect_of_order() -> None:
    orders = np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0])
    effects = 0.03 + 0.04 * orders + 0.002 * SPREAD
    plan = one_look(8)
    relaunch = decide(alike(effects), looks=plan, look=0, margin=0.02, orders=orders, relaunch=True)
    assert relaunch.word == "slower"
    assert relaunch.order is not None
    assert relaunch.order.estimate == pytest.approx(0.04, abs=0.001)
    duet = decide(alike(effects), looks=plan, look=0, margin=0.02, orders=orders)
    assert duet.word == "can't tell"  # the order's effect is in the scatter, as it is no term
    assert duet.order == relaunch.order


def test_a_relaunch_needs_its_orders() -> None:
    with pytest.raises(ValueError, match="orders"):
        decide(alike(SPREAD), looks=one_look(8), look=0, margin=0.02, relaunch=True)


def test_relaunches_in_one_order_can_t_tell() -> None:
    ones, plan = np.ones(8), one_look(8)
    found = decide(
        alike(0.5 + SPREAD / 100), looks=plan, look=0, margin=0.02, orders=ones, relaunch=True
    )
    assert (found.word, found.more) == ("can't tell", None)


def test_unpaired_sets() -> None:
    found = decide_unpaired(alike(SPREAD / 100), alike(0.1 + SPREAD[:6] / 200), 0.02)
    assert (found.word, found.sessions, found.order) == ("slower", 6, None)
    assert (found.interval.confidence, found.middle.confidence) == (0.998, 0.992)


@pytest.mark.parametrize("margin", [0.0, -0.01])
def test_a_margin_of_nothing_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        decide(alike(SPREAD), looks=one_look(8), look=0, margin=margin)


EFFECTS = arrays(np.float64, st.integers(1, 12), elements=st.floats(-0.1, 0.1))


@given(
    EFFECTS,
    st.floats(-2, 2),
    st.sampled_from([0.001, 0.02, 0.5]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_the_word_turns_with_the_sides_and_not_with_the_order_of_sessions(
    middles: Floats, apart: float, margin: float, relaunch: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    orders, turn = rng.choice([1.0, -1.0], len(middles)), rng.permutation(len(middles))
    totals = apart * rng.permutation(middles)
    found, swapped, permuted = (
        decide(
            Effects(total=total, middle=middle),
            looks=one_look(len(middle)),
            look=0,
            margin=margin,
            orders=order,
            relaunch=relaunch,
        )
        for total, middle, order in (
            (totals, middles, orders),
            (-totals, -middles, -orders),
            (totals[turn], middles[turn], orders[turn]),
        )
    )
    assert swapped.word == TURNED.get(found.word, found.word)
    assert swapped.carried_by == found.carried_by
    assert found.word != "same" or found.equivalence.within(log1p(margin)), "of all steps"
    assert swapped.interval.estimate == -found.interval.estimate
    assert swapped.detectable_percent == found.detectable_percent
    assert permuted == found


@given(EFFECTS, EFFECTS)
def test_unpaired_words_turn_with_the_sides(log_a: Floats, log_b: Floats) -> None:
    a, b = alike(log_a), Effects(total=log_b, middle=log_b / 2)
    ahead, back = decide_unpaired(a, b, 0.02), decide_unpaired(b, a, 0.02)
    assert back.word == TURNED.get(ahead.word, ahead.word)
    longer = [Effects(total=one.total + log(8), middle=one.middle + log(8)) for one in (a, b)]
    shifted = decide_unpaired(*longer, 0.02)
    assert shifted.interval.estimate == pytest.approx(ahead.interval.estimate, abs=1e-12)


def eight(total: Floats, middle: Floats, **how: object) -> Decision:
    effects = Effects(total=total, middle=middle)
    return decide(effects, looks=one_look(8), look=0, margin=0.02, **how)  # type: ignore[arg-type]


SCATTER = 0.08 * np.array([1.0, -1.0, 0.7, -0.7, 0.3, -0.3, 0.5, -0.5])
"""What rare slow steps of a machine do to totals: no one could tell 5 % of them."""


def test_slow_steps_that_the_middle_does_not_see_are_a_change() -> None:
    found = eight(0.8 + 0.01 * SPREAD, 0.001 * SPREAD)
    assert (found.word, found.carried_by, found.middle_word) == ("slower", "total", "same")
    assert found.disagrees


def test_it_is_not_the_same_where_the_middle_alone_is() -> None:
    found = eight(SCATTER, 0.001 * SPREAD)
    assert (found.word, found.middle_word) == ("can't tell", "same")
    assert found.more is not None
    assert found.more > 8, "what is not known is the total, so that is what sessions are for"
    assert eight(0.01 + SCATTER, 0.0005 + 0.001 * SPREAD).word == "can't tell"


def test_the_middle_carries_what_every_step_shows() -> None:
    found = eight(0.05 + SCATTER, 0.05 + 0.004 * SPREAD)
    assert (found.word, found.carried_by) == ("slower", "middle")
    assert not found.interval.excludes_zero


@pytest.mark.parametrize("off", [log(2), -log(2), log(100), -log(100)])
@pytest.mark.parametrize("change", [0.025, -0.025])
def test_one_step_of_a_hundred_times_hides_nothing(change: float, off: float) -> None:
    """The total of one session is far off, in either direction."""
    total = change + 0.002 * SPREAD
    total[3] += off
    found = eight(total, change + 0.002 * SPREAD)
    assert (found.word, found.carried_by) == ("slower" if change > 0 else "faster", "middle")
    assert not found.disagrees


def test_the_middle_carries_nothing_that_other_steps_take_away() -> None:
    taken = 0.05 - 0.05 + 0.002 * SPREAD  # in every session
    assert eight(taken, 0.05 + 0.002 * SPREAD).word in ("same", "negligible")
    noisy = -0.01 + SCATTER  # most sessions point the other way
    assert eight(noisy, 0.05 + 0.004 * SPREAD).word == "can't tell"
    most = 0.01 + 0.02 * SPREAD  # still longer in most, and less than the middle in each
    found = eight(most, 0.05 + 0.004 * SPREAD)
    assert (found.word, found.middle_word, found.disagrees) == ("can't tell", "slower", True)


def test_a_negligible_change_of_the_middle_is_no_verdict_of_its_own() -> None:
    found = eight(0.005 + SCATTER, 0.005 + 0.0005 * SPREAD)
    assert (found.word, found.middle_word) == ("can't tell", "negligible")


def test_being_second_hides_nothing_of_what_every_step_shows() -> None:
    """A was first five times of eight: the totals as they are lie above 0 in most sessions."""
    orders = np.array([1.0] * 5 + [-1.0] * 3)
    total, middle = (-0.03 + scatter + 0.2 * orders for scatter in (SCATTER, 0.002 * SPREAD))
    found = eight(total, middle, orders=orders, relaunch=True)
    assert (found.word, found.carried_by) == ("faster", "middle")


def test_relaunches_and_sets_are_carried_alike() -> None:
    orders = np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0])
    order = 0.2 * orders
    total, middle = 0.05 + SCATTER + order, 0.05 + 0.004 * SPREAD + order
    found = eight(total, middle, orders=orders, relaunch=True)
    assert (found.word, found.carried_by) == ("slower", "middle")
    sets = (
        Effects(total=SCATTER, middle=0.004 * SPREAD),
        Effects(total=total - order, middle=middle - order),
    )
    unpaired = decide_unpaired(*sets, 0.02)
    assert (unpaired.word, unpaired.carried_by) == ("slower", "middle")


@pytest.mark.parametrize("sessions", [2, 4, 10, 26])
def test_the_interval_of_same_lies_within_the_margin_exactly_where_it_is_same(
    sessions: int,
) -> None:
    rng = np.random.default_rng(sessions)
    for _ in range(300):
        effects = rng.normal(0, 0.01, sessions)
        looks = plan_looks(sessions)
        last = len(looks.sessions) - 1
        found = decide(alike(effects), looks=looks, look=last, margin=0.02)
        narrow = found.equivalence
        assert narrow.confidence == pytest.approx(1 - 2 * looks.same_alphas[last])
        if not found.interval.excludes_zero and found.carried_by == "total":
            assert narrow.within(np.log1p(0.02)) == (found.word == "same")

"""From pairs to a verdict and the figures beside it, against numbers worked out by hand."""

from collections.abc import Sequence
from math import exp, inf, log, sqrt

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.schema.comparison import Drift, Order, Pair
from resnext_bench.reports.schema.sessions import SlowSteps
from resnext_bench.reports.stats.effects import interval
from resnext_bench.reports.stats.looks import plan_looks
from resnext_bench.reports.stats.trend import most_unsteady
from resnext_bench.reports.verdicts.judge import pooled_slow, told_range
from resnext_bench.session.turns.blocks import in_turn
from tests.reports.made_comparisons import (
    SPREAD,
    block_pair,
    judged,
    made_pair,
    pairs_of,
    spread_around,
)


@pytest.mark.parametrize(
    ("center", "spread", "word"),
    [
        (0.05, 0.01, "slower"),
        (-0.05, 0.01, "faster"),
        (0.005, 0.002, "negligible"),
        (0.0, 0.005, "same"),
        (0.0, 0.05, "can't tell"),
    ],
)
def test_pairs_are_judged_by_effect_and_spread(center: float, spread: float, word: str) -> None:
    found = judged(spread_around(center, spread))
    assert (found.word, found.why, found.is_final) == (word, "", word != "can't tell")


@given(st.lists(st.floats(-0.3, 0.3), min_size=2, max_size=12))
def test_swapping_the_sides_turns_everything(effects: list[float]) -> None:
    pairs = pairs_of(effects)
    turned = [
        msgspec.structs.replace(
            pair,
            log_ratio=-pair.log_ratio,
            middle_log_ratio=-(pair.middle_log_ratio or 0.0),
            step_ms=pair.step_ms[::-1],
            middle_ms=pair.step_ms[::-1],
            phases_ms={name: part[::-1] for name, part in pair.phases_ms.items()},
        )
        for pair in pairs
    ]
    one, other = judged(pairs), judged(turned)
    assert other.word == {"faster": "slower", "slower": "faster"}.get(one.word, one.word)
    assert one.decision
    assert other.decision
    assert other.decision.interval.low == pytest.approx(-one.decision.interval.high)
    assert other.phases["backward"].change_ms == pytest.approx(-one.phases["backward"].change_ms)


def test_below_two_pairs_nothing_is_decided() -> None:
    none, one = judged([]), judged(pairs_of([0.5]))
    for found in (none, one):
        assert (found.word, found.decision, found.order_effect) == ("can't tell", None, None)
        assert found.phases == {}
        assert not found.is_final
    assert none.step_ms is None
    assert one.step_ms == pytest.approx((10, 10 * exp(0.5)))


def test_two_launches_leave_no_room_for_the_order() -> None:
    """Their effect and that of order cannot be told apart; a third one is needed."""
    found = judged(pairs_of([0.05, 0.06]), "relaunch")
    assert (found.word, found.order_effect) == ("can't tell", None)
    assert found.decision
    assert told_range(found.decision.interval) is None
    assert judged(pairs_of([0.05, 0.06, 0.07]), "relaunch").order_effect


def bad(number: int, reason: str = "the loss is not finite") -> Pair:
    return made_pair(number, 5.0, invalid=(f"a: {reason}",))


@pytest.mark.parametrize(
    ("invalid", "of_all", "ends"),
    [(2, 2, False), (2, 5, False), (3, 3, True), (3, 9, True), (3, 10, False), (4, 12, True)],
)
def test_three_invalid_sessions_and_a_third_of_all_end_it(
    invalid: int, of_all: int, ends: bool
) -> None:
    sound = [made_pair(number, 0.05) for number in range(invalid + 1, of_all + 1)]
    found = judged([*map(bad, range(1, invalid + 1)), *sound])
    assert (found.word == "invalid") == ends
    assert found.is_final or not ends
    if ends:
        assert found.why == (
            f"{invalid} of {of_all} sessions do not count; the first one: a: the loss is not finite"
        )


def test_invalid_sessions_enter_no_figure() -> None:
    pairs = spread_around(0.05, 0.01)
    found, expected = judged([*pairs, bad(9)]), judged(pairs)
    assert found.step_ms == expected.step_ms
    assert found.phases == expected.phases
    assert found.decision
    assert expected.decision
    assert found.decision.interval == expected.decision.interval


def drifting(moved: float, center: float = 0.05) -> list[Pair]:
    """Ten blocks a session, in which b moves against a by so many per cent, give or take."""
    line = moved / 100 * np.linspace(-0.5, 0.5, 10)
    rough = 0.0005 * np.array([1, -1, 1, -1, -1, 1, -1, 1, 1, -1])
    return [
        block_pair(number, list(center + 0.001 * spread + line + rough))
        for number, spread in enumerate(SPREAD, 1)
    ]


def test_never_steady_by_drift() -> None:
    found = judged(drifting(3.0))
    assert (found.word, found.is_final) == ("never steady", True)
    assert found.why == "b over a moves by +3.0 % within a session"
    assert found.decision, "the interval is shown nevertheless"
    assert judged(drifting(0.0)).word == "slower"
    assert judged(drifting(0.3)).word == "slower", "so small a drift harms nobody"


def launched(center: float, unsteady: int, moved: float = 0.0) -> list[Pair]:
    """Launches, of which so many did not settle, and which drift together."""
    drift = Drift(slope_percent=moved / 40, error_percent=0.01, moved_percent=moved)
    return [
        made_pair(
            number,
            center + 0.001 * spread,
            unsteady=(f"session {number}, a: never settled",) if number <= unsteady else (),
            drift=drift,
        )
        for number, spread in enumerate(SPREAD, 1)
    ]


def test_never_steady_by_the_drift_of_launches() -> None:
    found = judged(launched(0.05, 0, moved=-4.0), "relaunch")
    assert (found.word, found.why) == (
        "never steady",
        "step times move by -4.0 % within a session",
    )


def test_a_drift_of_both_sides_of_a_duet_is_told_and_cancels() -> None:
    found = judged(launched(0.05, 0, moved=-4.0))
    assert (found.word, found.why) == ("slower", "")
    assert found.drift == "step times move by -4.0 % within a session"
    assert judged(launched(0.05, 0)).drift == ""


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ((-4.1, -3.9), "step times of both sides move alike by -4.0 % within a session"),
        (
            (0.1, -8.1),
            "step times move within a session: those of a by +0.1 %, those of b by -8.1 %",
        ),
    ],
)
def test_a_drift_is_that_of_the_side_that_has_it(sides: tuple[float, float], words: str) -> None:
    pairs = [
        msgspec.structs.replace(
            pair,
            drift=msgspec.structs.replace(pair.drift, sides_percent=sides) if pair.drift else None,
        )
        for pair in launched(0.05, 0, moved=-4.0)
    ]
    assert judged(pairs, "relaunch").why == words


def test_never_steady_by_launches_that_did_not_settle() -> None:
    most = most_unsteady(8)
    assert judged(launched(0.05, most), "relaunch").word == "slower"
    found = judged(launched(0.05, most + 1), "relaunch")
    assert found.word == "never steady"
    assert found.why == f"{most + 1} of 8 sessions; session 1, a: never settled"


def test_steadiness_is_asked_once_at_the_look_that_ends_it() -> None:
    """Each time it is asked could be a false alarm."""
    pairs = [
        msgspec.structs.replace(pair, log_ratio=0.1 * spread)
        for pair, spread in zip(drifting(3.0), SPREAD, strict=True)
    ]
    looks = plan_looks(26)
    assert judged(pairs, looks=looks, look=1).word == "can't tell"
    assert judged(pairs, looks=looks, look=4).word == "never steady"


def duet_of(effect: float, later: float, number: int, quads: int = 5) -> Pair:
    """A session as the house plays it, whose later block of each pair takes `later` longer."""
    order: Order = "ab" if number % 2 else "ba"
    played = 0

    def block(length: float) -> float:
        nonlocal played
        played += 1
        return length * (later if played % 2 == 0 else 1.0)

    a, b = 10.0, 10.0 * effect
    first, second = (a, b) if order == "ab" else (b, a)
    lengths = in_turn([lambda: block(first), lambda: block(second)], 1 + 2 * quads)
    blocks = [pair if order == "ab" else pair[::-1] for pair in lengths[1:]]
    ratios = [log(b_ms / a_ms) for a_ms, b_ms in blocks]
    return msgspec.structs.replace(block_pair(number, ratios), order=order, blocks_ms=tuple(blocks))


def duets(effect: float, later: float) -> Sequence[Pair]:
    return [duet_of(effect, later, number) for number in range(1, 7)]


@pytest.mark.parametrize("effect", [1.0, 1.05, 0.9])
def test_what_the_later_block_of_a_duet_pays(effect: float) -> None:
    found = judged(duets(effect, later=1.01))
    assert found.order_effect
    assert found.order_effect.percent == pytest.approx(1.0)
    assert found.order_effect.low_percent > 0.9
    assert found.decision
    assert found.decision.interval.estimate == pytest.approx(log(effect), abs=1e-9), "cancelled"


def test_no_order_effect_where_the_later_block_is_as_fast() -> None:
    found = judged(duets(1.05, later=1.0))
    assert found.order_effect
    assert found.order_effect.percent == pytest.approx(0.0)


def test_blocks_by_hand() -> None:
    # The first counted pair of "ab" is played b, a; the next one a, b: the later one has 10.1 ms.
    ab = made_pair(1, blocks_ms=((10.1, 10), (10, 10.1)))
    ba = made_pair(2, blocks_ms=((10, 10.1), (10.1, 10)))
    found = judged([ab, ba])
    assert found.order_effect
    assert found.order_effect.percent == pytest.approx(1.0)
    without = judged([made_pair(1, blocks_ms=((10.1, 10),)), made_pair(2)])
    assert without.order_effect is None


def test_what_the_later_launch_pays() -> None:
    # b is 5 % slower; whoever is launched second is 1 % slower.
    pairs = [
        made_pair(number, 0.05 + (0.01 if number % 2 else -0.01) + 0.001 * spread)
        for number, spread in enumerate((1, 1, -1, -1, 1, 1, -1, -1), 1)
    ]
    found = judged(pairs, "relaunch")
    assert found.order_effect
    assert found.order_effect.percent == pytest.approx(100 * (exp(0.01) - 1))
    assert found.decision
    assert found.decision.interval.estimate == pytest.approx(0.05)
    assert found.word == "slower"


def test_phases_by_hand() -> None:
    """Changes of 1 and 3 ms: a mean of 2, an error of 1, and t of 99.5 % at one degree, 63.657."""
    pairs = [
        made_pair(1, step_ms=(30.0, 31.0), phases_ms=split(10.0, 11.0)),
        made_pair(2, step_ms=(32.0, 35.0), phases_ms=split(12.0, 15.0)),
    ]
    judgement = judged(pairs)
    found = judgement.phases
    assert list(found) == ["forward", "backward"]
    forward = found["forward"]
    # 11 of 31 ms and 13 of 33 ms of the geometric means of 30 and 32, 31 and 35 ms.
    assert forward.a_ms == pytest.approx(11 / 31 * sqrt(30 * 32))
    assert forward.b_ms == pytest.approx(13 / 33 * sqrt(31 * 35))
    assert forward.change_ms == forward.b_ms - forward.a_ms
    assert forward.half_width_ms == pytest.approx(63.657, abs=0.001)
    a_ms, b_ms = (sum(getattr(one, side) for one in found.values()) for side in ("a_ms", "b_ms"))
    assert (a_ms, b_ms) == pytest.approx(judgement.step_ms)


def split(forward_a: float, forward_b: float) -> dict[str, tuple[float, float]]:
    return {"forward": (forward_a, forward_b), "backward": (20.0, 20.0)}


def test_pairs_from_before_count_with_their_middle_step() -> None:
    pairs = spread_around(0.05, 0.01)
    old = [msgspec.structs.replace(pair, middle_log_ratio=None, middle_ms=None) for pair in pairs]
    assert judged(old).decision == judged(pairs).decision


def slow(every: int | None, cost: float = 50.0) -> SlowSteps:
    return SlowSteps(every=every, slow=25, steps=100, slow_ms=60.0, cost_percent=cost)


@pytest.mark.parametrize(
    ("found", "every"),
    [
        ([slow(4), slow(4), slow(None)], 4),
        ([slow(4), slow(7)], None),
        ([slow(4), slow(4), None], 4),
        ([slow(4), slow(None), slow(None)], None),
    ],
)
def test_slow_steps_over_sessions(found: list[SlowSteps | None], every: int | None) -> None:
    pooled = pooled_slow(found)
    assert pooled is not None
    known = [one for one in found if one]
    assert (pooled.every, pooled.slow, pooled.slow_ms) == (every, 25 * len(known), 60)
    assert pooled.cost_percent == pytest.approx(50 * len(known) / len(found))


def test_slow_steps_of_fewer_than_half_of_the_sessions_are_not_told() -> None:
    assert pooled_slow([slow(4), None]) is None
    assert pooled_slow([]) is None


def test_the_step_is_the_mean_over_sessions() -> None:
    pairs = [made_pair(1, step_ms=(10.0, 11.0)), made_pair(2, step_ms=(12.0, 15.0))]
    assert judged(pairs).step_ms == pytest.approx((sqrt(120), sqrt(165)))


def test_a_range_in_per_cent() -> None:
    found = told_range(interval(0.05, 0.01, 4, 0.99))
    assert found
    assert found.percent == pytest.approx(100 * (exp(0.05) - 1))
    # t of 99.5 % at four degrees is 4.604.
    assert found.high_percent == pytest.approx(100 * (exp(0.05 + 0.04604) - 1), rel=1e-3)
    assert found.low_percent == pytest.approx(100 * (exp(0.05 - 0.04604) - 1), rel=1e-2)
    assert found.confidence_percent == pytest.approx(99)


@pytest.mark.parametrize(("error", "df"), [(100.0, 1), (inf, 0)])
def test_a_range_that_holds_everything_is_none(error: float, df: int) -> None:
    """A record is JSON, which knows no infinity."""
    assert told_range(interval(0.05, error, df, 0.99)) is None

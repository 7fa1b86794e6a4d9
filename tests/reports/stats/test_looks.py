"""The plan of looks: early enough, few enough, and paid for together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.stats.looks import one_look, plan_looks


@pytest.mark.parametrize(
    ("most", "counts"),
    [
        *((most, (most,)) for most in (1, 2, 3, 4, 5)),
        (6, (4, 6)),
        (10, (4, 6, 10)),
        (20, (4, 7, 12, 20)),
        (26, (4, 6, 10, 16, 26)),
    ],
)
def test_when_looks_are_taken(most: int, counts: tuple[int, ...]) -> None:
    assert plan_looks(most).sessions == counts


@given(st.integers(1, 5000), st.floats(0.001, 0.2))
def test_looks_share_the_error(most: int, alpha: float) -> None:
    plan = plan_looks(most, alpha)
    assert plan.sessions[-1] == most
    assert plan.sessions[0] <= 5
    assert list(plan.sessions) == sorted(set(plan.sessions))
    assert sum(plan.alphas) == pytest.approx(alpha)
    assert sum(plan.same_alphas) == pytest.approx(0.05)
    assert list(plan.alphas) == sorted(plan.alphas)


@given(st.integers(1, 100), st.data())
def test_a_plan_cut_short_spends_what_is_left(most: int, data: st.DataObject) -> None:
    plan = plan_looks(most)
    look = data.draw(st.integers(0, len(plan.sessions) - 1))
    ended = plan.ended_at(look)
    assert ended.sessions == plan.sessions[: look + 1]
    assert plan.ended_at(look, 3).sessions == (*plan.sessions[:look], 3)
    assert ended.alphas[:-1] == plan.alphas[:look]
    assert sum(ended.alphas) == pytest.approx(0.01)
    assert sum(ended.same_alphas) == pytest.approx(0.05)


def test_one_look_pays_nothing_for_others() -> None:
    assert one_look(7).sessions == (7,)
    assert (*one_look(7).alphas, *one_look(7).same_alphas) == (0.01, 0.05)


def test_no_sessions_are_no_plan() -> None:
    with pytest.raises(ValueError, match="at least one"):
        plan_looks(0)

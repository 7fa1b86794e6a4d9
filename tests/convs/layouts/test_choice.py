"""The cheapest layouts, against all that there are."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.convs.layouts.choice import Way, cheapest, conversions, cost_of

COSTS = st.integers(0, 50).map(float)
MOST = 7


@st.composite
def graphs(draw: st.DrawFn) -> tuple[np.ndarray, list[Way]]:
    """Random networks: each region reads one or more before it, at costs of either direction."""
    count = draw(st.integers(1, MOST))
    own = np.array(draw(st.lists(st.tuples(COSTS, COSTS), min_size=count, max_size=count)))
    ways = [
        Way(source=source, target=target, out=draw(COSTS), back=draw(COSTS))
        for target in range(1, count)
        for source in draw(st.sets(st.integers(0, target - 1), min_size=1, max_size=3))
    ]
    return own, ways


@given(graphs())
def test_no_assignment_is_cheaper(graph: tuple[np.ndarray, list[Way]]) -> None:
    own, ways = graph
    labels = cheapest(own, ways)
    every = product((0, 1), repeat=len(own))
    assert cost_of(labels, own, ways) == pytest.approx(min(cost_of(x, own, ways) for x in every))


@given(graphs(), st.data())
def test_what_is_forbidden_is_not_chosen(
    graph: tuple[np.ndarray, list[Way]], data: st.DataObject
) -> None:
    own, ways = graph
    region, layout = data.draw(st.integers(0, len(own) - 1)), data.draw(st.integers(0, 1))
    own[region, layout] = np.inf
    labels = cheapest(own, ways)
    assert labels[region] == 1 - layout
    every = product((0, 1), repeat=len(own))
    best = min(cost_of(x, own, ways) for x in every if x[region] != layout)
    assert cost_of(labels, own, ways) == pytest.approx(best)


def test_conversions_pay_only_where_they_gain_more() -> None:
    own = np.array([[0.0, 0.0], [9.0, 4.0], [1.0, 9.0]])
    ways = [Way(source=0, target=1, out=1, back=1), Way(source=1, target=2, out=1, back=3)]
    assert cheapest(own, ways) == (1, 1, 0)
    dear = [Way(source=0, target=1, out=1, back=1), Way(source=1, target=2, out=1, back=6)]
    assert cheapest(own, dear) == (0, 0, 0)
    assert conversions((1, 1, 0), ways) == 3
    assert conversions((0, 1, 0), ways) == 4


def test_a_region_without_a_layout_and_rewards_for_conversions_are_errors() -> None:
    with pytest.raises(ValueError, match="neither layout"):
        cheapest(np.array([[np.inf, np.inf]]), [])
    with pytest.raises(ValueError, match="nothing or more"):
        cheapest(np.zeros((2, 2)), [Way(source=0, target=1, out=-1, back=0)])

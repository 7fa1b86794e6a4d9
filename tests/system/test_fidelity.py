"""The fidelity benchmark sees what it is there to see."""

import pytest

from resnext_bench.lab.bench.fidelity import session_pairs
from resnext_bench.lab.bench.intervals import Ratio, ratio_of
from resnext_bench.lab.bench.plan import Plan

pytestmark = [pytest.mark.system, pytest.mark.slow]

PACE_S = 0.06
"""Long enough that neither the loop's own 50 to 150 us nor late wake-ups come near 1 %."""
GROUPS = 6


def judged(inject: float) -> Ratio:
    """One launch; groups of its pairs are the replicates, as sleep knows no luck of the launch."""
    plan = Plan(pairs=36, steps=5, tiny=True, pace_s=PACE_S, inject=inject)
    pairs = session_pairs("synthetic-1", plan)
    return ratio_of([pairs[group::GROUPS] for group in range(GROUPS)])


def test_two_per_cent_added_to_the_shipped_worker_fail_the_benchmark() -> None:
    """The same launch, loop and verdict as the benchmark's, with a network that only sleeps.

    So the machine's noise, which would hide 2 % of real training on some days, is not tested.
    """
    plain, slower = judged(0.0), judged(0.02)
    assert 0.99 < plain.estimate < 1.01, plain
    assert slower.verdict != "within", slower
    assert 1.01 < slower.estimate < 1.05, slower

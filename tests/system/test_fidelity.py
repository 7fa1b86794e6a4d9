"""The fidelity benchmark sees what it is there to see."""

from dataclasses import replace
from statistics import median

import pytest

from tests.bench.fidelity import session_pairs
from tests.bench.intervals import ratio_of
from tests.bench.plan import Plan

pytestmark = [pytest.mark.system, pytest.mark.slow]
PLAN = Plan(pairs=60, steps=200, tiny=True)


def ours_over_bare(plan: Plan) -> float:
    return median(ours / bare for ours, bare in session_pairs("synthetic-1", plan))


def test_two_per_cent_added_to_the_worker_fail_the_benchmark() -> None:
    """Launches without and with the loss, ABBA; the tiny network's ratios vary by 0.4 %.

    What the loop always adds to so short a step stands in both and cancels, so what is left must
    not pass as a worker that costs nothing.
    """
    slower = replace(PLAN, inject=0.02)
    plain, injected = [ours_over_bare(PLAN)], [ours_over_bare(slower), ours_over_bare(slower)]
    plain.append(ours_over_bare(PLAN))
    effects = [with_loss / without for with_loss, without in zip(injected, plain, strict=True)]
    found = ratio_of([[(effect, 1.0)] for effect in effects])
    assert found.verdict != "within"
    assert 1.008 < found.estimate < 1.05, (plain, injected)

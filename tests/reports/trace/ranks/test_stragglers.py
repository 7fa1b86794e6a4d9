"""Planted stragglers in made traces are named with their cause, and nobody else is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnext_bench.reports.schema.trace_ranks import PARTS, Part, Straggler
from resnext_bench.reports.trace.ranks.stragglers import (
    Table,
    skews_of,
    step_rows,
    stragglers,
)
from tests.reports.trace.ranks.made_ranks import OWN, Plan, compared, made_ranks, read_rank

CAUSES = ("compute", "clock", "loading", "launches")


@pytest.mark.parametrize("by", CAUSES)
@pytest.mark.parametrize("factor", [2.0, 1.2, 1.05])
def test_a_straggler_is_named_with_its_cause(tmp_path: Path, by: str, factor: float) -> None:
    plan = Plan(ranks=3, steps=8, slow=1, factor=factor, by=by)
    found = compared(tmp_path, made_ranks(plan))
    (slow,) = found.stragglers
    assert (slow.at, slow.cause) == (1, by)
    assert slow.skew == pytest.approx(factor - 1, abs=0.015)
    assert slow.lost_ns == pytest.approx((factor - 1) * OWN * 1e3, rel=0.2)
    assert sum(slow.parts.values()) == pytest.approx(slow.lost_ns, rel=0.2)
    assert {one.at for one in found.steps if one.at is not None} <= {1}


@given(
    st.integers(2, 6),
    st.sampled_from(CAUSES),
    st.sampled_from((2.0, 1.2, 1.05)),
    st.sampled_from((-50.0, 0.0, 50.0)),
    st.sampled_from((0.0, 40.0)),
    st.data(),
)
@settings(max_examples=8, deadline=None)
def test_named_whatever_the_clocks_say(
    tmp_path_factory: pytest.TempPathFactory,
    ranks: int,
    by: str,
    factor: float,
    ahead: float,
    drift: float,
    data: st.DataObject,
) -> None:
    """The clock of any rank is off by 50 ms, twenty steps, or drifts; it may be the slow one."""
    slow, off = (data.draw(st.integers(0, ranks - 1)) for _ in range(2))
    plan = Plan(
        ranks=ranks, slow=slow, factor=factor, by=by,
        ahead_ms={off: ahead}, drift_ppm={off: drift}, seed=data.draw(st.integers(0, 99)),
    )  # fmt: skip
    found = compared(tmp_path_factory.mktemp("ranks"), made_ranks(plan))
    assert [(one.at, one.cause) for one in found.stragglers] == [(slow, by)]


@given(st.integers(2, 6), st.sampled_from((0.0, 50.0)), st.integers(0, 999))
@settings(max_examples=8, deadline=None)
def test_nobody_is_named_where_nobody_is_slow(
    tmp_path_factory: pytest.TempPathFactory, ranks: int, ahead: float, seed: int
) -> None:
    plan = Plan(ranks=ranks, noise=0.02, ahead_ms={0: ahead}, seed=seed)
    found = compared(tmp_path_factory.mktemp("ranks"), made_ranks(plan))
    assert found.stragglers == []
    assert all(one.at is None for one in found.steps)
    assert found.smallest_skew is not None


@pytest.mark.slow
@pytest.mark.parametrize("by", ["compute", "loading"])
def test_one_of_64_ranks(tmp_path: Path, by: str) -> None:
    plan = Plan(ranks=64, steps=6, slow=41, factor=1.05, by=by, ahead_ms={7: 50.0})
    found = compared(tmp_path, made_ranks(plan))
    assert [(one.at, one.cause) for one in found.stragglers] == [(41, by)]
    assert [at for at, one in enumerate(found.ranks) if one.clock and one.clock.is_off] == [7]


def test_a_slow_kernel_is_named(tmp_path: Path) -> None:
    plan = Plan(slow=2, factor=1.2, by="compute")
    (slow,) = compared(tmp_path, made_ranks(plan)).stragglers
    assert slow.kernel == "cudnn_infer_kernel"
    assert slow.kernel_ns == pytest.approx(0.2 * OWN * 1e3, rel=0.1)


def test_a_slow_host(tmp_path: Path) -> None:
    slow = [made_ranks(Plan(slow=at, factor=1.3, by="launches"))[at] for at in (2, 3)]
    made = [*made_ranks(Plan())[:2], *slow]
    found = compared(tmp_path, made, ("a", "a", "b", "b"))
    assert [one.at for one in found.stragglers] in ([2, 3], [3, 2])
    (together,) = found.together
    assert (together.by, together.name, together.at) == ("host", "b", [2, 3])


def test_one_slow_rank_is_not_its_host(tmp_path: Path) -> None:
    made = made_ranks(Plan(slow=3, factor=1.3))
    assert compared(tmp_path, made, ("a", "a", "b", "b")).together == []


def test_one_hiccup_is_of_its_step_alone(tmp_path: Path) -> None:
    made = made_ranks(Plan(seed=1))
    odd = made_ranks(Plan(seed=1, slow=1, factor=3.0, by="loading"))
    for at in range(4):  # the third of ten steps is taken from traces with a slow rank
        mine = [row for row in odd[at].rows if _in_step(odd[at].rows, row, 2)]
        late = _begin(odd[at].rows, 2) - _begin(made[at].rows, 2)
        longer = _begin(odd[at].rows, 3) - _begin(odd[at].rows, 2)
        longer -= _begin(made[at].rows, 3) - _begin(made[at].rows, 2)
        before = [row for row in made[at].rows if row["ts"] < _begin(made[at].rows, 2)]
        after = [row for row in made[at].rows if row["ts"] >= _begin(made[at].rows, 3)]
        made[at].rows = [
            *before,
            *(_moved(row, -late, 50_000) for row in mine),
            *(_moved(row, longer) for row in after),
        ]
    found = compared(tmp_path, made)
    assert found.stragglers == []
    assert [(one.number, one.at, one.cause) for one in found.steps if one.at is not None] == [
        (2, 1, "loading")
    ]


def _begin(rows: list[dict[str, object]], step: int) -> float:
    return next(float(str(row["ts"])) for row in rows if row["name"] == f"ProfilerStep#{step}")


def _in_step(rows: list[dict[str, object]], row: dict[str, object], step: int) -> bool:
    return _begin(rows, step) <= float(str(row["ts"])) < _begin(rows, step + 1)


def _moved(row: dict[str, object], by: float, correlation: int = 0) -> dict[str, object]:
    args = row["args"]
    assert isinstance(args, dict)
    if "correlation" in args:
        args = {**args, "correlation": args["correlation"] + correlation}
    return {**row, "ts": float(str(row["ts"])) + by, "args": args}


def planted(folder: Path, parts: dict[Part, tuple[float, float, float]]) -> tuple[Straggler, Part]:
    """Who is slow, and by what in the first step; parts of three ranks, alike in eight steps."""
    ranks = [
        read_rank(folder, one, f"{at}.json") for at, one in enumerate(made_ranks(Plan(ranks=3)))
    ]
    values = np.array([parts.get(part, (0.0, 0.0, 0.0)) for part in PARTS])
    table = Table(
        steps=np.arange(8),
        step_ns=np.full((3, 8), 1e6),
        parts=np.repeat(values[:, :, np.newaxis], 8, axis=2),
    )
    skews = skews_of(table)
    (slow,) = stragglers(ranks, table, skews)
    first = next(step_rows(table, skews))
    assert first.cause
    return slow, first.cause  # type: ignore[return-value]  # no clock in single steps


def test_no_cause_is_more_than_all_that_is_lost(tmp_path: Path) -> None:
    """Rank 2 has 43 ms of untold idle time where others have 33 to 40 ms of late launches."""
    slow, in_step = planted(
        tmp_path, {"launches": (33e6, 40e6, 7e6), "other": (0.0, 0.0, 43e6), "compute": (1e6,) * 3}
    )
    lost = 51e6 - (34e6 + 41e6) / 2
    assert (slow.at, slow.cause, in_step) == (2, "other", "other")
    assert (slow.lost_ns, slow.cause_ns) == (lost, 43e6 - (36.5e6 - 7e6))
    assert (slow.parts["other"], slow.parts["launches"]) == (43e6, 7e6 - 36.5e6)


def test_a_cause_that_other_parts_make_up_for_is_capped(tmp_path: Path) -> None:
    slow, _ = planted(tmp_path, {"launches": (5e6, 5e6, 9e6), "loading": (2e6, 2e6, 1e6)})
    assert (slow.cause, slow.parts["launches"]) == ("launches", 4e6)
    assert slow.lost_ns == slow.cause_ns == 3e6


def test_idle_time_that_is_not_told_is_no_cause_where_others_have_as_much(tmp_path: Path) -> None:
    slow, in_step = planted(
        tmp_path,
        {"compute": (9e6, 9e6, 11e6), "launches": (5e6, 5e6, 0.0), "other": (0.0, 0.0, 5e6)},
    )
    assert slow.parts["other"] > slow.parts["compute"]
    assert (slow.cause, slow.cause_ns, in_step) == ("compute", 2e6, "compute")

"""Ranks whose traces begin with another step count from elsewhere; collectives put that right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resnext_bench.reports.schema.trace_ranks import RanksTimes
from resnext_bench.reports.trace.ranks.alignment import aligned
from resnext_bench.reports.trace.ranks.rank import Rank
from resnext_bench.reports.trace.ranks.times import times
from tests.reports.trace.ranks.made_ranks import Plan, made_ranks, read_rank

PLAN = Plan(ranks=3, steps=8, noise=0.05, slow=1, factor=2.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Rank]:
    folder = tmp_path_factory.mktemp("ranks")
    return [read_rank(folder, one, f"{at}.json") for at, one in enumerate(made_ranks(PLAN))]


def without(rank: Rank, first: int) -> Rank:
    """The same without its first steps, numbered from 1 as places are."""
    kept = rank.talks.step >= rank.steps[0] + first
    talks = replace(
        rank.talks,
        step=rank.talks.step[kept] - rank.steps[0] - first + 1,
        start=rank.talks.start[kept],
        end=rank.talks.end[kept],
        message=rank.talks.message[kept],
    )
    return replace(
        rank,
        is_counted=False,
        steps=rank.steps[first:] - rank.steps[0] - first + 1,
        step_ns=rank.step_ns[first:],
        parts={part: ns[first:] for part, ns in rank.parts.items()},
        talks=talks,
    )


def of_the_same_steps(found: RanksTimes, expected: RanksTimes) -> bool:
    """By what each step lost, which other pairs of steps would change."""
    last = [one.lost_ns for one in expected.steps][-len(found.steps) :]
    return [one.lost_ns for one in found.steps] == last


def test_a_trace_that_begins_later(whole: list[Rank]) -> None:
    """Step k of one rank was step k + 1 of the others: who is slow in it was then anybody."""
    expected = times([without(one, 0) for one in whole])
    found = times([without(whole[0], 0), without(whole[1], 0), without(whole[2], 1)])
    assert [one.number for one in found.steps] == [2, 3, 4, 5, 6, 7, 8]
    assert of_the_same_steps(found, expected)
    assert [one.at for one in found.stragglers] == [1]
    assert found.unmatched == 0
    (fact,) = found.facts
    assert (fact.kind, fact.values) == ("steps_renumbered", {"ranks": (2,), "by": 1})
    assert all(one.clock and not one.clock.is_off for one in found.ranks)


def test_numbers_of_the_profiler_stay(whole: list[Rank]) -> None:
    ranks = [whole[0], replace(whole[1], steps=whole[1].steps + 1), whole[2]]
    found, moved = aligned(ranks)
    assert moved == [0, 0, 0]
    assert found == ranks


def test_places_are_moved_to_the_numbers_of_the_profiler(whole: list[Rank]) -> None:
    counted = replace(
        whole[2],
        steps=whole[2].steps + 100,
        talks=replace(whole[2].talks, step=whole[2].talks.step + 100),
    )
    first = int(counted.steps[0])
    found, moved = aligned([without(whole[0], 2), without(whole[1], 0), counted])
    assert moved == [first + 2 - 1, first - 1, 0]
    assert found[0].steps.tolist() == counted.steps[2:].tolist()
    assert found[0].talks.step.tolist() == counted.talks.step[2:].tolist()


def test_a_clock_that_is_off_does_not_move_steps(whole: list[Rank]) -> None:
    """A rank ahead by one step, on a host of its own: its ends scatter as those of no other."""
    ahead = int(np.median(whole[2].step_ns))
    later = replace(
        without(whole[2], 0),
        host="other",
        talks=replace(whole[2].talks, step=whole[2].talks.step - whole[2].steps[0] + 1),
    )
    later = replace(
        later,
        talks=replace(later.talks, start=later.talks.start + ahead, end=later.talks.end + ahead),
    )
    assert aligned([without(whole[0], 0), without(whole[1], 0), later])[1] == [0, 0, 0]


def test_steps_that_are_all_alike_are_told_by_the_clock_of_one_host(tmp_path: Path) -> None:
    made = made_ranks(Plan(ranks=2, steps=6, noise=0.0))
    ranks = [read_rank(tmp_path, one, f"{at}.json", "host") for at, one in enumerate(made)]
    assert aligned([without(ranks[0], 0), without(ranks[1], 1)])[1] == [0, 1]
    apart = replace(without(ranks[1], 1), host="other")
    assert aligned([without(ranks[0], 0), apart])[1] == [0, 0]


def test_ranks_that_share_no_collective_stay(whole: list[Rank]) -> None:
    silent = replace(without(whole[2], 1), talks=replace(whole[2].talks, messages=()))
    none = np.empty(0, dtype=np.int64)
    silent = replace(
        silent,
        talks=replace(silent.talks, step=none, start=none, end=none, message=none.astype(np.int32)),
    )
    assert aligned([without(whole[0], 0), without(whole[1], 0), silent])[1] == [0, 0, 0]

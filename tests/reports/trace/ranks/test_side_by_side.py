"""Several ranks: who waits, who is missing, whose clocks differ."""

from pathlib import Path

import pytest

from resnext_bench.reports.schema.trace import RanksReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.ranks.side_by_side import collectives, ranks
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made
from tests.reports.trace.words import kinds, sentences_of

NCCL = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(x)"


def rank(number: int, talks: list[tuple[float, float]], base: int = 0, world: int = 2) -> Made:
    """Collectives as start and duration in us, `base` ns after a common zero."""
    header = {
        "distributedInfo": {"backend": "nccl", "rank": number, "world_size": world},
        "baseTimeNanoseconds": 1_711_964_646_000_000_000 + base,
    }
    made = Made(header=header).step(0, 0, 1000.5)
    for start, duration in talks:
        made.kernel(NCCL, start, duration)
    return made


def side_by_side(folder: Path, *made: Made) -> RanksReport:
    paths = [one.write(folder, f"{at}.json") for at, one in enumerate(made)]
    analyses = [analyse(path) for path in paths]
    return ranks(
        [report(one) for one in analyses], [collectives(one) for one in analyses], whole=True
    )


def test_10_a_collective_is_waiting_and_transfer(tmp_path: Path) -> None:
    """Alone rank 0 says 90 us, of which 10 us are transfer: rank 1 came 80 us later."""
    found = side_by_side(tmp_path, rank(0, [(10, 90), (200, 20)]), rank(1, [(90, 10), (200, 20)]))
    (row,) = found.collectives
    assert (row.count, row.transfer_ns, row.waiting_ns) == (2, 30_000, [80_000, 0])
    assert (row.shortest_ns, row.longest_ns) == (10_000, 90_000)
    assert row.last_to_arrive == [1, 1]
    assert found.facts == []


def test_10_ranks_are_compared_on_one_clock(tmp_path: Path) -> None:
    """The same stamps, but the base of rank 1 is 80 us later."""
    found = side_by_side(tmp_path, rank(0, [(10, 90)]), rank(1, [(10, 10)], base=80_000))
    assert found.collectives[0].transfer_ns == 10_000


def test_clocks_that_differ_are_told(tmp_path: Path) -> None:
    found = side_by_side(tmp_path, rank(0, [(10, 5)]), rank(1, [(100, 5)]))
    assert found.collectives[0].transfer_ns == 0
    assert kinds(found) == ["clocks_differ"]


def test_different_collectives_are_not_matched(tmp_path: Path) -> None:
    found = side_by_side(tmp_path, rank(0, [(10, 5)]), rank(1, [(10, 5), (20, 5)]))
    assert found.collectives == []
    assert kinds(found) == ["collectives_differ"]


def test_ranks_are_sorted_and_missing_ones_told(tmp_path: Path) -> None:
    made = [rank(number, [(10, 5)], world=5) for number in (3, 0, 3)]
    found = side_by_side(tmp_path, *made)
    assert [one.rank for one in found.ranks] == [0, 3, 3]
    assert found.missing == [1, 2, 4]
    assert sentences_of(found)[:2] == [
        "traces of 3 of 5 ranks are missing: 1, 2, 4",
        "several traces are of rank 3",
    ]


@pytest.mark.parametrize("told", ["{'rank': 1, 'world_size': 2}", {"rank": 1, "world_size": 2}])
def test_distributed_info_as_text_or_as_json(tmp_path: Path, told: object) -> None:
    made = Made(header={"distributedInfo": told}).kernel(NCCL, 10, 5)
    found = report(analyse(made.write(tmp_path)))
    assert (found.rank, found.world_size) == (1, 2)


@pytest.mark.parametrize("told", ["{'rank': ", "__import__('os')", 7, [1], None, {"rank": "x"}])
def test_odd_distributed_info_is_none(tmp_path: Path, told: object) -> None:
    found = report(
        analyse(Made(header={"distributedInfo": told}).kernel(NCCL, 10, 5).write(tmp_path))
    )
    assert (found.rank, found.world_size) == (None, None)


def test_collectives_of_steps_that_all_ranks_use(tmp_path: Path) -> None:
    """Rank 0 lost kernels of its first step: its n-th collective is not the n-th of rank 1."""
    made = []
    for number in (0, 1):
        header = {"distributedInfo": {"rank": number, "world_size": 2}}
        one = Made(header=header).step(0, 0, 100).step(1, 100, 100)
        one.kernel(NCCL, 10 + 20 * number, 60 - 20 * number)
        one.kernel(NCCL, 110 + 20 * number, 60 - 20 * number)
        made.append(one)
    for _ in range(3):
        made[0].launch(5)
    found = side_by_side(tmp_path, *made)
    assert [one.steps.number for one in found.ranks] == [[1], [0, 1]]
    (row,) = found.collectives
    assert (row.count, row.transfer_ns, row.last_to_arrive) == (1, 40_000, [0, 1])


def test_ranks_without_a_step_in_common_say_so(tmp_path: Path) -> None:
    made = [rank(number, [(10, 5)]) for number in (0, 1)]
    made[1].rows[0]["name"] = "ProfilerStep#7"
    found = side_by_side(tmp_path, *made)
    assert found.collectives == []
    assert sentences_of(found) == [
        "ranks have no step in common: waiting and transfer cannot be separated"
    ]


def test_ranks_that_nobody_tells_are_not_missing(tmp_path: Path) -> None:
    made = [rank(number, [(10, 5)], world=4) for number in (0, 1)]
    made[1].header["distributedInfo"].pop("rank")
    found = side_by_side(tmp_path, *made)
    assert found.missing == []
    assert sentences_of(found) == ["1 trace without a rank, in the trace or by its name"]


def test_ranks_of_different_times_are_not_matched(tmp_path: Path) -> None:
    """Their steps have the same numbers, as each program counts from 0."""
    found = side_by_side(tmp_path, rank(0, [(10, 5)]), rank(1, [(10, 5)], base=60 * 10**9))
    assert found.collectives == []
    (told,) = sentences_of(found)
    assert told.startswith("ranks were recorded at different times, by their clocks (60 s from")


def test_ranks_that_overlap_by_a_little_are_matched(tmp_path: Path) -> None:
    found = side_by_side(tmp_path, rank(0, [(990, 5)]), rank(1, [(10, 5)], base=980_000))
    assert found.collectives[0].transfer_ns == 5000

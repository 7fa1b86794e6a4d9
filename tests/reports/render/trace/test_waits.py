"""Whom ranks wait for, in a line each."""

import pytest

from resnext_bench.reports.render.trace.waits import waits
from resnext_bench.reports.schema.trace import CollectiveRow, RanksReport, TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made

NAME = "ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t"


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[TraceReport]:
    folder = tmp_path_factory.mktemp("ranks")
    found = []
    for rank in (0, 1):
        made = Made(header={"distributedInfo": {"rank": rank, "world_size": 2}}).step(0, 0, 50)
        found.append(report(analyse(made.kernel("gemm", 0, 40).write(folder, f"rank{rank}.json"))))
    return found


def told(ranks: list[TraceReport], transfer: int, waiting: list[int], last: list[int]) -> list[str]:
    row = CollectiveRow(
        name=NAME,
        count=5,
        transfer_ns=transfer,
        waiting_ns=waiting,
        shortest_ns=1,
        longest_ns=9,
        last_to_arrive=last,
    )
    found = RanksReport(ranks=ranks, missing=[], collectives=[row], facts=[])
    return [line.text for line in waits(found)]


def test_who_is_last(ranks: list[TraceReport]) -> None:
    (line,) = told(ranks, 10, [900, 100], [1, 4])
    assert "almost all waiting" in line
    assert line.endswith("rank 1 was the last to arrive in 4 of 5")


def test_nobody_in_particular(ranks: list[TraceReport]) -> None:
    (line,) = told(ranks, 10, [900, 100], [2, 2])
    assert "no rank" in line


@pytest.mark.parametrize(
    ("transfer", "waiting"), [(200, [900, 100]), (0, [900, 100]), (0, [0, 0]), (1, [0, 0])]
)
def test_transfer_or_clocks_that_differ(
    ranks: list[TraceReport], transfer: int, waiting: list[int]
) -> None:
    assert told(ranks, transfer, waiting, [1, 4]) == []

"""Differences of real traces: of unlike ones, and of a trace with itself."""

from itertools import pairwise

import pytest

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.differences.differences import difference
from resnext_bench.reports.trace.differences.sides import Side, side
from tests.reports.trace.differences.programs import adds_up, as_they_are, turned
from tests.reports.trace.real import real_trace

NAMES = (
    "mi300x-resnet50-ddp8-rank0.pt.trace.json.gz",
    "no-gpu-events.pt.trace.json.gz",
    "a100-three-streams.pt.trace.json.gz",
)


@pytest.fixture(scope="module")
def sides() -> list[Side]:
    return [side(analyse(real_trace(name))) for name in NAMES]


def test_itself_is_empty(sides: list[Side]) -> None:
    for one in sides:
        found = difference(one, one, margin_percent=2)
        adds_up(found)
        assert (found.delta_ns, found.rows, found.classes, found.modules) == (0, [], [], [])


def test_unlike_ones_add_up(sides: list[Side]) -> None:
    for a, b in pairwise(sides):
        one, two = (difference(*pair, margin_percent=2) for pair in ((a, b), (b, a)))
        adds_up(one)
        adds_up(two)
        assert turned(one) == as_they_are(two)
        assert one.facts

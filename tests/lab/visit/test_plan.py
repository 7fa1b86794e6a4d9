"""Parts and their boxes."""

import pytest

from resnext_bench.errors import UsageError
from resnext_bench.lab.visit.plan import PARTS, boxes, chosen


def test_shares_are_of_the_whole() -> None:
    assert sum(part.share for part in PARTS) == pytest.approx(1)


def test_boxes_follow_one_another_and_end_with_the_visit() -> None:
    ends = boxes(PARTS, 480)
    assert ends == sorted(ends)
    assert ends[0] > 0
    assert ends[-1] == pytest.approx(480)


def test_a_part_alone_has_all_the_time() -> None:
    (part,) = chosen(["convs"])
    assert boxes([part], 60) == [60]


def test_parts_keep_their_order_whatever_they_are_asked_in() -> None:
    assert [part.name for part in chosen(["trust", "device"])] == ["device", "trust"]
    assert chosen([]) == PARTS


def test_unknown_parts_are_told_with_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"--only conv: no such part; did you mean convs\?.*Allowed"
    ):
        chosen(["conv"])

"""What is lost of a whole step at most, against the floors of the table of rooflines."""

import pytest
from msgspec.structs import replace

from resnext_bench.reports.figures.plan_gaps import gap_of, step_gap
from resnext_bench.reports.figures.step_shares import rest_us, step_share
from resnext_bench.reports.networks.rooflines import roofline
from resnext_bench.reports.schema.convs import OPERATIONS, Convs
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.roofline import Roof
from tests.reports.made_convs import made_convolution
from tests.reports.made_plan_times import made_plan_times, made_problem

NETWORK, SIZE, BATCH = "resnext50_32x4d", 224, 256
LAYERS = draw(parse(NETWORK), SIZE)
# Both layers exist once each with this shape's floor: conv2 of the second and third block.
RECORD = replace(
    made_plan_times([made_problem(0, operation=one) for one in OPERATIONS], image_size=SIZE),
    convolutions=(made_convolution(layers=("layer1.1.conv2", "layer1.2.conv2"), layout="nhwc"),),
)
ROOFLINE = roofline(
    LAYERS,
    Roof(flop_per_s=989.4e12, bytes_per_s=4.8e12),
    model=NETWORK,
    form=parse(NETWORK).form,
    batch=BATCH,
    dtype="bf16",
    layout="nhwc",
    device="",
    source="",
)


def test_the_rest_of_a_step_is_the_floor_of_all_but_what_was_timed() -> None:
    (row,) = (one for one in ROOFLINE.rows if "layer1.1.conv2" in one.layers)
    timed = 2 * row.total_us / len(row.layers)
    assert rest_us(RECORD, [0, 1, 2]) == pytest.approx(1e3 * ROOFLINE.step_ms - timed)
    forward = 2 * row.forward_us
    assert rest_us(RECORD, [0]) == pytest.approx(1e3 * ROOFLINE.step_ms - forward)


def test_the_share_is_of_what_was_timed_and_the_rest() -> None:
    gap = step_gap([one for each in RECORD.problems if (one := gap_of(RECORD, each))])
    assert gap
    found = step_share(RECORD, [0, 1, 2], gap)
    assert found
    lost = 3 * 2 * (200 - 100)
    expected = 100 * lost / (3 * 2 * 200 + found.rest_us)
    assert found.most_percent == pytest.approx(expected, rel=1e-3)  # at the interval's end


@pytest.mark.parametrize(
    "record", [replace(RECORD, image_size=0), replace(RECORD, memory=None)], ids=["size", "rates"]
)
def test_what_is_not_known_has_no_share(record: Convs) -> None:
    assert rest_us(record, [0]) is None

"""What a gap between PyTorch's choices and the best plans can be of a whole step, by calculation.

A whole step is not timed. But everything else in it takes at least its floor, by bytes and FLOP, so
that what is lost is at most a certain share of the step.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from resnext_bench.reports.figures.plan_gaps import StepGap, roof_of
from resnext_bench.reports.schema.convs import OPERATIONS, Convs
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse
from resnext_bench.resnext.roofline import layer_work, optimizer_work


@dataclass(frozen=True, kw_only=True, slots=True)
class StepShare:
    """What is lost, as a share of a whole step."""

    rest_us: float
    """The least time of everything in a step that was not timed, µs."""
    most_percent: float
    """The largest share of a step that can be lost, at the upper end of the interval."""


def step_share(record: Convs, places: Iterable[int], gap: StepGap) -> StepShare | None:
    """Return what a gap is of a step at most, from the places of the problems that are in it.

    None where the network's other layers or the device's rates are not known.
    """
    rest = rest_us(record, list(places))
    if rest is None:
        return None
    ratio = gap.lost.high if gap.lost.is_known else gap.lost.estimate
    lost_us = gap.torch_us * max(0.0, 1 - math.exp(-ratio))
    return StepShare(rest_us=rest, most_percent=100 * lost_us / (gap.torch_us + rest))


def rest_us(record: Convs, places: list[int]) -> float | None:
    """Return the least time of a step without some of its problems, µs.

    Maps are counted once, as in NHWC: that is the least in any layout.
    """
    if not record.image_size or not places:
        return None
    problems = [record.problems[at] for at in places]
    conv = record.convolutions[problems[0].convolution]
    roof = roof_of(record, conv.dtype)
    if roof is None:
        return None
    timed = {
        (layer, one.operation)
        for one in problems
        for layer in record.convolutions[one.convolution].layers
    }
    layers = draw(parse(record.model), record.image_size)
    rest = sum(
        work.seconds(roof)
        for one in layer_work(layers, conv.images[0], conv.dtype)
        for operation, work in zip(OPERATIONS, one.directions, strict=True)
        if (one.layer.name, operation) not in timed
    )
    return 1e6 * (rest + optimizer_work(layers).seconds(roof))

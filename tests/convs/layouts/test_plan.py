"""The best choice from made times: what is chosen, and what it is predicted to gain."""

import numpy as np
import pytest

from resnext_bench.config.layouts import matches, patterns_of
from resnext_bench.convs.layouts.network import Regions, regions_of
from resnext_bench.convs.layouts.plan import best_mix
from resnext_bench.convs.layouts.times import Times
from resnext_bench.resnext.draw import draw
from resnext_bench.resnext.names import parse

ROUNDS = 8
MOVE_US = 10.0
REGIONS = regions_of(draw(parse("resnext14_4x4d"), 64), 2, "fp32")


def made_times(regions: Regions = REGIONS, **nhwc_us: float) -> Times:
    """100 µs for everything in NCHW, and 105 µs in NHWC unless it is given."""
    layers = {name: np.repeat([[105.0], [100.0]], ROUNDS, axis=1) for name in regions.names}
    for name, us in nhwc_us.items():
        layers[name.replace("__", ".")][0] = us
    moves = {one.conversion: np.full((2, ROUNDS), MOVE_US) for one in regions.passages}
    return Times(layers=layers, moves=moves)


def test_a_layer_that_gains_more_than_its_conversions_cost_is_mixed() -> None:
    # A map in and one out, each with its gradient: 4 conversions.
    mix = best_mix(REGIONS, made_times(layer2__0__conv2=100 - 4 * MOVE_US - 5), "fp32")
    assert mix.sides == ("nhwc", "nchw", "mixed")
    assert (mix.base, mix.nhwc) == ("nchw", ("layer2.0.conv2",))
    assert mix.other_layout == "layer2.0.conv2"
    assert mix.converted == 2
    gain = mix.against("mixed", "nchw")
    assert gain
    assert gain.predicted_ms.value == pytest.approx(0.005)
    (parts,) = (one for one, side in zip(mix.parts, mix.sides, strict=True) if side == "mixed")
    assert parts.conversions == pytest.approx(4 * MOVE_US / 1e3)


def test_a_layer_that_gains_less_is_not() -> None:
    mix = best_mix(REGIONS, made_times(layer2__0__conv2=100 - 4 * MOVE_US + 5), "fp32")
    assert mix.sides == ("nhwc", "nchw")
    assert mix.other_layout == "none"
    assert (mix.base, mix.nhwc) == ("nchw", ())


def test_what_the_option_names_is_what_was_chosen() -> None:
    cheap = {name.replace(".", "__"): 10.0 for name in REGIONS.names if "layer2" in name}
    dear = {name.replace(".", "__"): 200.0 for name in REGIONS.names if "layer3" in name}
    mix = best_mix(REGIONS, made_times(**cheap, **dear), "fp32")
    patterns = patterns_of(mix.other_layout)
    named = {name for name in REGIONS.names if matches(name, patterns)}
    convolutions = {*mix.nhwc, *mix.nchw}
    others = mix.nchw if mix.base == "nhwc" else mix.nhwc
    assert named & convolutions == set(others)
    assert {name for name in mix.nhwc if "layer3" in name} == set()
    assert {name for name in mix.nchw if "layer2" in name} == set()


def test_half_of_the_rounds_choose_and_the_other_half_predicts() -> None:
    times = made_times()
    took = times.layers["layer2.0.conv2"]
    took[0] = [1, 1, 300, 300] * (ROUNDS // 4)  # fast where it is chosen, slow where it is not
    mix = best_mix(REGIONS, times, "fp32")
    assert "layer2.0.conv2" in mix.nhwc
    gain = mix.against("mixed", "nchw")
    assert gain
    assert gain.predicted_ms.value < -0.19


def test_a_layer_that_cannot_run_in_one_layout_forbids_it() -> None:
    mix = best_mix(REGIONS, made_times(layer2__0__conv2=np.inf), "fp32")
    assert "nhwc" not in mix.sides
    assert "layer2.0.conv2" in mix.nchw

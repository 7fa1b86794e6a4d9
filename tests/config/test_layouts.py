"""Which modules are in the other layout: names, patterns, modules around others."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.config.layouts import matches, patterns_of, shortest, unknown
from resnext_bench.errors import UsageError
from tests.worker.made_training import made_config

KNOWN = ("conv1", "bn1", "layer1.0.conv1", "layer1.0.bn1", "layer1.1.conv1", "layer2.0.conv1")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("none", ()),
        ("conv1", ("conv1",)),
        ("layer1", ("layer1.0.conv1", "layer1.0.bn1", "layer1.1.conv1")),
        ("layer1.0, bn1", ("bn1", "layer1.0.conv1", "layer1.0.bn1")),
        ("layer*.conv1", ("layer1.0.conv1", "layer1.1.conv1", "layer2.0.conv1")),
        ("layer1.?.conv1", ("layer1.0.conv1", "layer1.1.conv1")),
    ],
)
def test_what_names_and_patterns_mean(text: str, meant: tuple[str, ...]) -> None:
    assert tuple(name for name in KNOWN if matches(name, patterns_of(text))) == meant


def test_a_name_of_nothing_is_told_with_what_is_near() -> None:
    assert unknown(patterns_of("conv1,layer1"), KNOWN) == ""
    assert "layer2.0.conv2: no convolution" in unknown(("layer2.0.conv2",), KNOWN)
    assert "layer2.0.conv1" in unknown(("layer2.0.conv2",), KNOWN)


@given(st.sets(st.sampled_from(KNOWN)))
def test_the_shortest_names_mean_exactly_what_was_chosen(chosen: set[str]) -> None:
    patterns = patterns_of(shortest(sorted(chosen), KNOWN))
    assert {name for name in KNOWN if matches(name, patterns)} == chosen


def test_whole_stages_are_named_once() -> None:
    assert shortest(("layer1.0.conv1", "layer1.0.bn1", "layer1.1.conv1"), KNOWN) == "layer1"
    assert shortest(("layer1.0.conv1",), KNOWN) == "layer1.0.conv1"


def test_it_is_part_of_the_configuration() -> None:
    assert made_config().other_layout == "none"
    assert made_config(other_layout="layer1,conv1").other_layout == "layer1,conv1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"other_layout": "layer9"}, "--other-layout layer9: no convolution, norm or pool"),
        ({"other_layout": "layer1.0.add"}, "no convolution, norm or pool"),
        ({"other_layout": "layer1", "compile": True}, "--compile exclude each other"),
        ({"other_layout": ","}, "name modules, such as layer4"),
        (
            {"other_layout": "layer1", "engine": "deepspeed"},
            "is an option of --engine none and ddp",
        ),
    ],
)
def test_what_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        made_config(**options)

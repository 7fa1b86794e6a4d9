"""Layouts of convolutions as they are told: rows, the best choice, predictions and whole steps."""

from typing import Any

import msgspec
import pytest

from resnext_bench.reports.render.convs_layouts import better_pure, sections
from resnext_bench.reports.schema.convs import Convs, Problem
from resnext_bench.reports.schema.convs_kind import CONVS
from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.schema.layouts import Mix, Operator
from resnext_bench.reports.schema.plan_times import DeviceMemory
from tests.reports.drawn import drawn
from tests.reports.made_layouts import about, made_layouts, made_mix
from tests.reports.made_timed import made_plan

COMMAND = (
    "run --model resnext50_32x4d --image-size 64 --batch-size 256 --amp-dtype bf16 --channels-last "
    "--other-layout 'layer1.0.conv2,layer4'"
)
"""To be copied, so that it is not wrapped."""


def told(record: Convs) -> str:
    return " ".join(" ".join(drawn(sections(record), width=80, uncut=COMMAND)).split())


def without_steps() -> Mix:
    mix = made_mix(steps=None)
    bare = [msgspec.structs.replace(one, measured_ms=None) for one in mix.versus]
    return msgspec.structs.replace(mix, versus=tuple(bare))


def pure() -> Mix:
    mix = made_mix()
    return made_mix(
        sides=("nhwc", "nchw"),
        other_layout="none",
        nchw=(),
        parts=mix.parts[:2],
        versus=mix.versus[2:],
        steps=msgspec.structs.replace(mix.steps, in_step=mix.steps.in_step[:2]),  # type: ignore[union-attr, type-var]
    )


def test_each_operation_has_its_times_and_what_is_known_of_them() -> None:
    out = told(made_layouts())
    assert "layer1.0.conv2 x2 forward 5.00 8.00 0.62 (0.59 to 0.65) NHWC" in out
    assert "weight gradient 5.00 8.00 1.01 (0.96 to 1.06) –" in out
    assert "of 4 operations NHWC is faster in 2, NCHW in 1; 1 cannot be told from noise" in out
    assert "layer1.0.conv1" not in out
    assert "convolutions without groups: --all" in out


def test_all_are_shown_where_all_are_asked_about() -> None:
    record = made_layouts()
    assert record.layouts
    found = msgspec.structs.replace(record.layouts, everything=True)
    assert "layer1.0.conv1, " in told(msgspec.structs.replace(record, layouts=found))


def test_a_mix_stands_beside_both_pure_layouts() -> None:
    out = told(made_layouts(made_mix()))
    assert "bf16: the best choice is mixed: 1 of 3 convolutions in NCHW, 3 maps converted" in out
    assert (
        "predicted to gain 2.4 % of a step over NHWC, the better pure layout, measured 0.8 % "
        "(0.2 to 1.4)"
    ) in out
    assert "whole step, in turn 500.0 636.0 496.0" in out
    assert "mixed over NHWC 12.0 (10.0 to 14.0) 4.0 (1.0 to 7.0) 0.8" in out
    assert COMMAND in out


def test_a_miss_is_explained_by_the_parts_of_whole_steps() -> None:
    out = told(made_layouts(made_mix()))
    missed = out[out.index("Missed:") :]
    assert missed.startswith(
        "Missed: mixed over NHWC, predicted 12.0 ms, measured 4.0 (1.0 to 7.0). In a profile of "
        "whole steps conversions gain -11.0 ms, alone -4.0; the rest gains -1.0 ms, assumed none; "
    )
    assert missed.count("Missed:") == 1
    assert "In NHWC convolutions are 62 % of a step, norms and pools 13 %" in out


def operator(part: str, name: str, ms: float) -> Operator:
    return Operator(part=part, name=name, ms=ms)  # type: ignore[arg-type]


def test_a_miss_names_the_operators_of_the_part_that_explains_most() -> None:
    """Conversions of the mixed side take 7 ms more than alone, in two operators."""
    mix = made_mix()
    assert mix.steps
    *pure, mixed = mix.steps.in_step
    clones = (
        operator("conversions", "clone", 9.0),
        operator("conversions", "copy", 2.0),
        operator("conversions", "empty", 0.04),
        operator("rest", "add", 70.0),
    )
    mixed = msgspec.structs.replace(mixed, operators=clones)
    named = msgspec.structs.replace(mix.steps, in_step=(*pure, mixed))
    out = told(made_layouts(msgspec.structs.replace(mix, steps=named)))
    assert "conversions gain -11.0 ms, alone -4.0 (clone -9.0, copy -2.0); the rest gains" in out


def test_on_a_gpu_caches_are_told() -> None:
    record = made_layouts(made_mix(), memory=DeviceMemory(cache_bytes=50 * 2**20))
    out = told(record)
    assert "exceed the L2 cache of 50 MiB four times" in out
    assert "cache" not in told(made_layouts(made_mix()))


def test_a_model_of_others_has_rows_and_the_reason_why_there_is_no_mix() -> None:
    record = made_layouts(model="torchvision:resnext50_32x4d")
    assert record.layouts
    found = msgspec.structs.replace(record.layouts, why="not ours")
    out = told(msgspec.structs.replace(record, layouts=found))
    assert "layer1.0.conv2 x2 forward 5.00 8.00 0.62" in out
    assert "56 x 56; " not in out, "the size of a map is not that of the images"
    assert "no best mix is chosen for this model: how its maps flow is known of networks of" in out


def rows_told(*changes: dict[str, Any], **more: Any) -> str:
    record = made_layouts(**more)
    assert record.layouts
    rows = [
        msgspec.structs.replace(row, **change)
        for row, change in zip(record.layouts.rows, changes, strict=False)
    ]
    found = msgspec.structs.replace(record.layouts, rows=tuple(rows))
    return told(msgspec.structs.replace(record, layouts=found))


def test_short_times_have_three_figures_as_well() -> None:
    out = rows_told({"nhwc_us": 51.2, "nchw_us": 81.94})
    assert "forward 0.0512 0.0819 0.62" in out
    assert "geometric means of 12 rounds, 2 threads" in out


def test_what_is_wrong_is_not_said_to_be_unable_to_run() -> None:
    """The first operation is wrong in NCHW; the second one failed."""
    none = {"ratio": None, "p": None, "q": None}
    conv = made_layouts().convolutions[0]
    nchw = msgspec.structs.replace(conv, layout="nchw")
    problems = tuple(
        Problem(convolution=at, operation="forward", plans=(made_plan(1000.0, notes=notes),))
        for at, notes in ((0, ()), (2, ("wrong",)))
    )
    out = rows_told(
        {**none, "why": "its result is wrong"},
        {**none, "why": "could not create a primitive"},
        convolutions=(*made_layouts().convolutions, nchw),
        problems=problems,
        wrong=1,
    )
    assert "The result of 1 operation is wrong in a layout." in out
    assert "1 operation could not run in both." in out
    assert out.count("could not run") == 1


def test_a_busy_machine_is_told() -> None:
    timing = made_layouts().timing
    assert timing
    busy = msgspec.structs.replace(timing, load_1min=2.2)
    assert "the load average was 2.2 when it began" in told(made_layouts(timing=busy))
    assert "load average" not in told(made_layouts())


@pytest.mark.parametrize("gain", [about(1, 3), about(-29, 4)])
def test_no_run_is_offered_that_gains_nothing(gain: Estimate) -> None:
    mix = made_mix()
    first = msgspec.structs.replace(mix.versus[0], measured_ms=gain)
    mix = msgspec.structs.replace(mix, versus=(first, *mix.versus[1:]))
    assert "--other-layout" not in told(made_layouts(mix))
    unmeasured = without_steps()
    assert "--other-layout" in told(made_layouts(unmeasured))
    first = msgspec.structs.replace(unmeasured.versus[0], predicted_ms=gain)
    mix = msgspec.structs.replace(unmeasured, versus=(first, *unmeasured.versus[1:]))
    assert "--other-layout" not in told(made_layouts(mix))


def test_noise_is_told_once_in_the_same_words() -> None:
    mix = made_mix()
    both = {"predicted_ms": about(1, 3), "measured_ms": about(1, 3)}
    first = msgspec.structs.replace(mix.versus[0], **both)
    out = told(made_layouts(msgspec.structs.replace(mix, versus=(first, *mix.versus[1:]))))
    assert "measured 0.2 % (-0.4 to 0.8); neither can be told from noise" in out


def test_predictions_that_hold_are_said_to() -> None:
    mix = made_mix()
    first = msgspec.structs.replace(mix.versus[0], predicted_ms=about(5, 1))
    out = told(made_layouts(msgspec.structs.replace(mix, versus=(first, *mix.versus[1:]))))
    assert "Predictions lie within the intervals" in out
    assert "Missed" not in out


def test_a_gain_that_may_be_none_is_said_to() -> None:
    mix = made_mix()
    first = msgspec.structs.replace(mix.versus[0], measured_ms=about(1, 3))
    out = told(made_layouts(msgspec.structs.replace(mix, versus=(first, *mix.versus[1:]))))
    assert "measured 0.2 % (-0.4 to 0.8), which cannot be told from noise" in out


def test_without_whole_steps_there_is_only_a_prediction() -> None:
    out = told(made_layouts(without_steps()))
    assert "predicted to gain 12.0 ms a step over NHWC, the better pure layout." in out
    assert "Missed" not in out
    assert "whole step" not in out


def test_a_choice_that_was_luck_is_said_to_be() -> None:
    mix = without_steps()
    first = msgspec.structs.replace(mix.versus[0], predicted_ms=about(-2, 3))
    out = told(made_layouts(msgspec.structs.replace(mix, versus=(first, *mix.versus[1:]))))
    assert "predicted to gain -2.0 ms a step over NHWC, the better pure layout, by the" in out
    assert "the rounds that did not choose it, which cannot be told from noise" in out


def test_a_pure_layout_may_be_the_best_choice() -> None:
    out = told(made_layouts(pure()))
    assert "the best choice is NHWC for all 2 convolutions, norms and pools" in out
    assert "--other-layout" not in out


@pytest.mark.parametrize(("gain", "side"), [(3.0, "nhwc"), (-3.0, "nchw")])
def test_the_better_pure_layout_is_the_measured_one(gain: float, side: str) -> None:
    mix = made_mix()
    last = msgspec.structs.replace(mix.versus[2], measured_ms=about(gain, 1))
    assert better_pure(msgspec.structs.replace(mix, versus=(*mix.versus[:2], last))) == side


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, frozenset()),
        ({"status": "invalid", "why": "mixed: cores lost"}, {"invalid"}),
        ({"status": "failed", "why": "nothing could run"}, {"failed"}),
    ],
)
def test_what_it_comes_to(changes: dict[str, Any], outcome: set[str]) -> None:
    record = made_layouts(made_mix(), **changes)
    assert CONVS.outcomes(record) == outcome
    assert changes.get("why", "") in told(record)


def test_a_row_of_the_table_for_each_operation() -> None:
    (table,) = (one for one in CONVS.tables if one.name == "layouts")
    rows = list(table.rows(made_layouts(made_mix())))
    assert [row["operation"] for row in rows][:2] == ["forward", "input gradient"]
    assert [row["is_apart"] for row in rows] == [True, True, False, True]
    assert rows[0].keys() == table.columns().keys()

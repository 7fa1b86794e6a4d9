"""Sections on cuDNN's plans, and on layouts that are mixed."""

from typing import Any

import msgspec
import pytest

from resnext_bench.convs.times.device_jobs import TimedPlan, TimedProblem
from resnext_bench.lab.visit.convs_layouts import short
from resnext_bench.lab.visit.pages.layers import layers
from resnext_bench.lab.visit.results import Results
from resnext_bench.lab.visit.tasks import plain
from resnext_bench.reports.schema.plan_times import Fault, Times
from tests.lab.visit.pages.made import part, task
from tests.lab.visit.pages.made_convs import made_convs
from tests.lab.visit.pages.made_visit import made_results
from tests.lab.visit.pages.read import headings, paragraphs, row, sections_of, tables
from tests.reports.made_layouts import made_layouts, made_mix
from tests.reports.made_plan_times import made_choices, samples


def timed(tag: str, us: float) -> TimedPlan:
    return TimedPlan(tag=tag, workspace=0, times=Times(samples_us=samples(us)))


def results_with(found: dict[str, dict[str, Any]]) -> Results:
    tasks = {key: task(one) for key, one in found.items()}
    return made_results(convs=part({**made_convs(), **tasks}))


def made_plans() -> dict[str, Any]:
    """The best of three takes half of what PyTorch's choice does, and one is wrong."""
    wrong = TimedPlan(tag="eng6", workspace=0, times=Times(faults=(Fault(kind="wrong"),)))
    problem = TimedProblem(
        sets=1,
        plans=(timed("eng1", 220.0), timed("eng2", 200.0), timed("eng3", 100.0), wrong),
        choices=made_choices(),
    )
    return {
        "type": "bf16",
        "layout": "nhwc",
        "layers": ["layer1.0.conv2", "layer1.1.conv2"],
        "bytes": 257_000_000,
        "flop": 1,
        "problems": {"forward": plain(problem)},
    }


def test_plans_have_a_line_for_each_direction_that_was_timed() -> None:
    found = sections_of(results_with({"plans/128@56": made_plans()}))
    assert "cuDNN's plans" in headings(found)
    cells = row(found, "128@56 ×2")
    assert cells[1:4] == ["forward", "200.0", "100.0"]
    # 257 MB at the measured copy bandwidth, 85 % of 3,352 GB/s.
    assert float(cells[4]) == pytest.approx(257e6 / (0.85 * 3352e3), rel=0.01)
    assert str(cells[5]).startswith("50.0 (")
    assert cells[6:] == ["eng3", "3 of 4", "1"]


@pytest.mark.parametrize("problems", [{}, {"forward": {"sets": "none"}}])
def test_plans_without_anything_timed_have_no_section(problems: dict[str, Any]) -> None:
    """A task that was cut at once, and one of another version."""
    found = sections_of(results_with({"plans/128@56": made_plans() | {"problems": problems}}))
    assert "cuDNN's plans" not in headings(found)


def test_layouts_are_told_with_their_choice_and_what_it_missed() -> None:
    record = msgspec.to_builtins(made_layouts(made_mix()))
    results = results_with({"layouts/256": {"record": short(record)}})
    found = sections_of(results)
    assert "Layouts, mixed" in headings(found)
    said = paragraphs(found)
    assert "batch 256: resnext50_32x4d on Example CPU: NHWC against NCHW, 4 operations" in said
    assert "the best choice is mixed: 1 of 3 convolutions in NCHW" in said
    assert "Missed: mixed over NHWC, predicted 12.0 ms" in said
    titles = [one.title for one in tables(found)]
    assert "bf16, ms a step" in titles
    assert "layouts" not in {one.typed for one in layers(results)}


def test_a_record_of_layouts_that_cannot_be_read_has_no_section() -> None:
    found = sections_of(results_with({"layouts/256": {"record": {"kind": "later"}}}))
    assert "Layouts, mixed" not in headings(found)

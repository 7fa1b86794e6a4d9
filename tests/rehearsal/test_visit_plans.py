"""The visit's tasks of plans, on a device that is a script, and on a CPU."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.convs.measuring.frontend import Frontend
from resnext_bench.lab.visit.convs_plans import ROUNDS, measure
from resnext_bench.lab.visit.pages.layers import layers
from resnext_bench.lab.visit.parts import convs
from resnext_bench.lab.visit.parts.convs import convolutions_of
from resnext_bench.lab.visit.sizes import MINIATURE
from resnext_bench.lab.visit.tasks import Findings, carry_out
from resnext_bench.reports.schema.convs import OPERATIONS
from tests.lab.visit.made import made_book, made_box
from tests.rehearsal.fake_steps import settings_kept
from tests.rehearsal.made_cudnn import RIGHT, Log, MadeCudnn, MadeDevice
from tests.rehearsal.test_plans import nothing_is_slow

pytestmark = pytest.mark.rehearsal
__all__ = ["nothing_is_slow"]
CONV = convolutions_of(MINIATURE, "bf16")[0]


def measured(folder: Path, *plans: str, seconds: float = 60.0) -> Findings:
    log = Log()
    library: Any = MadeCudnn(log, plans)
    device, findings = MadeDevice(log), Findings()
    with settings_kept():
        box = made_box(folder, seconds)
        box = replace(box, sizes=replace(box.sizes, choices=1))
        measure(CONV, box, findings, device, Frontend(library, device.stream))
    return findings


def test_all_operations_are_stored_with_all_plans(tmp_path: Path) -> None:
    findings = measured(tmp_path, *RIGHT[:2])
    assert list(findings.found["problems"]) == list(OPERATIONS)
    for one in findings.found["problems"].values():
        assert [plan["tag"] for plan in one["plans"]] == list(RIGHT[:2])
        assert [len(plan["times"]["samples_us"]) for plan in one["plans"]] == [ROUNDS] * 2
    assert findings.wrong == []


def test_wrong_plans_are_wrong_results_of_the_visit(tmp_path: Path) -> None:
    findings = measured(tmp_path, RIGHT[0], "eng6_wrong", "eng4_half")
    assert [one.partition(": off by")[0] for one in findings.wrong[:2]] == [
        "forward eng6_wrong",
        "forward eng4_half: leaves NaN in its result",
    ]
    assert len(findings.wrong) == 2 * len(OPERATIONS)


def test_a_box_without_time_cuts_the_task(tmp_path: Path) -> None:
    findings = measured(tmp_path, *RIGHT, seconds=0)
    assert findings.found["cut"]
    assert findings.found["problems"] == {}


def test_a_miniature_skips_them_with_a_reason_and_pages_do_without(tmp_path: Path) -> None:
    book, box = made_book(tmp_path), made_box(tmp_path)
    planned = [one for one in convs.tasks(box) if one.key.startswith("plans/")]
    assert len(planned) == len(convolutions_of(MINIATURE, "bf16"))
    carry_out("convs", book, box, planned)
    for task in book.results.part("convs").tasks.values():
        assert (task.state, task.why) == ("skipped", "cuDNN runs no plan without a GPU")
    told = replace_state(book.results)
    assert layers(told) == []


def replace_state(results: Any) -> Any:
    """The same with tasks that were done, as on a GPU."""
    from msgspec.structs import replace as changed

    part = results.part("convs")
    tasks = {
        key: changed(task, state="done", found={"problems": {}}) for key, task in part.tasks.items()
    }
    return changed(results, parts={**results.parts, "convs": changed(part, tasks=tasks)})

"""Which part of training a row belongs to."""

from pathlib import Path

from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made

GLOO = 7000


def communication(made: Made, folder: Path) -> tuple[int, int, int, int]:
    """ns in forward, backward, optimizer and none of them."""
    found = report(analyse(made.write(folder)))
    (row,) = [one for one in found.classes if one.cls == "communication"]
    return row.forward_ns, row.backward_ns, row.optimizer_ns, row.other_ns


def annotated() -> Made:
    made = Made().step(0, 0, 1000)
    for name, start, length in (
        ("forward", 10, 300),
        ("backward", 320, 400),
        ("optimizer", 730, 90),
    ):
        made.row("user_annotation", f"## {name} ##", start, length)
    return made.op("aten::add", 20, 10)


def span(made: Made, start: float, length: float) -> Made:
    return made.row("user_annotation", "gloo:all_reduce", start, length, tid=GLOO)


def test_a_span_of_gloo_belongs_to_the_part_in_which_it_begins(tmp_path: Path) -> None:
    made = annotated()
    for start, length in ((15, 5), (500, 300), (310, 7), (850, 20)):
        span(made, start, length)
    assert communication(made, tmp_path) == (5_000, 300_000, 0, 27_000)


def test_without_parts_it_belongs_to_none(tmp_path: Path) -> None:
    made = span(Made().step(0, 0, 1000).op("aten::add", 20, 10), 100, 50)
    assert communication(made, tmp_path) == (0, 0, 0, 50_000)


def test_parts_by_autograd_alone(tmp_path: Path) -> None:
    """Of a program that names no parts; the operator that queues the span lies around it."""
    made = Made().step(0, 0, 1000)
    made.op("autograd::engine::evaluate_function: torch::autograd::AccumulateGrad", 100, 20)
    made.op("c10d::allreduce_", 105, 4)
    assert communication(span(made, 106, 300), tmp_path) == (0, 304_000, 0, 0)

"""All plans of cuDNN for grouped convolutions: PyTorch's choice, the best plan, and the floor."""

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any, Final

import msgspec

from resnext_bench.convs.times.device_jobs import TimedProblem
from resnext_bench.lab.visit.pages.roofs import Roofs
from resnext_bench.lab.visit.pages.tables import headed, table
from resnext_bench.lab.visit.pages.words import NONE, Notes, number, remarks
from resnext_bench.lab.visit.results import Results, Task
from resnext_bench.lab.visit.sizes import PLANS
from resnext_bench.reports.figures.plan_gaps import COMPARED, Gap, gap_between
from resnext_bench.reports.render.model import Code, Paragraph, Section, Text, inline
from resnext_bench.reports.schema.convs import OPERATIONS, Plan
from resnext_bench.reports.stats.effects import to_percent

_HEAD: Final = (
    *("layer", "direction", "PyTorch, µs", "best plan, µs", "floor, µs", "lost, %", "best plan"),
    *("plans timed", "wrong"),
)


def plans(results: Results) -> Iterator[Section]:
    """Yield a line for each direction of each layer whose plans were timed; nothing without any."""
    told = {
        key.partition("/")[2]: task
        for key, task in results.told("convs").items()
        if key.partition("/")[0] == PLANS
    }
    notes, bandwidth = Notes(), Roofs.of(results).bytes_per_s
    rows = (row for name, task in told.items() for row in _rows(name, task, bandwidth, notes))
    yield from headed("cuDNN's plans", _introduced(table(_HEAD, rows, notes=notes)))


def _introduced(sections: Iterator[Section]) -> Iterator[Section]:
    found = tuple(sections)
    if found:
        yield Paragraph(text=_words())
        yield from found


def _words() -> Text:
    return inline(
        "Every plan that cuDNN lists for a grouped convolution in bf16 and NHWC, run through its "
        "frontend beside PyTorch's own choice (cuDNN benchmark, ",
        Code(COMPARED),
        "), with tensors that are not in the L2 cache. Half of the rounds choose the best plan, "
        "and the others give its time; PyTorch may never take it. Lost: what the best would save "
        "of PyTorch's time, with its interval over rounds. The floor is each operand moved once at "
        "the measured copy bandwidth.",
    )


def _rows(
    name: str, task: Task, bandwidth: float | None, notes: Notes
) -> Iterator[tuple[str, ...]]:
    found = task.found
    mark, count = notes.mark(remarks(task)), max(1, len(found.get("layers", ())))
    moved = found.get("bytes")
    floor_us = 1e6 * moved / bandwidth if moved and bandwidth else None
    for operation in OPERATIONS:
        problem = _problem(found, operation)
        if problem is None:
            continue
        yield (f"{name} ×{count}{mark}", operation, *_cells(problem, count, floor_us))
        mark = ""


def _problem(found: Mapping[str, Any], operation: str) -> TimedProblem | None:
    """Return what was found of an operation; None where it is missing, or of another version."""
    try:
        return msgspec.convert(found["problems"][operation], TimedProblem)
    except (KeyError, msgspec.ValidationError):
        return None


def _cells(problem: TimedProblem, count: int, floor_us: float | None) -> tuple[str, ...]:
    listed = [Plan(tag=one.tag, samples_us=one.times.samples_us) for one in problem.plans]
    gap = gap_between(listed, problem.choices, times=count, floor_us=floor_us)
    kinds = [{fault.kind for fault in one.times.faults} for one in problem.plans]
    wrong = sum(bool(one & {"wrong", "unwritten"}) for one in kinds)
    timed = sum(bool(plan.samples_us) for plan in listed)
    return (*_gap(gap, floor_us), f"{timed} of {len(listed)}", str(wrong) if wrong else NONE)


def _gap(gap: Gap | None, floor_us: float | None) -> tuple[str, str, str, str, str]:
    floor = number(floor_us) if floor_us else NONE
    if gap is None:
        return NONE, NONE, floor, NONE, NONE
    return number(fmean(gap.torch_us)), number(fmean(gap.best_us)), floor, _lost(gap), gap.best.tag


def _lost(gap: Gap) -> str:
    """Return the share of PyTorch's time that the best plan does not take, with its interval."""
    lost = gap.lost
    share, low, high = (-to_percent(-one) for one in (lost.estimate, lost.low, lost.high))
    return f"{share:.1f} ({low:.1f} to {high:.1f})" if lost.is_known else f"{share:.1f} ({NONE})"

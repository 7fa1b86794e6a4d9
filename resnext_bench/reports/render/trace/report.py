"""Renders a kernel-time report: where a step goes, what takes it, what to doubt."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from resnext_bench.reports.render.model import Line, Row, Section, Summary, bar, summary
from resnext_bench.reports.render.trace import (
    advice,
    alone,
    graphs,
    host,
    products,
    rates,
    tables,
    warnings,
)
from resnext_bench.reports.render.trace.layer_rows import Chosen
from resnext_bench.reports.render.trace.layers import layers
from resnext_bench.reports.render.trace.memory_line import peak_line
from resnext_bench.reports.render.trace.time import at_most, left_out, steps_from
from resnext_bench.reports.render.trace.waits import waits
from resnext_bench.reports.render.trace.words import each, ms, percent, period, span
from resnext_bench.reports.schema.trace import RanksReport, Steps, TraceReport

_HOST_PARTS: Final = {"compute": "in operators", "idle": "outside operators"}
"""What the parts of a step are called where only the host is known."""
_CAUSES: Final = {
    "host between launches": "host late with the next launch",
    "launch latency, dependency": "launched, not started yet",
    "synchronisation": "host waits in a synchronisation",
    "no operator (Python, framework)": "Python, framework",
}
"""What the causes of idle time mean, where their names do not say it."""
_IN_RANGE: Final = {"no more work until the end": "no more work in the range"}
_BAR_AND_MEANING: Final = 29
"""Characters of a part's meaning and its bar together, beside the longest name of a part."""
_MOSTLY_IDLE: Final = 0.5
"""Share of the steps' time from which on the host, which the device waits for, is told first."""
TOP: Final = 15
"""Rows of a table unless it is told how many."""
_FEW: Final = 5
"""Likewise of a table that only adds to others."""
_OUTSIDE: Final = "Out-of-range"
"""What kineto calls records outside the window that it was asked to record."""
FEWEST_OF_HALF = 8
"""Fewest steps for which the middle half is worth showing."""


def sections(
    report: TraceReport, top: int | None = None, chosen: Chosen | None = None
) -> Iterator[Section]:
    """Yield one report, with each table cut after `top` rows; `chosen`: which modules."""
    few, top = top or _FEW, top or TOP
    if report.alone:
        yield from warnings.lead(report)
        yield advice.none_given()
    else:
        yield from advice.sections(report)
    yield _summary(report)
    yield Line(text=from_here(report.file), tone="dim", is_command=True)
    waiting, work = list(host.waiting(report, few)), list(_work(report, top, few, chosen))
    is_idle = sum(report.steps.idle_ns) >= _MOSTLY_IDLE * report.sums.step_ns
    yield from (*waiting, *work) if is_idle else (*work, *waiting)
    yield from host.rest(report, top, few)
    yield from peak_line(report.memory, from_here(report.file))
    yield from warnings.rest(report)


def _work(report: TraceReport, top: int, few: int, chosen: Chosen | None) -> Iterator[Section]:
    """Yield the tables of what ran."""
    if report.classes and not (report.alone and report.alone.is_certain):
        yield tables.classes(report)
        yield from products.sections(report, top)
    if report.kernels:
        yield tables.kernels(report, top)
    if report.convs:
        yield tables.convs(report, top)
        yield from rates.spaced(rates.explained(report.convs[:top], report.on))
    yield from layers(report, top, chosen or Chosen())
    if report.layout.rows:
        yield tables.layout(report, few)


def ranks_sections(found: RanksReport) -> Iterator[Section]:
    """Yield all ranks, and what their collectives say about each other."""
    yield tables.ranks(found)
    if found.collectives:
        yield tables.collectives(found)
        yield from waits(found)
    yield from warnings.overview(found)


def _summary(report: TraceReport) -> Summary:
    groups = (part(report) for part in (_step_rows, _cause_rows, _trust_rows))
    return summary(*groups, title=f"{alone.title(report)}{_rank(report)}")


def from_here(path: str) -> str:
    """Return a path as short as it can be typed; it is not wrapped, so that it can be copied."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path


def _rank(report: TraceReport) -> str:
    if report.rank is None or (report.world_size or 1) < 2:
        return ""
    backend = f" ({report.backend})" if report.backend else ""
    return f", rank {report.rank} of {report.world_size}{backend}"


def _step_rows(report: TraceReport) -> Iterator[Row]:
    steps = report.steps
    if not steps.step_ns:
        yield from alone.host_step(report)
        return
    yield period(report), _length(report)
    whole = sum(steps.step_ns)
    parts = {
        "compute": (steps.compute_ns, "operators run" if report.device is None else "kernels run"),
        "exposed communication": (
            steps.exposed_communication_ns,
            "only communication runs",
        ),
        "exposed copy, fill": (steps.exposed_copy_ns, "only copies or fills run"),
        "idle": (steps.idle_ns, "no operator runs" if report.device is None else "nothing runs"),
    }
    hidden = {"exposed communication"} if not report.sums.communication_ns else set()
    hidden |= {"exposed copy, fill"} if report.alone else set()
    parts = {name: part for name, part in parts.items() if name not in hidden}
    width = max(len(meaning) for _, meaning in parts.values())
    bars = _BAR_AND_MEANING - width + (3 if "exposed communication" in hidden else 0)
    for name, (part, meaning) in parts.items():
        share = sum(part) / whole
        mean = ms(sum(part) / len(part))
        told = _HOST_PARTS.get(name, name) if report.alone else name
        yield told, f"{mean:>8} ms {percent(share)}  {meaning:<{width}}  {bar(share, bars)}"


def _length(report: TraceReport) -> str:
    told = f", {span(report)}" if period(report) == "range" else ""
    return f"{_spread(report.steps)}{told}"


def _spread(steps: Steps) -> str:
    """Return the mean step, to which its parts add up, and the spread of steps."""
    step = np.array(steps.step_ns)
    low, median, high = np.percentile(step, [25, 50, 75])
    if len(step) == 1:
        return f"{ms(median):>8} ms"
    spread = f"median {ms(median)}, middle half {ms(low)} to {ms(high)}"
    if len(step) < FEWEST_OF_HALF:
        spread = f"from {ms(float(step.min()))} to {ms(float(step.max()))}"
    return f"{ms(float(step.mean())):>8} ms mean of {len(step)}; {spread}"


def _cause_rows(report: TraceReport) -> Iterator[Row]:
    for number, row in enumerate(report.idle):
        name = "" if number else "why outside" if report.alone else "idle by cause"
        in_range = _IN_RANGE if period(report) == "range" else {}
        told = in_range.get(row.cause) or _CAUSES.get(row.cause, row.cause)
        yield name, f"{each(report, row.total_ns):>8} ms {percent(row.share)}  {told}"
    sums = report.sums
    yield "work", _work_told(report)
    if sums.communication_ns:
        exposed = each(report, sum(report.steps.exposed_communication_ns))
        whole = each(report, sums.communication_ns)
        busy = each(report, sums.communication_busy_ns)
        ran = "" if busy == whole else f"; it ran for {busy} ms"
        part = "all of it" if exposed == whole else f"{exposed} ms of which were"
        told = f"{whole:>8} ms in all{ran}, {part} exposed"
        yield "communication", told
    if report.layout.total_ns:
        tax, whole = report.layout, period(report)
        yield (
            "layout tax",
            (
                f"{each(report, tax.total_ns):>8} ms {percent(tax.share_of_step)} of the {whole}, "
                f"{100 * tax.share_of_compute:.1f} % of the kernels' time without communication"
            ),
        )
    if report.tensor_cores and report.tensor_cores.eligible_ns:
        yield "tensor cores", _tensor_cores(report)


def _work_told(report: TraceReport) -> str:
    """Return the durations of all work, and how long any of it ran where that is less."""
    sums, on_device = report.sums, report.device is not None
    what = "device work" if on_device else "operator"
    if not sums.work_ns:
        where = "any step" if period(report) == "step" else f"this {period(report)}"
        return f"no {what} in {where}"
    busy, work = each(report, sums.busy_ns), each(report, sums.work_ns)
    told = "kernels, copies and fills, added up" if on_device else "operators, added up"
    ran = f"the device was busy for {busy} ms" if on_device else f"any of them ran for {busy} ms"
    return f"{work:>8} ms of {told}" + ("" if busy == work else f"; {ran}")


def _tensor_cores(report: TraceReport) -> str:
    cores = report.tensor_cores
    assert cores
    parts = {
        "on them": cores.used_ns,
        "not": cores.not_used_ns,
        "unknown": cores.unknown_ns,
    }
    told = [f"{100 * ns / cores.eligible_ns:.1f} % {name}" for name, ns in parts.items() if ns]
    work = f"{each(report, cores.eligible_ns):>8} ms of convolutions and matrix products"
    return f"{work}: {', '.join(told)}"


def _trust_rows(report: TraceReport) -> Iterator[Row]:
    trust = report.trust
    if trust.steps_marked:
        lag = trust.lag_steps or 0.0
        told = f"; the device trails the host by {lag:.1f} steps" if lag >= 0.1 else ""
        yield "steps", f"{trust.steps_used} of {trust.steps_marked} used{told}"
    if trust.steps_from.kind not in ("profiler", "range"):
        yield ("" if trust.steps_marked else "steps"), steps_from(trust.steps_from)
    for why in trust.excluded:
        yield "", f"left out: {left_out(why)}"
    if report.device is not None and report.sums.work_ns:
        yield (
            "linked",
            (
                f"{at_most(trust.linked_launch)} of device time to its launch, "
                f"{at_most(trust.linked_operator)} to an operator, "
                f"{at_most(trust.linked_step)} to a step"
            ),
        )
        if trust.by_time:
            yield (
                "",
                (f"{trust.by_time:,} rows without a launch, assigned to the step they ran in"),
            )
        if trust.earlier:
            yield "", f"{trust.earlier:,} rows launched before the trace, in no step"
        yield from graphs.rows(report)
    if trust.linked_layer:
        whose = "steps'" if period(report) == "step" else f"{period(report)}'s"
        yield "layers", f"{100 * trust.linked_layer:.1f} % of the {whose} work"
    yield from _lost(trust.dropped)
    yield "read", f"{report.events:,} events, {report.size / 2**20:,.1f} MiB"


def _lost(dropped: dict[str, int]) -> Iterator[Row]:
    """Yield what the profiler did not write; records of before and after are no loss."""
    outside = {name: count for name, count in dropped.items() if name.endswith(_OUTSIDE)}
    if outside:
        many = sum(outside.values())
        yield "outside", f"{many:,} records outside the recorded window ({_OUTSIDE})"
    if lost := {name: count for name, count in dropped.items() if name not in outside}:
        told = ", ".join(f"{name} = {count:,}" for name, count in lost.items())
        yield "dropped", f"by the profiler itself: {told}"

"""Renders a kernel-time report: where a step goes, what takes it, what to doubt."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from resnext_bench.reports.render.bars import bar
from resnext_bench.reports.render.model import Line, Row, Section, Summary, summary
from resnext_bench.reports.render.trace import advice, alone, host, products, rates, tables
from resnext_bench.reports.render.trace.layer_rows import Chosen
from resnext_bench.reports.render.trace.layers import layers
from resnext_bench.reports.render.trace.time import at_most, steps_from
from resnext_bench.reports.render.trace.waits import waits
from resnext_bench.reports.render.trace.words import each, ms, percent
from resnext_bench.reports.schema.trace import RanksReport, Steps, TraceReport

_HOST_PARTS: Final = {"compute": "in operators", "idle": "in none"}
"""What the parts of a step are called where only the host is known."""
_CAUSES: Final = {
    "host between launches": "host late with the next launch",
    "launch latency, dependency": "launched, but not begun yet",
    "synchronisation": "host waits in a synchronisation",
}
"""What the causes of idle time mean, where their names do not say it."""
FEWEST_OF_HALF = 8
"""Fewest steps for which the middle half is worth showing."""


def sections(report: TraceReport, top: int, chosen: Chosen | None = None) -> Iterator[Section]:
    """Yield one report, with each table cut after `top` rows; `chosen`: which modules."""
    if report.alone:
        yield from alone.lead(report)
        yield advice.none_given()
    else:
        yield from advice.sections(report)
    yield _summary(report)
    yield Line(text=_from_here(report.file), tone="dim", is_command=True)
    if report.classes and not (report.alone and report.alone.is_certain):
        yield tables.classes(report)
        yield from (Line(text=line, tone="dim") for line in _of_classes(report))
        yield Line(text="")
        yield from products.sections(report, top)
    if report.kernels:
        yield tables.kernels(report, top)
    if report.convs:
        yield tables.convs(report, top)
        yield from rates.spaced(rates.explained(report.convs[:top], report.on))
    yield from layers(report, top, chosen or Chosen())
    if report.layout.rows:
        yield tables.layout(report, top)
    yield from host.sections(report, top)
    yield from warnings(alone.rest(report))


def ranks_sections(found: RanksReport) -> Iterator[Section]:
    """Yield all ranks, and what their collectives say about each other."""
    yield tables.ranks(found)
    if found.collectives:
        yield tables.collectives(found)
        yield from waits(found)
    yield from warnings(found.warnings)


def warnings(told: Sequence[str]) -> Iterator[Line]:
    """Yield what to doubt, a line each."""
    yield from (Line(label="warning", text=warning) for warning in told)


def _of_classes(report: TraceReport) -> Iterator[str]:
    """Yield explanations of the table of classes."""
    forward, other = (
        sum(getattr(row, name) for row in report.classes) for name in ("forward_ns", "other_ns")
    )
    if other and not forward:
        yield "other: outside backward and optimizer; this trace does not mark a forward pass"
    elif other:
        yield "other: in none of these passes, such as data and copies to the device"
    if any(row.cls == "conv backward" for row in report.classes):
        what = "undetermined, of the input or the weight: neither names nor launches tell"
        yield f"conv backward: {what if report.device is not None else 'both gradients at once'}"


def _summary(report: TraceReport) -> Summary:
    groups = (part(report) for part in (_step_rows, _cause_rows, _trust_rows))
    return summary(*groups, title=f"{alone.title(report)}{_rank(report)}")


def _from_here(path: str) -> str:
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
    yield "range" if report.trust.steps_from.kind == "range" else "step", _spread(steps)
    whole = sum(steps.step_ns)
    parts = {
        "compute": (steps.compute_ns, "operators run" if report.device is None else "kernels run"),
        "exposed communication": (
            steps.exposed_communication_ns,
            "no operator" if report.alone else "no compute runs",
        ),
        "exposed copy, fill": (steps.exposed_copy_ns, "neither runs"),
        "idle": (steps.idle_ns, "nothing runs"),
    }
    for name, (part, meaning) in parts.items():
        if name == "exposed communication" and not report.sums.communication_ns:
            continue
        if report.alone and name == "exposed copy, fill":
            continue
        share = sum(part) / whole
        mean = ms(sum(part) / len(part))
        told = _HOST_PARTS.get(name, name) if report.alone else name
        yield told, f"{mean:>8} ms {percent(share)}  {meaning:<15}  {bar(share, 14)}"


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
        name = "" if number else "in none, why" if report.alone else "idle by cause"
        told = _CAUSES.get(row.cause, row.cause)
        yield name, f"{each(report, row.total_ns):>8} ms {percent(row.share)}  {told}"
    sums = report.sums
    busy, work = each(report, sums.busy_ns), each(report, sums.work_ns)
    if report.device is not None:
        told = f"kernels, copies and fills, added up; the device was busy for {busy} ms"
    else:
        told = f"operators, added up; any of them ran for {busy} ms"
    yield "work", f"{work:>8} ms of {told}"
    if sums.communication_ns:
        exposed = each(report, sum(report.steps.exposed_communication_ns))
        busy = each(report, sums.communication_busy_ns)
        yield (
            "communication",
            (
                f"{each(report, sums.communication_ns):>8} ms in all; it ran for {busy} ms, "
                f"{exposed} ms of which were exposed"
            ),
        )
    if report.layout.total_ns:
        tax = report.layout
        yield (
            "layout tax",
            (
                f"{each(report, tax.total_ns):>8} ms {percent(tax.share_of_step)} of the step, "
                f"{100 * tax.share_of_compute:.1f} % of the kernels' time"
            ),
        )
    if report.tensor_cores and report.tensor_cores.eligible_ns:
        yield "tensor cores", _tensor_cores(report)


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
    if trust.steps_from.kind != "profiler":
        yield ("" if trust.steps_marked else "steps"), steps_from(trust.steps_from)
    for why in trust.excluded:
        yield "", f"left out: {why}"
    if report.device is not None:
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
    if trust.linked_layer:
        yield "layers", f"{100 * trust.linked_layer:.1f} % of the steps' work"
    if trust.dropped:
        lost = ", ".join(f"{name} = {count:,}" for name, count in trust.dropped.items())
        yield "dropped", f"by the profiler itself: {lost}"
    yield "read", f"{report.events:,} events, {report.size / 2**20:,.1f} MiB"

"""Renders what is said where a trace holds the host alone, though a device worked."""

from collections.abc import Iterator

from resnext_bench.reports.render.model import Line, Row
from resnext_bench.reports.render.trace.words import ms, per, period
from resnext_bench.reports.schema.trace import TraceReport


def lead(report: TraceReport) -> Iterator[Line]:
    """Yield what a reader must know before any figure."""
    if report.alone:
        yield from (Line(label="warning", text=told) for told in report.alone.warnings)


def rest(report: TraceReport) -> list[str]:
    """Return the warnings that do not lead."""
    leading = report.alone.warnings if report.alone else []
    return [told for told in report.warnings if told not in leading]


def title(report: TraceReport) -> str:
    """Return what the summary is about."""
    if not report.alone:
        what = "a step" if period(report) == "step" else f"the time {per(report)}"
        return f"where {what} goes on {report.on}"
    device = f" ({report.alone.accelerator})" if report.alone.accelerator else ""
    return f"what the host did; the work of its device{device} is not known"


def host_step(report: TraceReport) -> Iterator[Row]:
    """Yield how long a step took on the host, where nothing says how it splits."""
    steps = report.alone.host_step_ns if report.alone and report.alone.is_certain else []
    if not steps or not report.trust.steps_used:
        return
    mean = ms(sum(steps) / len(steps))
    many = f" mean of {len(steps)}" if len(steps) > 1 else ""
    yield "step on the host", f"{mean:>8} ms{many}"

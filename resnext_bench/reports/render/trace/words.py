"""Figures of a kernel-time report and of its advice as text; times are given in ns."""

from resnext_bench.reports.render.model import Code
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice


def each(report: TraceReport, ns: int) -> str:
    """Return milliseconds per step: the mean of the used ones."""
    return ms(ns / _steps(report))


def count_each(report: TraceReport, count: int) -> str:
    """Return how many per step, as a whole number from ten on."""
    mean = count / _steps(report)
    return f"{mean:,.0f}" if mean == round(mean) or mean >= 10 else f"{mean:,.1f}"


def period(report: TraceReport) -> str:
    """Return what the figures are of: a step, the range that was asked for, or the whole trace."""
    kind = report.trust.steps_from.kind
    return {"range": "range", "whole": "trace"}.get(kind, "step")


def per(report: TraceReport) -> str:
    """Return "per step", or "in the range" or "in the trace" where nothing is a mean of steps."""
    name = period(report)
    return "per step" if name == "step" else f"in the {name}"


def span(report: TraceReport) -> str:
    """Return from when to when a range is, as short as it was typed."""
    found = report.trust.steps_from
    begin, end = (f"{round((ns or 0) / 1e6, 6):.12g}" for ns in (found.from_ns, found.to_ns))
    return f"from {begin} to {end} ms"


def of_steps(report: TraceReport) -> str:
    """Return of how many steps figures are the mean, in parentheses; nothing without steps."""
    if period(report) != "step":
        return ""
    steps = _steps(report)
    return f" (mean of {steps} steps)" if steps > 1 else " (one step)"


def _steps(report: TraceReport) -> int:
    """Return how many steps figures are of; a report on the host alone does not list them."""
    return len(report.steps.step_ns) or max(1, report.trust.steps_used)


def percent(share: float) -> str:
    """Return a fraction in per cent, padded so that columns align."""
    return f"{100 * share:5.1f} %"


def ms(ns: float) -> str:
    """Return milliseconds from ns, with as many places as are meaningful."""
    value = ns / 1e6
    if 0 < value < 0.0005:
        return "<0.001"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def us(ns: float) -> str:
    """Return microseconds from ns, with as many places as are meaningful."""
    value = ns / 1e3
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def size(count: int) -> str:
    """Return bytes in a unit that suits them; less than 0 with their sign."""
    for unit, each in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(count) >= each:
            value = count / each
            return f"{value:,.0f} {unit}" if abs(value) >= 999.5 else f"{value:.3g} {unit}"
    return f"{count} B"


def number(one: Advice, name: str) -> int:
    """Return a figure that a piece rests on."""
    value = one.evidence[name]
    assert isinstance(value, int)
    return value


def of_ms(report: TraceReport, one: Advice, name: str) -> str:
    """Return a time of a piece, per step."""
    return f"{each(report, number(one, name))} ms"


def option(report: TraceReport, ours: str, pytorch: str) -> Code:
    """Return an option of this program for its own traces, and what PyTorch has for others."""
    return Code(ours if report.host.by_us else pytorch)

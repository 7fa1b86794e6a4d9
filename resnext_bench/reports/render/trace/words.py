"""Figures of a kernel-time report as text; times are given in ns."""

from resnext_bench.reports.schema.trace import TraceReport


def each(report: TraceReport, ns: int) -> str:
    """Return milliseconds per step: the mean of the used ones."""
    return ms(ns / max(1, len(report.steps.step_ns)))


def count_each(report: TraceReport, count: int) -> str:
    """Return how many per step."""
    mean = count / max(1, len(report.steps.step_ns))
    return f"{mean:,.0f}" if mean == round(mean) else f"{mean:,.1f}"


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

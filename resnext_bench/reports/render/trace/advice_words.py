"""Figures of a piece of advice as text, and what an option is called."""

from resnext_bench.reports.render.model import Code
from resnext_bench.reports.render.trace.words import each
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice


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

"""One piece of advice: a kind with the most that it can save, and the figures it rests on."""

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice, AdviceKind
from resnext_bench.reports.trace.kernels.tables import share


def piece(
    report: TraceReport, kind: AdviceKind, gain_ns: int, **evidence: int | float | str
) -> Advice:
    """Return a piece; no more than the whole can be saved."""
    step_ns = report.sums.step_ns
    gain_ns = min(gain_ns, step_ns)
    return Advice(kind=kind, gain_ns=gain_ns, share=share(gain_ns, step_ns), evidence=evidence)

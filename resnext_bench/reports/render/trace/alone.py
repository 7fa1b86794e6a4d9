"""Renders what is said where a trace holds the host alone, though a device worked."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.render.model import Row
from resnext_bench.reports.render.trace.words import ms, per, period
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_files import Evidence, HostAlone
from resnext_bench.wording import count_of

_SIGNS: Final = frozenset({"calls", "backend", "annotations", "operators"})
"""What only devices have, though it shows none of their work."""
_NAMED: Final = 3
"""Names that a sentence tells."""
_POSSIBLE: Final = (
    "possible reasons: the profiler may not read the device (CUPTI without permission), another "
    "one holds it (DCGM, Nsight), it was not asked for (ProfilerActivity.CUDA), or all kernels ran "
    "outside the recorded time (Out-of-range)"
)


def sentences(found: HostAlone) -> Iterator[str]:
    """Yield what shows that a device worked, and why its work may not be in the trace."""
    by_kind = {one.kind: one for one in found.evidence}
    if launches := by_kind.get("launches"):
        many = "launch" if launches.count == 1 else "launches"
        yield (
            f"{launches.count:,} {many} ({listed(launches.what)}), and no kernel in the trace: "
            "the device's work was not recorded, and what follows is the host alone; "
            f"{_reasons(found)}"
        )
    elif copies := by_kind.get("copies"):
        yield (
            f"{copies.count:,} copies or fills ({listed(copies.what)}), and no work of a device "
            f"in the trace: it was not recorded, and what follows is the host alone; "
            f"{_reasons(found)}"
        )
    if rows := by_kind.get("rows"):
        many = "row is" if rows.count == 1 else "rows are"
        yield (
            f"{rows.count:,} {many} of a device that this report does not understand "
            f"({listed(rows.what)}): what follows is the host alone"
        )
    if by_kind.keys() <= _SIGNS:
        signs = "; ".join(map(_sign, found.evidence))
        yield (
            f"a device worked ({signs}), and the trace holds none of its work: what follows is the "
            "host alone; was the profiler asked for the device (ProfilerActivity.CUDA)?"
        )


def _sign(one: Evidence) -> str:
    if one.kind == "backend":
        return f"ranks talk by {listed(one.what)}"
    if one.kind == "calls":
        return f"{count_of(one.count, 'call')} in category {listed(one.what)}"
    return f"{count_of(one.count, one.kind.removesuffix('s'))} such as {one.what[0]}"


def _reasons(found: HostAlone) -> str:
    """Return what the profiler itself says of the reason, else what is known to cause it."""
    return f"the profiler says {listed(found.errors)}" if found.errors else _POSSIBLE


def listed(names: Sequence[str]) -> str:
    """List the first of many names."""
    more = f" and {len(names) - _NAMED} others" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


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

"""What to change first: facts of a report that name a cause, each with the most it can save.

A gain is a bound, not a promise. No step gets shorter than the time in which its device is busy, so
that nothing which concerns the host saves more than the idle time; and what takes so long on the
host, or so long in kernels, saves no more than that when it is gone. Where the device idles for
half of the time or more, shorter kernels would only make it idle longer: then none are proposed.
"""

import re
from collections.abc import Iterator
from typing import Final

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice, AdviceKind, BlockingRow
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.collectives import exposed
from resnext_bench.reports.trace.host.copies import is_batch, to_device
from resnext_bench.reports.trace.host.cores import tensor_cores
from resnext_bench.reports.trace.host.ddp import Beside, buffers, copies_of_gradients, is_ddp
from resnext_bench.reports.trace.idle import Cause
from resnext_bench.reports.trace.kernels.tables import share
from resnext_bench.reports.trace.names.classes import ELIGIBLE, Class, TensorCore
from resnext_bench.reports.trace.reading.trace import Kind
from resnext_bench.reports.trace.time.links import of_names
from resnext_bench.reports.trace.time.steps import MISSING

MOST: Final = 3
LEAST: Final = 0.03
"""Share of the steps' time below which a gain is not worth a line."""
_TRUSTED: Final = 0.9
"""Least share of device time that must be linked to its launch."""
_HALF: Final = 0.5
_FEW_GAPS: Final = 5
"""Per step: where as few make up half of the idle time, it is they that matter."""
_MANY_KERNELS: Final = 8
"""Per step: fewer are an optimizer that updates many parameters at once."""
_LAUNCH: Final = re.compile(r"\w*(Launch\w*Kernel|ModuleLaunch|GraphLaunch)")
_ALLOCATION: Final = re.compile(r"\w*(Malloc|Free|Alloc)")
_WAITS: Final = (AdviceKind.ALLOCATION, AdviceKind.HOST_TENSORS, AdviceKind.BLOCKING)
_FP32: Final = re.compile(r"sgemm|scudnn|f32f32|\bfloat\b|simt_s|Cijk_\w+_SB_")
_FP16: Final = re.compile(r"(?i)half|bf16|bfloat|f16|hgemm|hcudnn")
_FUSABLE: Final = frozenset({"SGD", "Adam", "AdamW", "Adagrad"})
"""Optimizers of PyTorch that take fused=True."""


def advice(report: TraceReport, analysis: Analysis) -> list[Advice]:
    """Return at most three pieces, the largest gain first; only one where a trace says too little.

    `report` is complete but for them.
    """
    doubts = list(_doubts(report, analysis))
    if doubts:
        return doubts[:1]
    worth = [one for one in _all(report, analysis) if one.share >= LEAST]
    return sorted(worth, key=lambda one: (-one.gain_ns, one.kind))[:MOST]


def _doubts(report: TraceReport, analysis: Analysis) -> Iterator[Advice]:
    """Yield reasons not to believe where the time went."""
    missing, launches = analysis.steps.missing, report.host.launches
    if report.device is None:
        if _launches_without_device(analysis):
            yield _piece(report, AdviceKind.UNTRUSTED, 0, reason="no kernels")
        return
    if missing > MISSING:
        yield _piece(report, AdviceKind.UNTRUSTED, 0, reason="missing", missing=missing)
    if launches and not launches.calls:
        yield _piece(report, AdviceKind.UNTRUSTED, 0, reason="no launches")
    elif launches and launches.linked < _TRUSTED:
        yield _piece(report, AdviceKind.UNTRUSTED, 0, reason="unlinked", linked=launches.linked)


def _launches_without_device(analysis: Analysis) -> bool:
    host, names = analysis.trace.host, analysis.trace.names
    named = of_names(names, lambda name: 1 if _LAUNCH.match(name) else None) > 0
    return bool((named[host.name] & (host.kind == Kind.LAUNCH)).any())


def _all(report: TraceReport, analysis: Analysis) -> Iterator[Advice]:
    idle_ns = sum(report.steps.idle_ns)
    idles = idle_ns >= _HALF * report.sums.step_ns
    yield from _of_idle(report, idle_ns)
    yield from _of_communication(report, analysis)
    if report.device is None:
        return
    yield from _of_blocking(report, analysis, idle_ns)
    yield from _of_ddp(report, analysis)
    yield from _optimizer(report)
    if not idles:
        yield from _layout(report)
        yield from _precision(report, analysis)
        yield from _fusion(report)


def _of_idle(report: TraceReport, idle_ns: int) -> Iterator[Advice]:
    host, causes = report.host, {row.cause: row.total_ns for row in report.idle}
    loading = causes.get(Cause.LOADING, 0)
    if loading >= LEAST * report.sums.step_ns:
        yield _piece(
            report,
            AdviceKind.LOADING,
            min(idle_ns, max(loading, host.loading_ns)),
            idle_ns=loading,
            host_ns=host.loading_ns,
            alone=int(host.loads_alone),
        )
    python_ns = causes.get(Cause.NO_OPERATOR, 0)
    if python_ns >= _HALF * idle_ns > 0:
        yield _piece(report, AdviceKind.PYTHON, python_ns, compiled=int(host.is_compiled))
    host_ns, latency_ns = causes.get(Cause.HOST, 0), causes.get(Cause.LAUNCH, 0)
    if host.launches and host_ns + latency_ns >= _HALF * idle_ns > 0:
        yield from _of_launches(report, idle_ns, host_ns, latency_ns)


def _of_launches(
    report: TraceReport, idle_ns: int, host_ns: int, latency_ns: int
) -> Iterator[Advice]:
    """Yield what the device waits for: many launches, something between a few, or their effect.

    Where graphs are all that is launched, there is nothing left to capture.
    """
    host, launches = report.host, report.host.launches
    assert launches
    how = {"graphs": launches.graphs, "compiled": int(host.is_compiled), "gaps": host.gap_count}
    captured = launches.graphs == launches.calls
    if latency_ns > host_ns:
        if not captured:
            yield _piece(report, AdviceKind.LATENCY, idle_ns, latency_ns=latency_ns, **how)
        return
    if captured or host.gaps_of_half <= _FEW_GAPS * max(1, len(report.steps.number)):
        longest = host.gaps[0]
        yield _piece(
            report,
            AdviceKind.LONG_GAPS,
            idle_ns,
            host_ns=host_ns,
            gaps=host.gaps_of_half,
            longest_ns=longest.length_ns,
            doing=longest.doing,
            doing_kind=longest.doing_kind,
        )
        return
    yield _piece(
        report,
        AdviceKind.LAUNCHES,
        idle_ns,
        host_ns=host_ns,
        kernels=launches.kernels,
        median_ns=launches.median_ns,
        calls_ns=launches.calls_ns,
        operators=host.operators.count if host.operators else 0,
        operators_ns=host.operators.busy_ns if host.operators else 0,
        **how,
    )


def _of_blocking(report: TraceReport, analysis: Analysis, idle_ns: int) -> Iterator[Advice]:
    """Yield what allocations, copies to the device and other calls that wait cost.

    A synchronisation that no operator asks for is left out in traces of ours: it ends the
    last step of a profiled run, and each one in traces of earlier versions.
    """
    rows = [row for row in report.host.blocking if row.operator or not report.host.by_us]
    copied = _only_to_device(rows)
    kinds: dict[AdviceKind, list[BlockingRow]] = {}
    for row in rows:
        kinds.setdefault(_kind(row, copied), []).append(row)
    exposed_ns, copies = sum(report.steps.exposed_copy_ns), to_device(analysis)
    copied_ns = {
        AdviceKind.COPIES: min(exposed_ns, copies.batches_ns),
        AdviceKind.HOST_TENSORS: min(exposed_ns, copies.tensors_ns),
    }
    for kind in (*_WAITS, AdviceKind.COPIES):
        these = kinds.get(kind, [])
        also = copied_ns.get(kind, 0)
        total_ns = sum(row.total_ns for row in these)
        if total_ns or (also and kind is AdviceKind.COPIES):
            yield _piece(
                report,
                kind,
                min(idle_ns, total_ns) + also,
                call=these[0].call if these else "",
                operator=these[0].operator if these else "",
                count=sum(row.count for row in these),
                total_ns=total_ns,
                exposed_ns=also,
                pageable=copies.pageable,
            )


def _only_to_device(rows: list[BlockingRow]) -> set[str]:
    """Return operators that copy to the device, and nowhere else."""
    ways: dict[str, set[str]] = {}
    for row in rows:
        if row.copies:
            ways.setdefault(row.operator, set()).add(row.copies)
    return {operator for operator, found in ways.items() if found == {"HtoD"}}


def _kind(row: BlockingRow, copied: set[str]) -> AdviceKind:
    if _ALLOCATION.match(row.call):
        return AdviceKind.ALLOCATION
    if row.operator not in copied or not (row.operator or row.copies):
        return AdviceKind.BLOCKING
    return AdviceKind.COPIES if is_batch(row.operator) else AdviceKind.HOST_TENSORS


def _optimizer(report: TraceReport) -> Iterator[Advice]:
    work = report.host.optimizer
    if work is None or work.style == "fused":
        return
    can_fuse = work.name in _FUSABLE
    many = work.kernels > _MANY_KERNELS * max(1, len(report.steps.number))
    if can_fuse or (many and work.style == "single"):
        yield _piece(
            report,
            AdviceKind.OPTIMIZER,
            work.work_ns + work.idle_ns,
            kernels=work.kernels,
            work_ns=work.work_ns,
            idle_ns=work.idle_ns,
            style=work.style,
            name=work.name,
            fusable=int(can_fuse),
        )


def _layout(report: TraceReport) -> Iterator[Advice]:
    """Yield what transforms cost, where the network is not in the format of its kernels already."""
    formats = {row.input_format for row in report.convs}
    first = any(one.startswith("NC") for one in formats)
    if report.layout.total_ns and (first or not formats or formats == {"unknown"}):
        yield _piece(
            report,
            AdviceKind.LAYOUT,
            report.layout.total_ns,
            share_of_compute=report.layout.share_of_compute,
            known=int(first),
        )


def _precision(report: TraceReport, analysis: Analysis) -> Iterator[Advice]:
    """Yield what is lost by products in fp32 beside tensor cores that would take them."""
    slow = [
        row
        for row in report.kernels
        if row.cls in ELIGIBLE and row.tensor_core == TensorCore.NO and _is_fp32(row.name)
    ]
    cores = tensor_cores(report, analysis)
    if slow and cores.any:
        yield _piece(
            report,
            AdviceKind.PRECISION,
            sum(row.total_ns for row in slow),
            eligible_ns=report.tensor_cores.eligible_ns if report.tensor_cores else 0,
            tf32=int(cores.tf32),
            type=cores.half,
        )


def _is_fp32(name: str) -> bool:
    return bool(_FP32.search(name)) and not _FP16.search(name)


def _fusion(report: TraceReport) -> Iterator[Advice]:
    """Yield what kernels cost that move memory between others and could be part of them."""
    if report.host.is_compiled:
        return
    by = {row.cls: row.total_ns for row in report.classes}
    elementwise, norm = by.get(Class.ELEMENTWISE, 0), by.get(Class.NORM, 0)
    if elementwise + norm:
        yield _piece(
            report,
            AdviceKind.FUSION,
            elementwise + norm,
            elementwise_ns=elementwise,
            norm_ns=norm,
        )


def _of_communication(report: TraceReport, analysis: Analysis) -> Iterator[Advice]:
    """Yield what communication is exposed, with what it is."""
    exposed_ns = sum(report.steps.exposed_communication_ns)
    if not exposed_ns:
        return
    most = exposed(analysis)
    yield _piece(
        report,
        AdviceKind.COMMUNICATION,
        exposed_ns,
        total_ns=report.sums.communication_busy_ns,
        world=report.world_size or 0,
        collective=most.collective.value,
        collective_ns=most.exposed_ns,
        backward=int(most.is_backward),
        ddp=int(is_ddp(analysis.trace)),
        fsdp=int(any(_is_fsdp(name) for name in analysis.trace.names)),
    )


def _is_fsdp(name: str) -> bool:
    return name.startswith(("FullyShardedDataParallel", "FSDP::", "fsdp::"))


def _of_ddp(report: TraceReport, analysis: Analysis) -> Iterator[Advice]:
    """Yield what sending buffers and copying gradients cost."""
    kinds = {
        AdviceKind.BUFFERS: buffers(analysis),
        AdviceKind.BUCKET_VIEW: copies_of_gradients(analysis),
    }
    for kind, found in kinds.items():
        if found is not None:
            yield _of_beside(report, kind, found)


def _of_beside(report: TraceReport, kind: AdviceKind, found: Beside) -> Advice:
    return _piece(
        report,
        kind,
        min(sum(report.steps.idle_ns), found.host_ns) + found.alone_ns,
        count=found.count,
        host_ns=found.host_ns,
        idle_ns=found.idle_ns,
        ended_ns=found.ended_ns,
        alone_ns=found.alone_ns,
    )


def _piece(
    report: TraceReport, kind: AdviceKind, gain_ns: int, **evidence: int | float | str
) -> Advice:
    """Return a piece; no more than the whole can be saved."""
    step_ns = report.sums.step_ns
    gain_ns = min(gain_ns, step_ns)
    return Advice(kind=kind, gain_ns=gain_ns, share=share(gain_ns, step_ns), evidence=evidence)

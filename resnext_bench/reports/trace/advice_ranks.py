"""What to change in how ranks talk: what is exposed, and what DistributedDataParallel adds."""

from collections.abc import Iterator

from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice, AdviceKind
from resnext_bench.reports.trace.advice_piece import piece
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.host.collectives import exposed
from resnext_bench.reports.trace.host.ddp import Beside, buffers, copies_of_gradients, is_ddp


def of_communication(report: TraceReport, analysis: Analysis) -> Iterator[Advice]:
    """Yield what communication is exposed, with what it is."""
    exposed_ns = sum(report.steps.exposed_communication_ns)
    if not exposed_ns:
        return
    most = exposed(analysis)
    yield piece(
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


def of_ddp(report: TraceReport, analysis: Analysis) -> Iterator[Advice]:
    """Yield what sending buffers and copying gradients cost."""
    kinds = {
        AdviceKind.BUFFERS: buffers(analysis),
        AdviceKind.BUCKET_VIEW: copies_of_gradients(analysis),
    }
    for kind, found in kinds.items():
        if found is not None:
            yield _of_beside(report, kind, found)


def _of_beside(report: TraceReport, kind: AdviceKind, found: Beside) -> Advice:
    return piece(
        report,
        kind,
        min(sum(report.steps.idle_ns), found.host_ns) + found.alone_ns,
        count=found.count,
        host_ns=found.host_ns,
        idle_ns=found.idle_ns,
        ended_ns=found.ended_ns,
        alone_ns=found.alone_ns,
    )

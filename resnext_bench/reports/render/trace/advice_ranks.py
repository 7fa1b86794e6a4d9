"""What to change in how ranks talk, in words: remedies go by what is exposed."""

from typing import Final

from resnext_bench.reports.render.model import Code, Text, inline
from resnext_bench.reports.render.trace.words import count_each, each, number, of_ms, option, per
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice

_MOSTLY: Final = 0.5
_LATE: Final = "see which rank is late (report on the folder with the traces of all ranks)"


def communication(report: TraceReport, one: Advice) -> str:
    """Return how much of it is exposed, and what most of that is."""
    exposed, of = each(report, one.gain_ns), of_ms(report, one, "total_ns")
    kind, most_ns = str(one.evidence["collective"]), number(one, "collective_ns")
    told = ""
    if kind != "other" and most_ns >= _MOSTLY * one.gain_ns:
        told = f" ({kind}: {each(report, most_ns)})"
    return f"Nothing is computed for {exposed} of {of} of communication{told}."


def overlap(report: TraceReport, one: Advice) -> Text:
    """Return what helps, by what is exposed; that a rank is late always may be the reason."""
    if number(one, "collective_ns") < _MOSTLY * one.gain_ns:
        return inline(_LATE)
    match one.evidence["collective"]:
        case "all-reduce" if number(one, "ddp") and number(one, "backward"):
            buckets = option(report, "--bucket-mib", "bucket_cap_mb")
            hook = option(report, "--ddp-comm-hook bf16", "bf16_compress_hook")
            return inline(
                "see whether another rank is late; else overlap it (",
                *(buckets, ") or send less (", hook, ")"),
            )
        case "all-to-all":
            early = Code("async_op=True")
            return inline(_LATE, "; else begin it earlier (", early, "), or send a smaller type")
        case "all-gather, reduce-scatter" if number(one, "fsdp"):
            ahead = Code("forward_prefetch=True")
            keep = Code("SHARD_GRAD_OP")
            return inline(_LATE, "; else gather ahead (", ahead, ") or less often (", keep, ")")
        case "broadcast" if number(one, "ddp"):
            return inline(_LATE, "; else ", _NO_BUFFERS, _IF_UNSHARED)
        case _:
            return inline(_LATE)


_NO_BUFFERS: Final = Code("DistributedDataParallel(broadcast_buffers=False)")
_IF_UNSHARED: Final = ", if ranks need not share statistics of BatchNorm"


def buffers(report: TraceReport, one: Advice) -> str:
    """Return what sending buffers takes."""
    count = count_each(report, number(one, "count"))
    return (
        f"Before the model's forward pass DDP sends its buffers ({count} broadcasts "
        f"{per(report)}): it "
        f"takes {_took(report, one)}."
    )


def keep_buffers(report: TraceReport, one: Advice) -> Text:
    """Return how to send none."""
    return inline(_NO_BUFFERS, _IF_UNSHARED)


def bucket_view(report: TraceReport, one: Advice) -> str:
    """Return what copying gradients takes."""
    count = count_each(report, number(one, "count"))
    return (
        f"DDP copies gradients between its buckets and parameters one by one ({count} "
        f"{per(report)}): "
        f"it takes {_took(report, one)}."
    )


def view_buckets(report: TraceReport, one: Advice) -> Text:
    """Return how to copy none."""
    return inline(option(report, "--gradient-as-bucket-view", "gradient_as_bucket_view=True"))


def _took(report: TraceReport, one: Advice) -> str:
    """Return what the host and the device lose by it."""
    told = f"the host {of_ms(report, one, 'host_ns')}"
    if number(one, "idle_ns"):
        told += f", and the device idles for {of_ms(report, one, 'idle_ns')} of them"
    if number(one, "alone_ns"):
        told += f"; for {of_ms(report, one, 'alone_ns')} nothing else runs on the device"
    return told

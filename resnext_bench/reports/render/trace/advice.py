"""What to change first, in words: what a figure says, and the option or call that changes it.

Traces of `run --profile` are answered in this program's options, others in PyTorch's names.
"""

from collections.abc import Callable, Iterator
from typing import Final

from resnext_bench.reports.render.kernel_names import short
from resnext_bench.reports.render.model import (
    Code,
    Row,
    Section,
    Text,
    inline,
    summary,
)
from resnext_bench.reports.render.trace.headline import headline
from resnext_bench.reports.render.trace.words import count_each, each, percent, us
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice, AdviceKind
from resnext_bench.wording import count_of

_TITLE: Final = "what to change first"
_GAINS: Final = ", with the most that each can save per step"


def sections(report: TraceReport) -> Iterator[Section]:
    """Yield what a step comes to in one sentence, and what to change."""
    yield from headline(report)
    if report.advice:
        rows = (row for one in report.advice for row in _rows(report, one))
        gains = any(one.gain_ns for one in report.advice)
        yield summary(rows, title=f"{_TITLE}{_GAINS if gains else ''}")


def _rows(report: TraceReport, one: Advice) -> Iterator[Row]:
    """Yield the gain with what a figure says, and below it what to do."""
    if one.kind is AdviceKind.UNTRUSTED:
        yield "the trace itself", _untrusted(one)
        return
    yield f"{each(report, one.gain_ns):>5} ms {percent(one.share)}", _SAID[one.kind](report, one)
    yield "", inline("→ ", _TODO[one.kind](report, one))


def _number(one: Advice, name: str) -> int:
    value = one.evidence[name]
    assert isinstance(value, int)
    return value


def _ms(report: TraceReport, one: Advice, name: str) -> str:
    return f"{each(report, _number(one, name))} ms"


def _untrusted(one: Advice) -> str:
    match one.evidence["reason"]:
        case "no kernels":
            told = (
                "it has launches and no kernels; record the device as well "
                "(ProfilerActivity.CUDA), or see why the profiler got nothing from it"
            )
        case "no launches":
            told = "it has kernels and no launches; record the host as well (ProfilerActivity.CPU)"
        case "missing":
            told = (
                f"{one.evidence['missing']:.0%} of its launches have no kernel; record fewer steps"
            )
        case _:
            lost = 1 - float(one.evidence["linked"])
            told = f"for {lost:.0%} of the device's time the launch is missing; record more steps"
    return f"this trace is too incomplete for advice: {told}"


def _launches(report: TraceReport, one: Advice) -> str:
    launches = report.host.launches
    assert launches
    many = count_each(report, launches.calls)
    if launches.graphs:
        what = f"{many} launches per step, graphs among them"
    else:
        half = f"half of them shorter than {us(launches.median_ns)} us"
        what = f"{many} kernels per step one by one, {half}"
    return f"The device waits for the host, which issues {what}."


def _fewer_launches(report: TraceReport, one: Advice) -> Text:
    graphs = _option(
        report, "--compile-mode reduce-overhead", 'torch.compile(mode="reduce-overhead")'
    )
    if _number(one, "graphs"):
        return inline("capture more of the step in CUDA graphs: ", graphs)
    if _number(one, "compiled"):
        return inline("use CUDA graphs: ", graphs)
    compiled = _option(report, "--compile", "torch.compile")
    return inline("launch fewer: ", compiled, ", or CUDA graphs: ", graphs)


def _latency(report: TraceReport, one: Advice) -> str:
    late, gaps = _ms(report, one, "latency_ns"), count_each(report, _number(one, "gaps"))
    return (
        f"Kernels that were launched in time begin late: {late} in {gaps} gaps per step, by "
        "latency or for other streams."
    )


def _long_gaps(report: TraceReport, one: Advice) -> str:
    gaps = count_of(_number(one, "gaps"), "gap")
    longest = report.host.gaps[0]
    return (
        f"The device waits for the host; {gaps} of {report.host.gap_count:,} make up half of it. "
        f"In the longest the host was in {_doing(longest.doing, longest.doing_kind)}."
    )


def _doing(name: str, kind: str) -> str:
    if kind == "none":
        return "Python or the framework, outside of operators"
    return "something that the trace does not tell" if kind == "unknown" else short(name)


def _see_gaps(report: TraceReport, one: Advice) -> str:
    return "see the longest gaps below"


def _python(report: TraceReport, one: Advice) -> str:
    return "No operator runs: Python and the framework take the time, the profiler some of it."


def _less_python(report: TraceReport, one: Advice) -> Text | str:
    if _number(one, "compiled"):
        return "see the longest gaps below"
    return inline("run less Python: ", _option(report, "--compile", "torch.compile"))


def _loading(report: TraceReport, one: Advice) -> str:
    where = ", loaded in the training process itself" if _number(one, "alone") else ""
    return f"The device waits {_ms(report, one, 'idle_ns')} for batches{where}."


def _load_faster(report: TraceReport, one: Advice) -> Text:
    if report.host.by_us:
        return inline("load ahead: ", Code("--loader-threads"), ", ", Code("--pipeline dali"))
    return inline("load ahead: ", Code("DataLoader(num_workers=...)"), ", or decode with DALI")


def _blocking(report: TraceReport, one: Advice) -> str:
    who = short(str(one.evidence["operator"])) or "the program itself"
    many, took = count_each(report, _number(one, "count")), _ms(report, one, "total_ns")
    call = one.evidence["call"]
    return f"The host waits for the device {many} times ({took}), most of all in {call} by {who}."


def _read_less(report: TraceReport, one: Advice) -> Text:
    return inline(
        "keep results on the device: ",
        Code(".item()"),
        " or ",
        Code(".cpu()"),
        " now and then only",
    )


def _allocation(report: TraceReport, one: Advice) -> str:
    many, took = count_each(report, _number(one, "count")), _ms(report, one, "total_ns")
    call = one.evidence["call"]
    return f"Memory is allocated or freed {many} times ({took}), most of all by {call}."


def _allocate_less(report: TraceReport, one: Advice) -> Text:
    return inline(
        "warm up first; no ",
        Code("torch.cuda.empty_cache()"),
        "; ",
        Code("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"),
    )


def _copies(report: TraceReport, one: Advice) -> str:
    told = []
    if _number(one, "count"):
        told.append(f"the host waits {_ms(report, one, 'total_ns')} for them")
    if _number(one, "exposed_ns") > 0.1 * one.gain_ns:
        told.append(f"for up to {_ms(report, one, 'exposed_ns')} nothing else runs")
    which = "from pageable memory " if _number(one, "pageable") else ""
    return f"Copies {which}to the device: {', '.join(told)}."


def _copy_ahead(report: TraceReport, one: Advice) -> Text:
    if report.host.by_us:
        return inline("copy ahead: ", Code("--pipeline dali"))
    ahead = inline(Code(".to(device, non_blocking=True)"), " ahead of use")
    if _number(one, "pageable"):
        return inline("pin it (", Code("pin_memory=True"), "), ", ahead)
    return ahead


def _communication(report: TraceReport, one: Advice) -> str:
    took = _ms(report, one, "total_ns")
    return f"Nothing is computed for {each(report, one.gain_ns)} of {took} of communication."


def _overlap(report: TraceReport, one: Advice) -> Text:
    buckets = _option(report, "--bucket-mib", "bucket_cap_mb")
    hook = _option(report, "--ddp-comm-hook bf16", "bf16_compress_hook")
    late = "see whether another rank is late; else overlap it ("
    return inline(late, buckets, ") or send less (", hook, ")")


def _layout(report: TraceReport, one: Advice) -> str:
    share = report.layout.share_of_compute
    return f"Kernels turn NCHW into NHWC and back: {100 * share:.1f} % of the kernels' time."


def _channels_last(report: TraceReport, one: Advice) -> Text:
    call = "model.to(memory_format=torch.channels_last)"
    return inline(
        _option(report, "--channels-last", call), "" if report.host.by_us else ", inputs too"
    )


def _precision(report: TraceReport, one: Advice) -> str:
    of = _ms(report, one, "eligible_ns")
    told = f"{each(report, one.gain_ns)} of {of} of convolutions and products"
    return f"{told} are fp32 off the tensor cores."


def _lower(report: TraceReport, one: Advice) -> Text:
    amp = _option(report, "--amp", "torch.autocast")
    tf32 = _option(report, "--tf32", 'torch.set_float32_matmul_precision("high")')
    return inline(amp, ", or TF32: ", tf32) if _number(one, "tf32") else inline(amp)


def _fusion(report: TraceReport, one: Advice) -> str:
    parts = {"elementwise kernels": "elementwise_ns", "normalisation": "norm_ns"}
    told = [f"{_ms(report, one, ns)} in {what}" for what, ns in parts.items() if _number(one, ns)]
    return f"The device spends {' and '.join(told)}, which mostly move memory."


def _fuse(report: TraceReport, one: Advice) -> Text:
    return inline("fuse them: ", _option(report, "--compile", "torch.compile"))


def _optimizer(report: TraceReport, one: Advice) -> str:
    kernels = count_each(report, _number(one, "kernels"))
    work, idle = _ms(report, one, "work_ns"), _ms(report, one, "idle_ns")
    return (
        f"The optimizer's {kernels} kernels run for {work}, and the device waits {idle} for them."
    )


def _fuse_optimizer(report: TraceReport, one: Advice) -> Text:
    if not _number(one, "fusable"):
        return inline(Code("foreach=True"))
    name = one.evidence["name"]
    return inline(
        "update all at once: ", _option(report, "--fused-optimizer", f"{name}(fused=True)")
    )


def _option(report: TraceReport, ours: str, pytorch: str) -> Code:
    return Code(ours if report.host.by_us else pytorch)


_Words = Callable[[TraceReport, Advice], Text | str]
_SAID: Final[dict[AdviceKind, _Words]] = {
    AdviceKind.LAUNCHES: _launches,
    AdviceKind.LATENCY: _latency,
    AdviceKind.LONG_GAPS: _long_gaps,
    AdviceKind.PYTHON: _python,
    AdviceKind.LOADING: _loading,
    AdviceKind.BLOCKING: _blocking,
    AdviceKind.ALLOCATION: _allocation,
    AdviceKind.COPIES: _copies,
    AdviceKind.COMMUNICATION: _communication,
    AdviceKind.LAYOUT: _layout,
    AdviceKind.PRECISION: _precision,
    AdviceKind.FUSION: _fusion,
    AdviceKind.OPTIMIZER: _optimizer,
}
"""What a figure says."""
_TODO: Final[dict[AdviceKind, _Words]] = {
    AdviceKind.LAUNCHES: _fewer_launches,
    AdviceKind.LATENCY: _fewer_launches,
    AdviceKind.LONG_GAPS: _see_gaps,
    AdviceKind.PYTHON: _less_python,
    AdviceKind.LOADING: _load_faster,
    AdviceKind.BLOCKING: _read_less,
    AdviceKind.ALLOCATION: _allocate_less,
    AdviceKind.COPIES: _copy_ahead,
    AdviceKind.COMMUNICATION: _overlap,
    AdviceKind.LAYOUT: _channels_last,
    AdviceKind.PRECISION: _lower,
    AdviceKind.FUSION: _fuse,
    AdviceKind.OPTIMIZER: _fuse_optimizer,
}
"""What to do about it."""

"""What to change first, in words: what a figure says, and the option or call that changes it.

Traces of `run --profile` are answered in this program's options, others in PyTorch's names.
"""

from collections.abc import Callable, Iterator
from typing import Final

from resnext_bench.reports.render.kernel_names import short
from resnext_bench.reports.render.model import (
    Code,
    Line,
    Row,
    Section,
    Text,
    inline,
    summary,
)
from resnext_bench.reports.render.trace import advice_ranks as ranks
from resnext_bench.reports.render.trace.headline import headline
from resnext_bench.reports.render.trace.words import (
    count_each,
    each,
    number,
    of_ms,
    option,
    per,
    percent,
    us,
)
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice, AdviceKind
from resnext_bench.wording import count_of

_TITLE: Final = "what to change first"
_GAINS: Final = ", with the most that each could save {} (they overlap: do not add them up)"


def sections(report: TraceReport) -> Iterator[Section]:
    """Yield what a step comes to in one sentence, and what to change."""
    yield from headline(report)
    yield from advised(report)


def none_given() -> Line:
    """Return why nothing is proposed where a trace holds the host alone."""
    return Line(text="no advice on what to change first: the device's work is not in the trace")


def advised(report: TraceReport) -> Iterator[Section]:
    """Yield what to change."""
    if report.advice:
        rows = (row for one in report.advice for row in _rows(report, one))
        gains = any(one.gain_ns for one in report.advice)
        yield summary(rows, title=f"{_TITLE}{_GAINS.format(per(report)) if gains else ''}")


def _rows(report: TraceReport, one: Advice) -> Iterator[Row]:
    """Yield the gain with what a figure says, and below it what to do."""
    if one.kind is AdviceKind.UNTRUSTED:
        yield "the trace itself", _untrusted(one)
        return
    yield f"{each(report, one.gain_ns):>5} ms {percent(one.share)}", _SAID[one.kind](report, one)
    yield "", inline("→ ", _TODO[one.kind](report, one))


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
    calls_ns, operators = launches.calls_ns, number(one, "operators")
    took = f"{each(report, calls_ns)} ms"
    many = count_each(report, launches.calls)
    if launches.graphs:
        return (
            f"The device waits for the host; {many} launches {per(report)}, graphs among them, "
            f"take it {took}."
        )
    if not operators:
        return (
            f"The device waits for the host, which launches {many} kernels {per(report)} one by "
            f"one; the calls take {took}."
        )
    in_them = number(one, "operators_ns")
    return (
        f"The device is idle, as the host runs {count_each(report, operators)} operators "
        f"{per(report)} in {each(report, in_them)} ms ({us(in_them / operators)} us each; {many} "
        f"launch calls take {took}). The profiler slows the host: time a step without it first."
    )


def _fewer_launches(report: TraceReport, one: Advice) -> Text:
    graphs = option(
        report, "--compile-mode reduce-overhead", 'torch.compile(mode="reduce-overhead")'
    )
    if number(one, "graphs"):
        return inline("capture more of the step in CUDA graphs: ", graphs)
    if number(one, "compiled"):
        return inline("use CUDA graphs: ", graphs)
    return inline("run fewer from Python: ", graphs, ", which uses CUDA graphs")


def _latency(report: TraceReport, one: Advice) -> str:
    late, gaps = of_ms(report, one, "latency_ns"), count_each(report, number(one, "gaps"))
    return (
        f"Kernels that were launched in time begin late: {late} in {gaps} gaps {per(report)}, by "
        "latency or for other streams."
    )


def _long_gaps(report: TraceReport, one: Advice) -> str:
    gaps = count_of(number(one, "gaps"), "gap")
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
    if number(one, "compiled"):
        return "see the longest gaps below"
    return inline("run less Python: ", option(report, "--compile", "torch.compile"))


def _loading(report: TraceReport, one: Advice) -> str:
    where = " in the training process itself" if number(one, "alone") else ""
    idle = of_ms(report, one, "idle_ns")
    if number(one, "host_ns") < number(one, "idle_ns"):
        return f"The device waits {idle} for batches{where and f', loaded{where}'}."
    took = of_ms(report, one, "host_ns")
    told = f"Batches take the host {took} {per(report)}{where}"
    return f"{told}; the device idles for {idle} of them."


def _load_faster(report: TraceReport, one: Advice) -> Text:
    if report.host.by_us:
        return inline("load ahead: ", Code("--loader-threads"), ", ", Code("--pipeline dali"))
    return inline("load ahead: ", Code("DataLoader(num_workers=...)"), ", or decode with DALI")


def _blocking(report: TraceReport, one: Advice) -> str:
    who = short(str(one.evidence["operator"])) or "the program itself"
    many, took = count_each(report, number(one, "count")), of_ms(report, one, "total_ns")
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


def _host_tensors(report: TraceReport, one: Advice) -> str:
    took, who = of_ms(report, one, "total_ns"), short(str(one.evidence["operator"]))
    call = str(one.evidence["call"])
    after = " after the copy" if "Synchronize" in call else ""
    return (
        f"{who} is given a tensor of the host and copies it to the device: the host waits {took}, "
        f"most of all in {call}{after}, until the device has got so far."
    )


def _keep_on_device(report: TraceReport, one: Advice) -> Text | str:
    is_index = "index" in str(one.evidence["operator"])
    return f"keep {'the index' if is_index else 'what it is given'} on the device"


def _allocation(report: TraceReport, one: Advice) -> str:
    many, took = count_each(report, number(one, "count")), of_ms(report, one, "total_ns")
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
    if number(one, "count"):
        told.append(f"the host waits {of_ms(report, one, 'total_ns')} for them")
    if number(one, "exposed_ns") > 0.1 * one.gain_ns:
        told.append(f"for up to {of_ms(report, one, 'exposed_ns')} nothing else runs")
    which = "from pageable memory " if number(one, "pageable") else ""
    return f"Copies of batches {which}to the device: {', '.join(told)}."


def _copy_ahead(report: TraceReport, one: Advice) -> Text:
    if report.host.by_us:
        return inline("copy ahead: ", Code("--pipeline dali"))
    ahead = inline(Code(".to(device, non_blocking=True)"), " ahead of use")
    if number(one, "pageable"):
        return inline("pin it (", Code("pin_memory=True"), "), ", ahead)
    return ahead


def _layout(report: TraceReport, one: Advice) -> str:
    share = report.layout.share_of_compute
    return f"Kernels turn NCHW into NHWC and back: {100 * share:.1f} % of the kernels' time."


def _channels_last(report: TraceReport, one: Advice) -> Text:
    call = "model.to(memory_format=torch.channels_last)"
    return inline(
        option(report, "--channels-last", call), "" if report.host.by_us else ", inputs too"
    )


def _precision(report: TraceReport, one: Advice) -> str:
    of = of_ms(report, one, "eligible_ns")
    told = f"{each(report, one.gain_ns)} of {of} of convolutions and products"
    return f"{told} are fp32 off the tensor cores."


def _lower(report: TraceReport, one: Advice) -> Text:
    amp = _autocast(report, str(one.evidence["type"]))
    tf32 = option(report, "--tf32", 'torch.set_float32_matmul_precision("high")')
    return inline(*amp, ", or TF32: ", tf32) if number(one, "tf32") else inline(*amp)


def _autocast(report: TraceReport, kind: str) -> tuple[Code | str, ...]:
    """Return mixed precision in a type that the device's tensor cores have."""
    if report.host.by_us:
        return (Code("--amp"),)
    if kind == "bf16":
        return (Code('torch.autocast("cuda", torch.bfloat16)'),)
    if kind == "fp16":
        return Code('torch.autocast("cuda", torch.float16)'), " with ", Code("GradScaler")
    return (Code("torch.autocast"),)


def _fusion(report: TraceReport, one: Advice) -> str:
    parts = {"elementwise kernels": "elementwise_ns", "normalisation": "norm_ns"}
    told = [f"{of_ms(report, one, ns)} in {what}" for what, ns in parts.items() if number(one, ns)]
    return f"The device spends {' and '.join(told)}, which mostly move memory."


def _fuse(report: TraceReport, one: Advice) -> Text:
    return inline("fuse them: ", option(report, "--compile", "torch.compile"))


def _optimizer(report: TraceReport, one: Advice) -> str:
    kernels = count_each(report, number(one, "kernels"))
    work, idle = of_ms(report, one, "work_ns"), of_ms(report, one, "idle_ns")
    told = f"The optimizer's {kernels} kernels run for {work}"
    return f"{told}, and the device idles for {idle} before them."


def _fuse_optimizer(report: TraceReport, one: Advice) -> Text:
    if not number(one, "fusable"):
        return inline(Code("foreach=True"))
    name = one.evidence["name"]
    return inline("fuse the update: ", option(report, "--fused-optimizer", f"{name}(fused=True)"))


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
    AdviceKind.HOST_TENSORS: _host_tensors,
    AdviceKind.COMMUNICATION: ranks.communication,
    AdviceKind.BUFFERS: ranks.buffers,
    AdviceKind.BUCKET_VIEW: ranks.bucket_view,
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
    AdviceKind.HOST_TENSORS: _keep_on_device,
    AdviceKind.COMMUNICATION: ranks.overlap,
    AdviceKind.BUFFERS: ranks.keep_buffers,
    AdviceKind.BUCKET_VIEW: ranks.view_buckets,
    AdviceKind.LAYOUT: _channels_last,
    AdviceKind.PRECISION: _lower,
    AdviceKind.FUSION: _fuse,
    AdviceKind.OPTIMIZER: _fuse_optimizer,
}
"""What to do about it."""

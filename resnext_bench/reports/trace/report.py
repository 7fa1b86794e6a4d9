"""The kernel-time report of one trace: each part is a module of its own, and here they meet."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace import (
    NO_LAYOUT,
    NO_STEPS,
    IdleRow,
    Steps,
    Sums,
    TensorCores,
    TraceReport,
    Trust,
)
from resnext_bench.reports.schema.trace_files import HostAlone
from resnext_bench.reports.schema.trace_graphs import GraphsUntold
from resnext_bench.reports.schema.trace_host import AdviceKind
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.trace.advice import advice
from resnext_bench.reports.trace.alone import host_alone, unknown_rows
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.header import (
    device_name,
    devices_named,
    distributed_info,
    text,
    whole_number,
)
from resnext_bench.reports.trace.host.host import host
from resnext_bench.reports.trace.idle import idle
from resnext_bench.reports.trace.kernels import tables
from resnext_bench.reports.trace.kernels.calls import conv_calls, conv_rows
from resnext_bench.reports.trace.kernels.device_work import CORES, Work
from resnext_bench.reports.trace.kernels.layout import layout
from resnext_bench.reports.trace.kernels.peaks import peaks
from resnext_bench.reports.trace.kernels.products import product_rows
from resnext_bench.reports.trace.kernels.tables import share
from resnext_bench.reports.trace.layers.layers import layers_of
from resnext_bench.reports.trace.layers.work import origins
from resnext_bench.reports.trace.memory.memory import peaks as memory_peaks
from resnext_bench.reports.trace.names.classes import ELIGIBLE, Class, TensorCore
from resnext_bench.reports.trace.reading.trace import Ids
from resnext_bench.reports.trace.time.identity import identity
from resnext_bench.reports.trace.time.impossible import fact_of
from resnext_bench.reports.trace.time.intervals import Windows
from resnext_bench.reports.trace.time.steps import MISSING
from resnext_bench.reports.trace.time.steps import Steps as Found
from resnext_bench.wording import readable

_DROPPED: Final = re.compile(r"([A-Z][\w \-?]*?) = (\d+)")
_LOSSES: Final = ("Out-of-range", "Invalid ext correlations", "Unexpected CUDA events")
"""Of the counts that kineto writes into INFO those that are records lost."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What figures of a trace are of, and what to doubt of them."""

    on: str
    """Name of the device, `CPU`, or `host alone` where a device's work is not in the trace."""
    alone: HostAlone | None
    facts: list[Note]


def subject(analysis: Analysis) -> Subject:
    """Return what an analysed trace is of."""
    trace, device = analysis.trace, analysis.device
    name = device_name(trace, device)
    host_step_ns = _used(analysis.steps, on_host=True).length.tolist()
    alone = host_alone(trace, analysis.signs, name, host_step_ns)
    facts = [*trace.facts, *_facts(analysis, alone)]
    return Subject(on=_on(name, device, alone), alone=alone, facts=facts)


def report(analysis: Analysis, *, layers: bool = True) -> TraceReport:
    """Return the report of an analysed trace; `layers`: with the modules of the model."""
    found = _without_advice(analysis, layers=layers)
    told = advice(found, analysis)
    if found.alone:  # nothing is proposed for a device of which nothing is known
        told = [one for one in told if one.kind is AdviceKind.UNTRUSTED]
    return msgspec.structs.replace(found, advice=told)


def _without_advice(analysis: Analysis, *, layers: bool) -> TraceReport:
    trace, device, work = analysis.trace, analysis.device, analysis.work
    step_ns = int(_used(analysis.steps).length.sum())
    calls = conv_calls(trace, analysis.links, work)
    module = analysis.places.of(origins(analysis, work.itself))
    short = analysis.places.short(module)
    distributed = distributed_info(trace.header)
    told = whole_number(distributed.get("rank"))
    told_of = subject(analysis)
    on, alone = told_of.on, told_of.alone
    by_host, certain = device is None and alone is not None, alone is not None and alone.is_certain
    most = peaks(on)
    matrices = product_rows(trace, analysis.links, work, step_ns, most)
    return TraceReport(
        file=readable(trace.path),
        size=trace.size,
        events=trace.events,
        on=on,
        device=device,
        rank=analysis.rank if told is None else told,
        world_size=whole_number(distributed.get("world_size")),
        backend=text(distributed.get("backend")),
        trust=_trust(analysis, module),
        sums=_sums(analysis, step_ns),
        steps=NO_STEPS if certain else _steps(analysis),
        classes=tables.classes(work, step_ns),
        kernels=tables.kernels(trace, work, step_ns),
        convs=[] if by_host else conv_rows(trace, work, calls, step_ns, most),
        products=[] if by_host else matrices.products,
        attention=[] if by_host else matrices.attention,
        layout=NO_LAYOUT if by_host else layout(trace, work, calls, short, step_ns),
        tensor_cores=_tensor_cores(work) if device is not None else None,
        idle=[] if certain else _idle(analysis, step_ns),
        host=host(analysis, idles=not certain),
        advice=[],
        layers=layers_of(analysis, most, step_ns) if layers and not certain else None,
        facts=told_of.facts,
        alone=alone,
        graphs=analysis.graphs,
        memory=[] if analysis.steps.source.kind == "range" else memory_peaks(analysis),
    )


def _on(name: str, device: int | None, alone: HostAlone | None) -> str:
    if device is not None:
        return name or f"device {device}"
    return "host alone" if alone else "CPU"


def _trust(analysis: Analysis, module: Ids) -> Trust:
    trace, links, found, work = analysis.trace, analysis.links, analysis.steps, analysis.work
    duration = trace.device.duration

    def linked(which: NDArray[np.bool_]) -> float:
        return share(int(duration[which].sum()), int(duration.sum())) if trace.on_device else 1.0

    return Trust(
        steps_used=found.count if found.marked else 0,
        steps_marked=len(found.numbers) if found.marked else 0,
        steps_from=found.source,
        excluded=list(found.excluded),
        lag_steps=found.lag,
        resolution_ns=trace.resolution_ns,
        dropped=_dropped(trace.header),
        linked_launch=linked(links.launch >= 0),
        linked_operator=linked(links.operator >= 0),
        linked_step=linked(found.of_device >= 0),
        linked_layer=share(int(work.duration[module >= 0].sum()), int(work.duration.sum())),
        by_time=found.by_time,
        earlier=found.earlier,
        impossible=list(analysis.impossible),
    )


def _dropped(header: Mapping[str, Any]) -> dict[str, int]:
    """What kineto says it lost: `Record counts: Out-of-range = 4181, ...` in INFO."""
    told = header.get("INFO")
    lines = [one for one in told if isinstance(one, str)] if isinstance(told, list) else []
    counts = [pair for line in lines if "Record counts" in line for pair in _DROPPED.findall(line)]
    return {
        name.removeprefix("Record counts: "): int(count)
        for name, count in counts
        if int(count) and any(name.endswith(loss) for loss in _LOSSES)
    }


def _sums(analysis: Analysis, step_ns: int) -> Sums:
    work, ran, windows = analysis.work, analysis.busy, _used(analysis.steps)
    talks = work.of(Class.COMMUNICATION)
    return Sums(
        step_ns=step_ns,
        work_ns=int(work.duration.sum()),
        busy_ns=int(ran.any.within(windows).sum()),
        communication_ns=int(work.duration[talks].sum()),
        communication_busy_ns=int(ran.communication.within(windows).sum()),
        copy_ns=int(work.duration[work.transfer].sum()),
    )


def _used(found: Found, *, on_host: bool = False) -> Windows:
    windows = found.host if on_host else found.windows
    return Windows(start=windows.start[found.used], end=windows.end[found.used])


def _steps(analysis: Analysis) -> Steps:
    found, windows = analysis.steps, _used(analysis.steps)
    parts = identity(analysis.busy, windows)
    return Steps(
        number=[one for one, used in zip(found.numbers, found.used, strict=True) if used],
        step_ns=windows.length.tolist(),
        compute_ns=parts.compute.tolist(),
        exposed_communication_ns=parts.exposed_communication.tolist(),
        exposed_copy_ns=parts.exposed_copy.tolist(),
        idle_ns=parts.idle.tolist(),
    )


def _tensor_cores(work: Work) -> TensorCores:
    eligible = work.of(*ELIGIBLE)

    def of(core: TensorCore) -> int:
        return int(work.duration[eligible & (work.core == CORES.index(core))].sum())

    return TensorCores(
        eligible_ns=int(work.duration[eligible].sum()),
        used_ns=of(TensorCore.YES),
        not_used_ns=of(TensorCore.NO),
        unknown_ns=of(TensorCore.UNKNOWN),
    )


def _idle(analysis: Analysis, step_ns: int) -> list[IdleRow]:
    rows = [
        IdleRow(cause=cause, total_ns=ns, share=share(ns, step_ns))
        for cause, ns in idle(analysis).items()
        if ns
    ]
    return sorted(rows, key=lambda row: -row.total_ns)


def _untold(told: GraphsUntold) -> Note:
    return warning(
        "graphs_untold",
        of=told.why,
        replays=told.replays,
        kernels=told.kernels,
        launches=told.launches,
        wrong=told.wrong,
        name=told.name,
        operator=told.operator,
        file=told.file,
    )


def _facts(analysis: Analysis, alone: HostAlone | None) -> Iterator[Note]:
    if alone:
        yield warning("host_alone", is_certain=alone.is_certain)
    yield from unknown_rows(analysis.trace, alone)
    yield from map(fact_of, analysis.impossible)
    if alone and alone.is_certain:  # the rest is about steps, which are not told
        return
    trace, found = analysis.trace, analysis.steps
    if analysis.device is None and not alone and (named := devices_named(trace.header)):
        yield warning("device_without_work", names=tuple(named))
    others = sorted(set(trace.device.device.tolist()) - {analysis.device})
    if others:
        yield warning("other_devices", device=analysis.device, others=tuple(others))
    if found.source.kind == "whole":
        yield warning("steps_unmarked")
    elif not found.count:
        yield warning("steps_without_work")
    if found.missing > MISSING:
        yield warning("launches_without_kernels", share=found.missing)
    if trace.on_device and (analysis.links.launch < 0).all():
        yield warning("kernels_without_launches")
    if analysis.graphs is not None:
        yield from map(_untold, analysis.graphs.untold)
    if trace.resolution_ns > 1:
        yield warning("times_coarse", resolution_ns=trace.resolution_ns)

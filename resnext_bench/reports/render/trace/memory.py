"""Renders the memory of a trace: the peak, what was there, how it came to it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from resnext_bench.reports.render.model import Column, Line, Note, Section, Table, bar
from resnext_bench.reports.render.trace import warnings
from resnext_bench.reports.render.trace.memory_line import device, drawing, when
from resnext_bench.reports.render.trace.report import from_here
from resnext_bench.reports.render.trace.words import ms, percent, size
from resnext_bench.reports.schema.trace_memory import (
    Calculated,
    DeviceMemory,
    Growth,
    MemoryBlock,
    MemoryPart,
    MemoryReport,
    MemoryReports,
    Nameless,
    Peak,
    Resident,
    StepMemory,
)
from resnext_bench.wording import count_of

TOP: Final = 10
"""Rows of a table unless it is told how many."""
_BAR: Final = 16
UNRECORDED: Final = (
    "memory was not recorded: use run --profile-memory, or profile_memory=True in torch.profiler"
)
_LIVED: Final = {
    "operator": "within one operator",
    "step": "within one step",
    "steps": "from one step into later ones",
    "recording": "freed within the recording",
    "end": "to the end of the recording",
    "before": "since before the recording",
    "unknown": "not known",
}
_OF_KINDS: Final = {
    "parameters": "parameters, running statistics",
    "gradients": "gradients",
    "optimizer": "state of the optimizer",
    "batch": "batch",
    "activations": "activations, when backward begins",
    "peak": "peak",
}
_NAMELESS: Final[Mapping[Nameless, str]] = {
    "operator": "(no operator)",
    "module": "(no module)",
    "forward": "(forward outside modules)",
    "backward": "(backward outside modules)",
    "optimizer": "(optimizer outside modules)",
    "before": "(before the recording)",
    "unseen": "(not recorded)",
}
_EXPLAINED: Final = (
    "calculated: as models memory does, without logits and what the loss keeps, workspaces of "
    "cuDNN, and up to 511 bytes by which a GPU's allocator rounds each block up"
)


def sections(found: MemoryReport, top: int | None = None) -> Iterator[Section]:
    """Yield the memory of one trace, with each table cut after `top` rows."""
    for one in found.devices:
        yield _headline(one)
    yield Line(text=from_here(found.file), tone="dim", is_command=True)
    for one in found.devices:
        yield from _device(one, found, top or TOP)
    yield from warnings.lines(warnings.sentences(found.facts))


def ranks_sections(found: MemoryReports) -> Iterator[Section]:
    """Yield a table of several ranks."""
    rows = [
        ("?" if one.rank is None else str(one.rank), each.device, *_peak_cells(each))
        for one in found.ranks
        for each in one.devices
    ]
    if rows:
        yield Table(
            columns=(
                Column(name="rank", is_number=True),
                Column(name="device"),
                Column(name="peak", is_number=True),
                Column(name="in"),
                Column(name="at ends of steps", is_number=True),
            ),
            groups=(tuple(rows),),
            title=f"memory of {count_of(len(found.ranks), 'rank')}",
        )
    yield from warnings.lines(warnings.sentences(found.facts))


def _peak_cells(one: DeviceMemory) -> tuple[str, str, str]:
    ends = [step.last for step in one.steps]
    return size(one.peak.bytes), when(one.peak.step, one.peak.pass_), size(max(ends, default=0))


def _headline(one: DeviceMemory) -> Line:
    peak = one.peak
    inside = " in ".join(filter(None, (peak.operator, peak.module)))
    more = "" if one.has_totals else " more than when the recording began"
    where = when(peak.step, peak.pass_) if one.steps else peak.pass_ and f"in {peak.pass_}"
    told = " ".join(filter(None, (where, inside and f"({inside})")))
    text = (
        f"{one.device}: peak {size(peak.bytes)}{more}, {told and f'{told}, '}at {ms(peak.at_ns)} ms"
    )
    return Line(text=text, tone="strong", is_headline=True)


def _device(one: DeviceMemory, found: MemoryReport, top: int) -> Iterator[Section]:
    title = f" on {device(one.device)}" if len(found.devices) > 1 else ""
    yield from _held(one.peak)
    yield from _resident(one)
    yield from drawing(one.timeline)
    yield from _growth(one.growth, top)
    peak = one.peak
    yield _parts(f"at the peak{title}, by kind", "kind", peak.kinds, peak, top, _kind_note(found))
    lived = [_renamed(part) for part in peak.lifetimes]
    yield _parts("by how long blocks live", "lifetime", lived, peak, top)
    yield _parts("by operator that allocated them", "operator", peak.operators, peak, top)
    yield _parts("by module of the model", "module", peak.modules, peak, top)
    yield from _blocks(peak, top)
    yield from _steps(one.steps)
    if one.calculated:
        yield _calculated(one.calculated, one.resident)


def _renamed(part: MemoryPart) -> MemoryPart:
    name = _LIVED.get(part.name, part.name)
    return MemoryPart(name=name, bytes=part.bytes, blocks=part.blocks)


def _name(part: MemoryPart) -> str:
    return ", ".join(filter(None, (_NAMELESS.get(part.nameless, ""), part.name)))


def _kind_note(found: MemoryReport) -> str:
    if found.noted:
        return "parameters, gradients, optimizer and batch: as the rank itself noted"
    return "by when blocks were allocated and freed; run --profile-memory notes what they are"


def _held(peak: Peak) -> Iterator[Line]:
    """Say how much the allocator held back, which it could not give out to others."""
    if peak.reserved is None:
        return
    spare = peak.reserved - peak.bytes
    share = spare / peak.reserved if peak.reserved else 0.0
    most = ""
    if peak.reserved_most is not None and peak.reserved_most > peak.reserved:
        most = f"; at most {size(peak.reserved_most)}"
    yield Line(
        text=f"reserved at the peak: {size(peak.reserved)}{most}; of that {size(spare)} "
        f"({percent(share).strip()}) not given out: fragments and room of before"
    )


def _resident(one: DeviceMemory) -> Iterator[Line]:
    if one.before:
        yield Line(text=f"given out before the recording began: {size(one.before)}")
    if one.resident is None or one.resident.is_in_total or not one.resident.kinds:
        return
    told = ", ".join(f"{part.name} {size(part.bytes)}" for part in one.resident.kinds)
    every = sum(part.bytes for part in one.resident.kinds)
    yield Line(
        text=f"beside that, since before the recording: {told}; with them {size(every)} more, "
        f"{size(every + one.peak.bytes)} in all (a CPU's total counts from "
        "the first recording of a process)"
    )


def _parts(
    title: str, what: str, parts: Sequence[MemoryPart], peak: Peak, top: int, note: str = ""
) -> Table:
    shown = parts[:top]
    rows = [
        (
            size(part.bytes),
            percent(part.bytes / peak.bytes if peak.bytes else 0.0),
            f"{part.blocks:,}" if part.blocks else "",
            bar(part.bytes / peak.bytes if peak.bytes > 0 else 0.0, _BAR),
            _name(part),
        )
        for part in shown
    ]
    left = parts[len(shown) :]
    if left:
        rest = sum(part.bytes for part in left)
        blocks = sum(part.blocks for part in left)
        share = percent(rest / peak.bytes if peak.bytes else 0.0)
        rows.append((size(rest), share, f"{blocks:,}" if blocks else "", "", f"{len(left):,} more"))
    return Table(
        columns=(
            Column(name="bytes", is_number=True),
            Column(name="share", is_number=True),
            Column(name="blocks", is_number=True, goes=2),
            Column(name="", goes=1),
            Column(name=what, is_name=True),
        ),
        groups=(tuple(rows),),
        title=title,
        notes=(Note(text=note),) if note else (),
    )


def _blocks(peak: Peak, top: int) -> Iterator[Section]:
    if not peak.blocks:
        return
    cut = f", {top} of {len(peak.blocks):,}" if len(peak.blocks) > top else ""
    yield Table(
        columns=(
            Column(name="bytes", is_number=True),
            Column(name="kind"),
            Column(name="for ms", is_number=True, goes=1),
            Column(name="step", is_number=True, goes=2),
            Column(name="operator", goes=3),
            Column(name="where", is_name=True),
        ),
        groups=(tuple(_block_cells(one) for one in peak.blocks[:top]),),
        title=f"blocks that were there, the largest first{cut}",
    )


def _block_cells(one: MemoryBlock) -> tuple[str, ...]:
    return (
        size(one.bytes),
        one.kind,
        "" if one.since_ns is None else ms(one.since_ns),
        "" if one.step is None else str(one.step),
        one.operator.removeprefix("aten::"),
        one.name or one.module or (f"({one.pass_})" if one.pass_ else ""),
    )


def _steps(steps: Sequence[StepMemory]) -> Iterator[Section]:
    if not steps:
        return
    has_activations = any(one.activations is not None for one in steps)
    names = ("step", "at its beginning", "peak", "at its end")
    yield Table(
        columns=(
            *(Column(name=name, is_number=True) for name in names),
            *((Column(name="activations", is_number=True),) if has_activations else ()),
            Column(name="peak in"),
        ),
        groups=(
            tuple(
                (
                    str(one.number),
                    size(one.first),
                    size(one.peak),
                    size(one.last),
                    *(
                        ("" if one.activations is None else size(one.activations),)
                        if has_activations
                        else ()
                    ),
                    one.pass_,
                )
                for one in steps
            ),
        ),
        title="steps",
        notes=(Note(text="activations: when backward begins", columns=("activations",)),),
    )


def _growth(found: Growth | None, top: int) -> Iterator[Section]:
    if found is None or not found.is_growing:
        return
    yield Line(
        label="warning",
        text=f"each step leaves {size(found.per_step)} more than the one before (median of "
        f"{count_of(found.steps, 'difference')}): memory that is not given back",
    )
    if found.left:
        yield Table(
            columns=(
                Column(name="bytes", is_number=True),
                Column(name="blocks", is_number=True),
                Column(name="allocated by", is_name=True),
            ),
            groups=(
                tuple((size(one.bytes), f"{one.blocks:,}", _name(one)) for one in found.left[:top]),
            ),
            title="left of what steps allocated, without the first and the last",
        )


def _calculated(found: Calculated, resident: Resident | None) -> Table:
    rows = []
    for name, words in _OF_KINDS.items():
        calculated, measured = getattr(found, name), found.measured[name]
        more = (measured - calculated) / calculated if calculated else 0.0
        rows.append((size(calculated), size(measured), f"{100 * more:+.1f} %", words))
    outside = resident is not None and not resident.is_in_total
    told = "; measured: the peak with what is there since before the recording" if outside else ""
    return Table(
        columns=(
            Column(name="calculated", is_number=True),
            Column(name="measured", is_number=True),
            Column(name="difference", is_number=True),
            Column(name="of a step", is_name=True),
        ),
        groups=(tuple(rows),),
        title="calculated and measured",
        notes=(Note(text=f"{_EXPLAINED}{told}"), *_buckets(found)),
    )


def _buckets(found: Calculated) -> tuple[Note, ...]:
    if not found.buckets:
        return ()
    text = (
        f"gradients and peak are calculated with DDP's buckets, {size(found.buckets)}, which a "
        "rank does not note, and a CPU's total does not have"
    )
    return (Note(text=text),)

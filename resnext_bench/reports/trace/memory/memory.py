"""The memory of a trace: each part is a module of its own, and here they meet."""

from collections.abc import Iterator

from resnext_bench.reports.schema.notes import Note
from resnext_bench.reports.schema.trace_memory import (
    DeviceMemory,
    MemoryKind,
    MemoryPart,
    MemoryReport,
    PeakOnly,
    Resident,
)
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.header import distributed_info, whole_number
from resnext_bench.reports.trace.memory.calculated import calculated
from resnext_bench.reports.trace.memory.device import Known, known
from resnext_bench.reports.trace.memory.device_types import device_name
from resnext_bench.reports.trace.memory.kinds import taken
from resnext_bench.reports.trace.memory.noted import Noted, noted
from resnext_bench.reports.trace.memory.origins import origins
from resnext_bench.reports.trace.memory.peak import in_total, peak
from resnext_bench.reports.trace.memory.series import series
from resnext_bench.reports.trace.memory.steps import growth, steps, timeline
from resnext_bench.wording import readable


def memory(analysis: Analysis) -> MemoryReport:
    """Return the memory of an analysed trace; no devices where it was not recorded."""
    trace = analysis.trace
    told = whole_number(distributed_info(trace.header).get("rank"))
    notes = noted(trace.header)
    found = all_known(analysis)
    return MemoryReport(
        file=readable(trace.path),
        rank=analysis.rank if told is None else told,
        noted=notes is not None,
        devices=[_device(one, notes) for one in found],
        facts=[
            *trace.facts,
            *(
                []
                if analysis.steps.marked or not found
                else [warning("steps_unmarked", of="memory")]
            ),
            *(fact for one in found for fact in _facts(one)),
        ],
    )


def peaks(analysis: Analysis) -> list[PeakOnly]:
    """Return the peak of each device; an empty list where memory was not recorded."""
    return [_peak_only(one) for one in all_known(analysis)]


def all_known(analysis: Analysis) -> list[Known]:
    """Return what is known of each device, the one with most memory first."""
    every = series(analysis.trace.memory)
    if not every:
        return []
    where, notes = origins(analysis), noted(analysis.trace.header)
    return [known(analysis, one, where, notes) for one in every]


def _peak_only(found: Known) -> PeakOnly:
    place = found.series.peak
    row = int(found.series.row[place])
    return PeakOnly(
        device=device_name(found.series.device),
        bytes=int(found.series.total[place]),
        has_totals=found.series.has_totals,
        at_ns=int(found.series.time[place]),
        step=found.step_of(row),
        pass_=found.pass_of(row),
    )


def _device(found: Known, notes: Noted | None) -> DeviceMemory:
    told = steps(found)
    return DeviceMemory(
        device=device_name(found.series.device),
        rows=len(found.series),
        has_totals=found.series.has_totals,
        has_addresses=found.series.has_addresses,
        before=found.series.before,
        peak=peak(found),
        steps=told,
        growth=growth(found, told),
        timeline=timeline(found),
        resident=_resident(found) if notes else None,
        calculated=calculated(found, notes, told),
    )


def _resident(found: Known) -> Resident:
    sizes: dict[MemoryKind, list[int]] = {}
    for one in found.told.resident:
        sizes.setdefault(one.kind, []).append(taken(one))
    return Resident(
        is_in_total=in_total(found),
        kinds=[
            MemoryPart(name=kind, bytes=sum(each), blocks=len(each)) for kind, each in sizes.items()
        ],
    )


def _facts(found: Known) -> Iterator[Note]:
    one, on = found.series, device_name(found.series.device)
    if not one.has_totals:
        yield warning("memory_totals_missing", on=on)
    if not one.has_addresses:
        yield warning("memory_by_size", on=on)
    if one.negative:
        yield warning("memory_totals_negative", on=on, rows=one.negative)
    if one.moved:
        yield warning("memory_rows_moved", on=on, rows=one.moved)
    if found.blocks.lost:
        yield warning("memory_rows_lost", on=on, rows=found.blocks.lost)
    unseen = int(abs(found.rest - found.before).max())
    if unseen:
        yield warning("memory_not_recorded", on=on, bytes=unseen)

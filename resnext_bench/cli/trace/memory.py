"""`trace memory`: the peak of a trace's memory and what it is made of, of one rank or several."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.cli.trace.many.reading import Reading, gather_recording
from resnext_bench.errors import UsageError
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.render.trace.memory import UNRECORDED, ranks_sections, sections
from resnext_bench.reports.render.trace.warnings import sentences
from resnext_bench.reports.schema.trace_memory import MemoryReport, MemoryReports
from resnext_bench.reports.schema.trace_warnings import warning
from resnext_bench.reports.store.trace_files import FoundTraces, find_traces
from resnext_bench.reports.trace.many.tasks import Remembering


def memory_command(
    wanted: str,
    top: int | None,
    rank: int | None,
    device: str | None,
    output: Path | None,
    form: Format,
    reading: Reading,
) -> int:
    """Read, add up and print; 1 where a broken file was left out.

    Raises UsageError where memory was not recorded, and says how it is.
    """
    traces = find_traces(wanted, output)
    found = read_memory(traces, Path(wanted), reading)
    code = int(any(one.kind == "file_unreadable" for one in found.facts))
    doubts = list(dict.fromkeys(file.doubt for file in traces.files if file.doubt))
    chosen = _chosen(found, rank)
    if not chosen.devices:
        asked = wanted if rank is None else f"--rank {rank}"
        raise UsageError(f"{asked}: {UNRECORDED}")
    one = _of_device(chosen, device)
    if form == "json":
        every = found.ranks if device is None else [_of_device(one, device) for one in found.ranks]
        print_json(msgspec.json.encode(_in_words(replace(found, ranks=every), doubts)))
        return code
    lines = (Line(text=doubt, tone="bad", is_headline=True) for doubt in doubts)
    several = ranks_sections(found) if len(found.ranks) > 1 or found.facts else ()
    show_sections((*lines, *several, *sections(one, top)), form)
    return code


def read_memory(traces: FoundTraces, folder: Path, reading: Reading) -> MemoryReports:
    """Return the memory of all traces of one recording.

    Raises TraceError where one is broken and may not be left out, or none can be read.
    """
    told = gather_recording(Remembering(), traces, folder, reading)
    reports = [one.report for one in told.parts]
    return MemoryReports(ranks=reports, facts=told.facts, left_out=told.left)


def _in_words(found: MemoryReports, doubts: Sequence[str]) -> MemoryReport | MemoryReports:
    """Return it with the sentences of its warnings; of a single trace the report alone."""
    invalid = [warning("run_invalid", told=doubt) for doubt in doubts]
    doubted = [replace(one, facts=[*invalid, *one.facts]) for one in found.ranks]
    ranks = [replace(one, warnings=sentences(one.facts)) for one in doubted]
    if len(ranks) == 1 and not found.facts:
        return ranks[0]
    return replace(found, ranks=ranks, warnings=sentences(found.facts))


def _chosen(found: MemoryReports, rank: int | None) -> MemoryReport:
    """Return the rank asked for, else the one with the highest peak."""
    if rank is None:
        return max(found.ranks, key=_highest)
    for one in found.ranks:
        if one.rank == rank:
            return one
    known = _listed(str(one.rank) for one in found.ranks if one.rank is not None)
    raise UsageError(f"--rank {rank}: there is no such trace; {known or 'none tells its rank'}")


def _highest(one: MemoryReport) -> int:
    return max((device.peak.bytes for device in one.devices), default=-1)


def _of_device(one: MemoryReport, device: str | None) -> MemoryReport:
    """Return the report with one device alone, however its name is spelled: `gpu 0`, `cpu`."""
    if device is None or not one.devices:
        return one
    plain = _plain(device)
    kept = [each for each in one.devices if _plain(each.device) == plain]
    if not kept:
        known = _listed(each.device for each in one.devices)
        raise UsageError(f"--device {device}: not in this trace; {known}")
    return replace(one, devices=kept)


def _plain(name: str) -> str:
    return name.lower().replace("cuda", "gpu").replace(" ", "").replace(":", "")


def _listed(names: Iterable[str]) -> str:
    told = list(names)
    return f"there {'is' if len(told) == 1 else 'are'} {', '.join(told)}" if told else ""

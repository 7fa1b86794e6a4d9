"""The memory of made traces: what was there at the peak, to the byte, and what is doubted."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from resnext_bench.reports.render.trace.memory import sections
from resnext_bench.reports.schema.trace_memory import DeviceMemory, MemoryPart, MemoryReport
from resnext_bench.reports.trace.memory.memory import memory, peaks
from resnext_bench.reports.trace.memory.noted import NOTED, Noted, Storage
from tests.reports.trace.made import Made
from tests.reports.trace.memory.made_memory import (
    BLOCK,
    CPU,
    PEAK,
    STEP_US,
    Allocator,
    analysed,
    rows_of,
    steps,
    unmarked,
)

BEFORE = 7 * BLOCK


def read(made: Made, folder: Path) -> MemoryReport:
    return memory(analysed(made, folder))


def only(made: Made, folder: Path) -> DeviceMemory:
    """The memory of a trace's one device, whose parts add up."""
    (found,) = read(made, folder).devices
    for parts in parts_of(found):
        assert sum(one.bytes for one in parts) == found.peak.bytes
    return found


def parts_of(found: DeviceMemory) -> Iterator[list[MemoryPart]]:
    peak = found.peak
    yield from (peak.kinds, peak.lifetimes, peak.operators, peak.modules)


def sizes(parts: list[MemoryPart]) -> dict[str, int]:
    """By names; by a reason in brackets where a part has none."""
    return {one.name or f"[{one.nameless}]": one.bytes for one in parts}


def kinds_of(report: MemoryReport) -> set[str]:
    return {one.kind for one in report.facts}


def test_the_peak_and_what_it_is_made_of(tmp_path: Path) -> None:
    found = only(steps(before=BEFORE)[0], tmp_path)
    peak = found.peak
    assert (found.device, found.before, found.rows) == ("GPU 0", BEFORE, 30)
    assert (peak.bytes, peak.at_ns, peak.step, peak.pass_) == (
        PEAK + BEFORE,
        360_000,
        0,
        "backward",
    )
    assert (peak.operator, peak.module) == ("aten::convolution_backward", "conv1")
    assert (peak.before, peak.not_recorded) == (BEFORE, 0)
    assert sizes(peak.kinds) == {
        "before the recording": BEFORE,
        "workspace": 4 * BLOCK,
        "gradients": 3 * BLOCK,
        "activations": 2 * BLOCK,
        "gradients of activations": BLOCK,
    }
    assert sizes(peak.lifetimes) == {"before": BEFORE, "step": 6 * BLOCK, "operator": 4 * BLOCK}
    assert sizes(peak.operators) == {
        "[before]": BEFORE,
        "aten::convolution_backward": 8 * BLOCK,
        "aten::conv2d": 2 * BLOCK,
    }
    assert sizes(peak.modules) == {"[before]": BEFORE, "conv1": 10 * BLOCK}
    largest = peak.blocks[0]
    assert (largest.bytes, largest.kind, largest.since_ns) == (4 * BLOCK, "workspace", 20_000)
    assert [one.bytes // BLOCK for one in peak.blocks] == [4, 3, 2, 1]


def test_reserved_and_not_given_out(tmp_path: Path) -> None:
    made, _ = steps()
    for at, row in enumerate(rows_of(made)):
        row["args"]["Total Reserved"] = 12 * BLOCK + at
    found = only(made, tmp_path)
    assert found.peak.reserved == 12 * BLOCK + 5
    assert found.peak.reserved_most == 12 * BLOCK + 29
    cpu = only(steps(device=CPU)[0], tmp_path)
    assert (cpu.device, cpu.peak.reserved, cpu.timeline.reserved[0]) == ("CPU", None, None)


def test_steps_and_their_activations(tmp_path: Path) -> None:
    found = only(steps(before=BEFORE)[0], tmp_path)
    assert [one.number for one in found.steps] == [0, 1, 2]
    for one in found.steps:
        assert (one.first, one.peak, one.last) == (BEFORE, BEFORE + PEAK, BEFORE)
        assert (one.activations, one.pass_) == (2 * BLOCK, "backward")
    assert found.growth is not None
    assert not found.growth.is_growing


def test_what_steps_leave_behind(tmp_path: Path) -> None:
    found = only(steps(count=4, leak=1000)[0], tmp_path)
    assert found.growth is not None
    assert (found.growth.is_growing, found.growth.per_step) == (True, 1000)
    (left,) = found.growth.left
    assert (left.name, left.bytes, left.blocks) == ("aten::conv2d, conv1", 2000, 2)
    assert sizes(found.peak.lifetimes)["steps"] == 3000
    assert sizes(found.peak.lifetimes)["end"] == 1000


def test_parts_without_a_name_say_why(tmp_path: Path) -> None:
    """Facts of the report; their words are found where it is shown."""
    made, gpu = steps(count=4)
    for at in range(4):  # between operators: in no module, in a pass and in none
        gpu.change(at * STEP_US + 15, BLOCK, 20_000 + at)
        gpu.change(at * STEP_US + 5, BLOCK, 30_000 + at)
    for row in rows_of(made):  # which were counted in another order
        del row["args"]["Total Allocated"]
    found = only(made, tmp_path)
    operators = [(one.name, one.nameless, one.blocks) for one in found.peak.operators]
    assert ("", "operator", 8) in operators
    assert {(one.nameless, one.blocks) for one in found.peak.modules if not one.name} == {
        ("forward", 4),
        ("module", 4),
    }
    assert found.growth is not None
    assert [(one.name, one.nameless, one.blocks) for one in found.growth.left] == [
        ("", "operator", 4)
    ]
    told = str(list(sections(read(made, tmp_path))))
    for words in ("(no operator)", "(forward outside modules)", "(no module)"):
        assert words in told


def test_activations_that_are_kept_for_good_are_those_of_their_step(tmp_path: Path) -> None:
    """As where a list keeps each step's graph: what is there when backward begins counts."""
    made, _ = steps(count=4)
    for row in [one for one in rows_of(made) if one["args"]["Addr"] == 100]:
        step = int(row["ts"] // STEP_US)
        row["args"]["Addr"] = 7000 + step
        if row["args"]["Bytes"] < 0:
            made.rows.remove(row)
    _totalled(made)
    found = only(made, tmp_path)
    assert [one.activations for one in found.steps] == [2 * BLOCK] * 4
    assert [one.last for one in found.steps] == [2 * BLOCK * (at + 1) for at in range(4)]


def _totalled(made: Made) -> None:
    total = 0
    for row in rows_of(made):
        total += row["args"]["Bytes"]
        row["args"]["Total Allocated"] = total


def test_without_steps_nothing_is_said_of_them(tmp_path: Path) -> None:
    made = unmarked(steps(count=4, leak=1000)[0])
    report = read(made, tmp_path)
    (found,) = report.devices
    (fact,) = report.facts
    assert (fact.kind, fact.values) == ("steps_unmarked", {"of": "memory"})
    assert (found.steps, found.growth) == ([], None)
    assert sizes(found.peak.lifetimes) == {
        "operator": 4 * BLOCK,
        "recording": 6 * BLOCK,
        "end": 4000,
    }


def test_frees_of_blocks_of_before(tmp_path: Path) -> None:
    """Their size is known when they go: until then they are a part of what was there before."""
    made, gpu = steps(before=BEFORE)
    gpu.change(2 * STEP_US + 900, -5 * BLOCK, 77)
    found = only(made, tmp_path)
    assert found.before == BEFORE
    assert found.peak.bytes == PEAK + BEFORE
    assert sizes(found.peak.kinds)["before the recording"] == BEFORE
    assert found.peak.blocks[0].bytes == 5 * BLOCK
    assert found.steps[-1].last == 2 * BLOCK


def noted(*storages: tuple[int, str, str, str, int, int]) -> Noted:
    """Notes of a GPU."""
    return Noted(
        storages=[
            Storage(step, moment, kind, name, address, size, 1, 0)  # type: ignore[arg-type]
            for step, moment, kind, name, address, size in storages
        ]
    )


def with_notes(made: Made, notes: Noted) -> Made:
    made.header[NOTED] = msgspec.to_builtins(notes)
    return made


def test_what_the_rank_noted_by_address_and_moment(tmp_path: Path) -> None:
    """The address of the first step's gradient, at a moment when another block has it, is none."""
    notes = noted(
        (0, "optimizer", "gradients", "conv1.weight", 300, 3 * BLOCK),
        (0, "optimizer", "parameters", "conv1.weight", 5000, 2 * BLOCK - 5),
        (1, "optimizer", "parameters", "conv1.weight", 5000, 2 * BLOCK - 5),
        (0, "optimizer", "optimizer", "conv1.weight: momentum_buffer", 6000, BLOCK),
        (0, "backward", "batch", "images", 100, BLOCK),
        (7, "backward", "batch", "of no step", 100, BLOCK),
    )
    found = only(with_notes(steps(before=BEFORE)[0], notes), tmp_path)
    assert sizes(found.peak.kinds) == {
        "before the recording": 4 * BLOCK,
        "workspace": 4 * BLOCK,
        "gradients": 3 * BLOCK,
        "batch": 2 * BLOCK,  # the block that has the address then, as large as it is
        "parameters": 2 * BLOCK,  # rounded up to 512 bytes, as the allocator does
        "optimizer": BLOCK,
        "gradients of activations": BLOCK,
    }
    assert sizes(found.peak.modules) == {"[before]": 4 * BLOCK, "conv1": 13 * BLOCK}
    names = {one.name for one in found.peak.blocks}
    assert names == {"conv1.weight", "conv1.weight: momentum_buffer", "images", ""}
    assert found.resident is not None
    assert found.resident.is_in_total
    assert found.steps[0].activations == 0
    assert found.steps[1].activations == 2 * BLOCK


def test_notes_that_the_total_does_not_have(tmp_path: Path) -> None:
    """A CPU's total begins at 0: what was there before is told beside it."""
    made, _ = steps(device=CPU)
    notes = Noted(storages=[Storage(0, "optimizer", "parameters", "conv1.weight", 5000, 99, 0, -1)])
    found = only(with_notes(made, notes), tmp_path)
    assert found.resident is not None
    assert not found.resident.is_in_total
    assert sizes(found.resident.kinds) == {"parameters": 99}
    assert "parameters" not in sizes(found.peak.kinds)


def test_several_devices_apart(tmp_path: Path) -> None:
    made, _ = steps(before=BEFORE)
    other = Allocator(made, (1, 1))
    for at in range(3):  # at an address that the first device has, too
        other.change(at * STEP_US + 45, BLOCK, 100)
        other.change(at * STEP_US + 46, -BLOCK, 100)
    found = read(made, tmp_path).devices
    assert [(one.device, one.peak.bytes) for one in found] == [
        ("GPU 0", PEAK + BEFORE),
        ("GPU 1", BLOCK),
    ]


def test_old_traces_without_totals_and_addresses(tmp_path: Path) -> None:
    """Rows without a category, with sizes alone: blocks are paired by size, the last one first."""
    made, _ = steps(before=BEFORE)
    for row in rows_of(made):
        del row["cat"]
        row["tid"] = str(row["tid"])
        for name in ("Addr", "Total Allocated", "Total Reserved"):
            del row["args"][name]
    report = read(made, tmp_path)
    (found,) = report.devices
    assert (found.has_totals, found.has_addresses, found.before) == (False, False, 0)
    assert found.peak.bytes == PEAK
    assert sizes(found.peak.kinds)["activations"] == 2 * BLOCK
    assert sizes(found.peak.operators) == {
        "aten::convolution_backward": 8 * BLOCK,
        "aten::conv2d": 2 * BLOCK,
    }
    assert kinds_of(report) == {"memory_totals_missing", "memory_by_size"}


def test_rows_with_and_without_a_category_in_one_piece_count_once(tmp_path: Path) -> None:
    made, gpu = steps()
    gpu.change(5, 0, 900, **{"Bytes": None})
    for row in list(rows_of(made))[::2]:
        del row["cat"]
    other = rows_of(made)
    made.rows.append({**next(iter(other)), "cat": "of another kind", "ts": 7})
    report = read(made, tmp_path)
    assert [(one.rows, one.peak.bytes) for one in report.devices] == [(30, PEAK)]
    assert [(one.kind, one.values.get("of"), one.values["rows"]) for one in report.facts] == [
        ("rows_odd", "no bytes", 1)
    ]


def test_rows_that_are_missing_are_said(tmp_path: Path) -> None:
    made, _ = steps(before=BEFORE)
    gone = [at for at, one in enumerate(made.rows) if one["name"] == "[memory]"][3]
    assert made.rows.pop(gone)["args"]["Bytes"] == 4 * BLOCK
    report = read(made, tmp_path)
    (found,) = report.devices
    assert found.peak.bytes == PEAK + BEFORE
    assert kinds_of(report) == {"memory_rows_lost", "memory_not_recorded"}
    for parts in parts_of(found):
        assert sum(one.bytes for one in parts) == found.peak.bytes


def test_rows_that_threads_have_written_in_another_order(tmp_path: Path) -> None:
    made, _ = steps()
    rows = [at for at, one in enumerate(made.rows) if one["name"] == "[memory]"]
    first, second = made.rows[rows[4]], made.rows[rows[5]]
    first["ts"], second["ts"] = second["ts"], first["ts"]
    report = read(made, tmp_path)
    (found,) = report.devices
    (fact,) = report.facts
    assert (fact.kind, fact.values["rows"]) == ("memory_rows_moved", 1)
    assert found.peak.not_recorded == 0
    assert found.peak.bytes == PEAK


def test_rows_with_fields_that_cannot_be(tmp_path: Path) -> None:
    made, gpu = steps()
    gpu.change(5, 0, 900, **{"Bytes": None})
    gpu.change(6, 0, 900, **{"Bytes": "many"})
    gpu.change(7, 0, 900, **{"Total Allocated": -5})
    del made.rows[-1]["ts"]
    gpu.change(8, 0, 900, **{"Total Allocated": -5})
    report = read(made, tmp_path)
    assert report.devices[0].peak.bytes == PEAK
    told = {(one.kind, one.values.get("of"), one.values["rows"]) for one in report.facts}
    assert told == {
        ("rows_odd", "no bytes", 2),
        ("rows_odd", "no time", 1),
        ("memory_totals_negative", None, 1),
    }


def test_without_memory_there_are_no_devices(tmp_path: Path) -> None:
    analysis = analysed(Made().step(1, 0, 10).op("aten::mm", 1, 5), tmp_path)
    assert memory(analysis).devices == []
    assert peaks(analysis) == []


def test_the_peak_alone_is_the_same(tmp_path: Path) -> None:
    analysis = analysed(steps(before=BEFORE)[0], tmp_path)
    (one,) = peaks(analysis)
    assert (one.device, one.bytes, one.step, one.pass_) == (
        "GPU 0",
        PEAK + BEFORE,
        0,
        "backward",
    )


@pytest.mark.parametrize("indent", [None, 1])
def test_the_timeline_has_the_peak_of_each_part_of_the_time(
    indent: int | None, tmp_path: Path
) -> None:
    (found,) = memory(analysed(steps(before=BEFORE)[0], tmp_path, indent=indent)).devices
    line = found.timeline
    assert max(line.allocated) == found.peak.bytes
    assert min(line.allocated) == BEFORE
    at = int((found.peak.at_ns - line.begin_ns) / line.bin_ns)
    assert line.allocated[at] == found.peak.bytes
    assert line.marks == [("0", 0), ("1", 1_000_000), ("2", 2_000_000)]

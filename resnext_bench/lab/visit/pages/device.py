"""The rates of a device beside its data sheet: bandwidth, matrix products, clocks under load."""

from collections.abc import Iterator
from typing import Final

from resnext_bench.lab.visit.pages.figures import timed
from resnext_bench.lab.visit.pages.roofs import Roofs, sheet_of
from resnext_bench.lab.visit.pages.tables import headed, table
from resnext_bench.lab.visit.pages.words import (
    NONE,
    Notes,
    error,
    figure,
    number,
    percent,
    remarks,
)
from resnext_bench.lab.visit.results import Results, Task
from resnext_bench.reports.render.model import Paragraph, Section
from resnext_bench.reports.schema.machine import GpusSeen, Numbers, known

_MOVED: Final = {
    "copy": "copy",
    "copy, 1/8": "copy of an eighth of it",
    "write": "write",
    "read": "read",
}
_DTYPES: Final = ("bf16", "fp16", "tf32", "fp32")


_HEAD: Final = ("", "measured", "data sheet", "share", "off float64")


def device(results: Results) -> Iterator[Section]:
    """Yield the measured rates beside those of the data sheet."""
    yield from headed("What the device gives", _parts(results))


def _parts(results: Results) -> Iterator[Section]:
    notes = Notes()
    roofs = Roofs.of(results)
    rows = [*_bandwidths(results, roofs, notes), *_products(results, roofs, notes)]
    yield from table(_HEAD, rows, notes=notes)
    if rows:
        sheet = sheet_of(results.facts.device)
        source = f"{sheet.source}, dense" if sheet else "none is known for this device's name"
        words = f"Data sheet: {source}. A copy's bytes are those read and those written."
        yield Paragraph(text=words)
    yield from _load(results)


def _bandwidths(results: Results, roofs: Roofs, notes: Notes) -> Iterator[tuple[str, ...]]:
    task = results.told("device").get("copy")
    if task is None or task.wrong:
        return
    found = timed(task, results.confidence)
    mark = notes.mark(remarks(task))
    sheet = roofs.sheet.gb_per_s if roofs.sheet else None
    for side in (side for side in _MOVED if side in found.sides):
        rate = found.rate(side)
        assert rate is not None, side
        share = percent(rate.estimate / 1e9 / sheet) if sheet else NONE
        told = number(sheet) if sheet else NONE
        yield f"{_MOVED[side]}, GB/s{mark}", figure(rate.times(1e-9)), told, share, NONE


def _products(results: Results, roofs: Roofs, notes: Notes) -> Iterator[tuple[str, ...]]:
    task = results.told("device").get("products")
    if task is None:
        return
    found, off = timed(task, results.confidence), task.found.get("off", {})
    mark = notes.mark(remarks(task))
    edge = f", edge {task.found['edge']}" if "edge" in task.found else ""
    for dtype in (dtype for dtype in _DTYPES if dtype in found.sides):
        rate = found.rate(dtype)
        assert rate is not None, dtype
        sheet = roofs.sheet.tflops.get(dtype) if roofs.sheet else None
        share = percent(rate.estimate / 1e12 / sheet) if sheet else NONE
        told = number(sheet) if sheet else NONE
        name = f"{dtype} products{edge}, TFLOP/s{mark}"
        yield name, figure(rate.times(1e-12)), told, share, error(off.get(dtype))


def _load(results: Results) -> Iterator[Section]:
    """Yield clocks, power and temperature during matrix products."""
    task = results.told("device").get("load")
    if task is None or task.seen is None:
        return
    seen = task.seen
    limits = [one.power_limit_w for one in results.facts.boards if one.power_limit_w]
    limit = f" of {limits[0]:,.0f} W allowed" if limits else ""
    yield Paragraph(
        text=f"Under bf16 products for {task.found.get('seconds', 0):.1f} s: clock "
        f"{_first(seen.sm_mhz)} MHz ({_first(seen.sm_least_mhz)} to {_first(seen.sm_most_mhz)}), "
        f"power {_first(seen.power_w)} W on average and {_first(seen.power_peak_w)} W at most"
        f"{limit}, {_first(seen.temperature_c)} °C; {_held(seen, task)}."
    )


def _held(seen: GpusSeen, task: Task) -> str:
    reasons = [
        f"{name} in {max(known(shares), default=0):.0f} % of the samples"
        for name, shares in seen.reasons_percent.items()
    ]
    return f"held down by {', '.join(reasons)}" if reasons else "nothing held the clocks down"


def _first(numbers: Numbers) -> str:
    values = known(numbers)
    return f"{values[0]:,.0f}" if values else NONE

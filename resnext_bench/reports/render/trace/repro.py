"""The list of calls that `trace repro` writes scripts of, and why it does not write one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from resnext_bench.reports.render.kernel_names import short
from resnext_bench.reports.render.model import Column, Line, Section, Table
from resnext_bench.reports.render.trace.words import ms, percent, us
from resnext_bench.reports.schema.trace_repro import NotReproduced, ReproCall, ReproCalls
from resnext_bench.wording import readable

_RECORD: Final = "record them: torch.profiler.profile(record_shapes=True, ...)"
_WHY: Final[dict[NotReproduced, str]] = {
    "collective": "it talks to other ranks, and means nothing alone",
    "autograd": "it is a row of autograd: choose the operator that it calls",
    "foreign": "it is not an operator of PyTorch itself",
    "waits": "it waits for a value of the device, and computes nothing",
    "no tensor": "it computes no tensor",
    "shapes": f"its shapes are not recorded; {_RECORD}",
    "list": "it takes a list of tensors whose shapes are not recorded, as those of long lists",
    "type": "it takes a tensor of a type that no script makes",
    "unknown": "no overload of that operator that is known here takes what is recorded",
}
_SHORT: Final[dict[NotReproduced, str]] = {
    "foreign": "not PyTorch's",
    "shapes": "no shapes",
    "list": "list without shapes",
    "unknown": "unknown arguments",
}
"""In the table, where it is not the reason's own name."""
_SPARE: Final = ("kernel", "pass", "types", "calls", "share", "module", "us")
"""Columns in the order in which they go where there is no room."""
_MODULE: Final = 22
"""Characters of a module's path that are shown."""
_NUMBERS: Final = ("N", "ms", "share", "calls", "us")


def sections(found: ReproCalls, top: int) -> Iterator[Section]:
    """Yield the table, cut after `top` rows, and what explains it."""
    rows = found.calls[:top]
    if not rows:
        yield Line(text="no operator of this trace computes anything in the steps that are used")
        return
    yield _table(found, rows)
    if any(row.missing for row in rows):
        told = "open: not recorded and without a default; a script leaves that to be filled in"
        yield Line(text=told, tone="dim")
    if any(row.refused == "shapes" for row in rows):
        yield Line(text=f"no shapes: not recorded; {_RECORD}", tone="dim")
    if found.without_ns:
        told = f"{ms(found.without_ns)} ms more are of no operator in the trace"
        yield Line(text=told, tone="dim")


def _table(found: ReproCalls, rows: list[ReproCall]) -> Table:
    columns = {
        "N": [str(row.number) for row in rows],
        "ms": [ms(row.total_ns) for row in rows],
        "share": [percent(row.share) for row in rows],
        "calls": [f"{row.calls:,}" for row in rows],
        "us": [us(row.median_ns) for row in rows],
        "pass": [row.which for row in rows],
        "types": [readable(row.types) for row in rows],
        "module": [_module(row) for row in rows],
        "kernel": [short(row.kernel) for row in rows],
        "script": [_open(row) for row in rows],
        "call": [_call(row) for row in rows],
    }
    told = {name: cells for name, cells in columns.items() if any(cells)}
    on = readable(found.device) if found.device else "a CPU"
    cut = f", the first {len(rows)} of {len(found.calls)}" if len(rows) < len(found.calls) else ""
    return Table(
        columns=tuple(
            Column(
                name=name,
                is_number=name in _NUMBERS,
                goes=_SPARE.index(name) + 1 if name in _SPARE else 0,
                is_name=name == "call",
            )
            for name in told
        ),
        groups=(tuple(zip(*told.values(), strict=True)),),
        title=f"calls on {on}, us: median of a call{cut}",
    )


def _call(row: ReproCall) -> str:
    name = readable(row.operator.removeprefix("aten::"))
    return f"{name} {row.shapes}" if row.shapes else name


def _module(row: ReproCall) -> str:
    """Return the first module, the end of its path where that is long."""
    name = readable(row.module)
    more = f" +{row.modules - 1}" if row.modules > 1 else ""
    return (name if len(name) <= _MODULE else f"…{name[1 - _MODULE :]}") + more


def _open(row: ReproCall) -> str:
    """Return what a script leaves open, or why there is none."""
    if row.refused is not None:
        return f"no: {_SHORT.get(row.refused, row.refused)}"
    return f"{len(row.missing)} open" if row.missing else ""


def refusal(row: ReproCall) -> str:
    """Return in a line why there is no script of a call."""
    assert row.refused is not None
    about = f" ({readable(row.detail)})" if row.detail and row.detail != row.operator else ""
    return f"--operator {row.number}, {readable(row.operator)}: {_WHY[row.refused]}{about}"


def which_file(path: Path, others: int) -> str:
    """Return which of several traces is taken."""
    return f"{readable(path)}: taken of {others + 1} traces; choose another one by --rank"

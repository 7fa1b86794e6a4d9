"""Where the time of a step goes: the kernel-time report of each model in bf16, NHWC.

A timed block comes first, so that the profiled steps beside it show the cost of the profiler.
"""

from functools import partial
from typing import Final

import torch
from msgspec.structs import replace

from resnext_bench.convs.measuring.checks import keep_memory
from resnext_bench.lab.visit.cells import Cell, batch_of, config_of, exact_step, harnessed, looped
from resnext_bench.lab.visit.first_steps import distances, first_step, is_right, words
from resnext_bench.lab.visit.tasks import Box, Findings, Planned, plain
from resnext_bench.lab.visit.turns import Side, take_turns, times_in
from resnext_bench.reports.render.trace.warnings import report_in_words
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from resnext_bench.worker import precision
from resnext_bench.worker.profile import record
from resnext_bench.worker.training import Training

TYPED: Final = "bf16 NHWC"
KERNELS: Final = 15
CONVS: Final = 40
PAYERS: Final = 8
"""Number of rows of a report that are kept, by time; the trace has all of them."""


def tasks(box: Box) -> list[Planned]:
    """Return a report as a task for each model."""
    keep_memory()
    room_s = box.room_s(30, 3)
    return [
        Planned(
            key=model,
            run=partial(_reported, model, box),
            room_s=room_s,
            kind="report",
        )
        for model in box.sizes.models
    ]


def _reported(model: str, box: Box, findings: Findings) -> None:
    device, size = torch.device(box.kind), box.sizes.image_size
    cell = Cell(model=model, batch=box.sizes.batches[0], typed=TYPED)
    config = config_of(cell, box.kind, size)
    precision.apply(config)
    training = harnessed(config, device)
    step = first_step(training.engine.model, training.module, config, batch_of(config, device))
    off = distances(step, exact_step(cell, device, size))
    if not is_right(cell.dtype, off):
        findings.wrong.append(words(model, off))
    precision.apply(config)
    train = looped(training, device)
    train(3)
    count = times_in(train, box.sizes.block_s, device)
    side = Side(name=model, train=train, count=count, units=cell.batch)
    findings.found |= {"batch": cell.batch, "type": TYPED, "image_size": size, "off": off}
    take_turns([side], "images", box, findings, device)
    seconds = [row[0] for row in findings.found["seconds"]]
    findings.found["step_ms"] = 1e3 * sorted(seconds)[len(seconds) // 2] / count
    _profiled(model, box, findings, training)


def _profiled(model: str, box: Box, findings: Findings, training: Training) -> None:
    box.traces.mkdir(exist_ok=True)
    recorded = record(
        training,
        folder=box.traces,
        name=model,
        active=box.sizes.profiled_steps,
        compiled=False,
    )
    trace = recorded.trace.replace(box.traces / f"{model}.pt.trace.json.gz")
    findings.found |= {
        "profiled_ms": recorded.step_ms,
        "trace": trace.name,
        "trace_bytes": trace.stat().st_size,
    }
    findings.keep()
    findings.found["report"] = plain(_short(report_in_words(report(analyse(trace)))))


def _short(found: TraceReport) -> TraceReport:
    """Return a report with only its main rows, and only the name of its file."""
    grouped = [conv for conv in found.convs if conv.groups > 1]
    others = [conv for conv in found.convs if conv.groups <= 1]
    layout = replace(found.layout, rows=found.layout.rows[:PAYERS])
    return replace(
        found,
        file=found.file.rpartition("/")[2],
        kernels=found.kernels[:KERNELS],
        convs=(grouped + others)[:CONVS],
        layout=layout,
    )

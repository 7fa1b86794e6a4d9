"""The row of a compiled model says what was captured of it."""

import msgspec

from resnext_bench.reports.render.run import sections
from resnext_bench.reports.schema.record import Record
from resnext_bench.reports.schema.samples import CudaGraphs
from tests.reports.drawn import drawn
from tests.reports.made_results import made_record


def row(record: Record) -> str:
    lines = drawn(sections(record), 120)
    return " ".join(next(line for line in lines if " compiled " in line).replace("│", "").split())


def test_what_was_captured_stands_next_to_the_mode() -> None:
    record = made_record()
    config = msgspec.structs.replace(record.resolved, compile_mode="reduce-overhead", device="cuda")
    graphs = CudaGraphs(captured=0, left_out=1, reasons=("mutated inputs (2 instances)",))
    first = msgspec.structs.replace(record.sessions[0], graphs=graphs)
    changed = msgspec.structs.replace(record, resolved=config, sessions=(first,))
    assert row(changed) == (
        "compiled torch.compile, mode reduce-overhead; no graphs: mutated inputs (2 instances)"
    )
    older = msgspec.structs.replace(changed, sessions=record.sessions)
    assert row(older) == "compiled torch.compile, mode reduce-overhead"

"""The difference of two made traces, read once."""

import tempfile
from functools import cache
from pathlib import Path

from resnext_bench.reports.schema.trace_diff import TraceDiff
from tests.reports.trace.differences.programs import NET, Layer, changed, compared, program


@cache
def made_diff(*, turned: bool = False) -> TraceDiff:
    """b's first layer is slower by 30 us, its relu gone, and a copy new."""
    other = (*changed(NET, "stem", us=130.0)[:1], *NET[2:], COPY)
    sides = program(NET, wobble=0.01), program(other, wobble=0.01)
    with tempfile.TemporaryDirectory() as folder:
        return compared(*(sides[::-1] if turned else sides), Path(folder))


COPY = Layer(name="", op="aten::copy_", kernel="Memcpy HtoD", us=9.0, category="gpu_memcpy")

"""The result of `runs diff`."""

import msgspec

from resnext_bench.reports.schema.comparison import Difference
from resnext_bench.reports.schema.machine import GpuFigures
from resnext_bench.reports.schema.record import Figures


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """The differences of run b from run a."""

    a: str
    b: str
    invalid: tuple[str, ...]
    """Reasons why figures of a or of b are not reliable."""
    configuration: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    figures_a: Figures | None
    figures_b: Figures | None
    gpus_a: GpuFigures | None
    gpus_b: GpuFigures | None
    sessions: tuple[int, int]
    """Number of complete sessions of a and of b."""

"""What `runs diff` found."""

import msgspec

from resnext_bench.reports.schema.comparison import Difference
from resnext_bench.reports.schema.machine import GpuFigures
from resnext_bench.reports.schema.record import Figures


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """Run b against run a."""

    a: str
    b: str
    invalid: tuple[str, ...]
    """Why figures of a or of b are not to be believed."""
    configuration: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    figures_a: Figures | None
    figures_b: Figures | None
    gpus_a: GpuFigures | None
    gpus_b: GpuFigures | None
    sessions: tuple[int, int]
    """Complete ones of a and of b."""

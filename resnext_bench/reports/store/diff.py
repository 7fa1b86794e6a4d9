"""Two runs side by side: what was asked of them, what was around them, and their figures.

Nothing is judged: that is what `compare` is for.
"""

import msgspec

from resnext_bench.reports.schema.comparison import Difference
from resnext_bench.reports.schema.machine import GpuFigures, gpu_figures
from resnext_bench.reports.schema.record import Figures, Record
from resnext_bench.reports.store.facts import configuration_facts, differences, environment_facts


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


def diff(a: Record, b: Record) -> Diff:
    """What is not the same in both."""
    return Diff(
        a=a.id,
        b=b.id,
        invalid=tuple(
            f"{name} is {one.status}: {one.why or 'no reason is in its record'}"
            for name, one in (("a", a), ("b", b))
            if one.status != "ok"
        ),
        configuration=differences([a], [b], configuration_facts),
        environment=differences([a], [b], environment_facts),
        figures_a=a.figures,
        figures_b=b.figures,
        gpus_a=gpu_figures(session.gpus for session in a.sessions),
        gpus_b=gpu_figures(session.gpus for session in b.sessions),
        sessions=(len(a.sessions), len(b.sessions)),
    )

"""Compares two runs side by side: configurations, surroundings, and figures.

There is no verdict: that is what `compare` is for.
"""

from resnext_bench.reports.schema.comparison import Diff
from resnext_bench.reports.schema.machine import gpu_figures
from resnext_bench.reports.schema.record import Record
from resnext_bench.reports.store.facts import configuration_facts, differences, environment_facts


def diff(a: Record, b: Record) -> Diff:
    """Return what differs between two runs."""
    return Diff(
        a=a.id,
        b=b.id,
        invalid=tuple(
            f"{name} is {one.status}: {one.why or 'its record gives no reason'}"
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

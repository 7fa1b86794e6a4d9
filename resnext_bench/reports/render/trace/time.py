"""What a report says about time: where its steps come from, how much is linked."""

import math

from resnext_bench.reports.render.trace.words import ms
from resnext_bench.reports.schema.trace_time import StepsFrom


def steps_from(found: StepsFrom) -> str:
    """Return what tells where steps begin and end."""
    match found.kind:
        case "annotation":
            return f"by the program's annotation {found.name}; none of the profiler's are marked"
        case "pattern":
            return (
                f"by {found.launches:,} launches that repeat exactly; neither the profiler nor "
                "annotations mark steps"
            )
        case "range":
            return f"none: the range from {ms(found.from_ns or 0)} to {ms(found.to_ns or 0)} ms"
        case "whole":
            return "none: the whole trace is taken as one"
        case "profiler":
            return "by the profiler (ProfilerStep#N)"


def at_most(share: float) -> str:
    """Return a share rounded down, so that 100 % is all of it."""
    return f"{math.floor(1000 * share) / 10:.1f} %"

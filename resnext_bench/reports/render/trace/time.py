"""What a report says about time: where its steps come from, how much is linked."""

import math

from resnext_bench.reports.render.trace.words import ms
from resnext_bench.reports.schema.trace_time import StepLeftOut, StepsFrom


def steps_from(found: StepsFrom) -> str:
    """Return what tells where steps begin and end."""
    match found.kind:
        case "annotation":
            return f"told by the annotation {found.name}; there is no ProfilerStep in the trace"
        case "pattern":
            return (
                f"told by {found.launches:,} launches that repeat exactly; neither ProfilerStep "
                "nor annotations tell any"
            )
        case "range":
            return f"none: the range from {ms(found.from_ns or 0)} to {ms(found.to_ns or 0)} ms"
        case "whole":
            return "none: the whole trace is taken as one"
        case "profiler":
            return "told by the profiler (ProfilerStep#N)"


def left_out(found: StepLeftOut) -> str:
    """Return why a step is not used."""
    value = found.value or 0.0
    why = {
        "no work": "nothing of it ran on the device",
        "hidden": "all of its work ran while that of an earlier step was still running",
        "launches": f"{value:.0%} of its launches have no kernel in the trace",
        "long": f"it lasts {value:,.0f} times as long as the median step",
    }[found.why]
    return f"step {found.number}: {why}"


def at_most(share: float) -> str:
    """Return a share rounded down, so that 100 % is all of it."""
    return f"{math.floor(1000 * share) / 10:.1f} %"

"""What profiles of two sides come to, and whether they say the same as the timed steps.

A profiler takes time for each operator, so that a side with many short ones loses more by it. The
verdict stands on timed steps alone.
"""

from dataclasses import dataclass

from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.comparison_profile import TOP, OtherWork, StepDiff
from resnext_bench.reports.schema.notes import Note, note
from resnext_bench.reports.schema.trace_diff import TraceDiff


def headline(found: TraceDiff, top: int = TOP) -> StepDiff:
    """Return the part of a difference that a record holds: the rows that differ most, and sums."""
    rows = tuple(found.rows[:top])
    of_a, of_b = (sum(getattr(row, side) for row in rows) for side in ("a_ns", "b_ns"))
    a_ns, b_ns = found.work.a_ns - of_a, found.work.b_ns - of_b
    return StepDiff(
        a=found.a,
        b=found.b,
        delta_ns=found.delta_ns,
        percent=found.percent,
        interval=found.interval,
        verdict=found.verdict,
        matched_by=found.matched_by,
        rows=rows,
        classes=tuple(found.classes),
        others=OtherWork(
            a_ns=a_ns,
            b_ns=b_ns,
            delta_ns=b_ns - a_ns,
            noise=None,
            rows=len(found.rows) - len(rows),
        ),
        rest=tuple(found.rest),
        ranks=tuple(found.ranks),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ProfiledChange:
    """Change of the profiled step, b over a less 1, per cent; per image where the verdict is."""

    percent: float
    low_percent: float
    high_percent: float
    """Both are `percent` where a side has only one step."""


def profiled_change(record: Comparison, diff: StepDiff) -> ProfiledChange | None:
    """Return the change in the verdict's own terms; None where a's step takes no time."""
    if not diff.a.step_ns:
        return None
    a, b = record.images if record.is_per_image and record.images else (1, 1)

    def percent(delta_ns: float) -> float:
        return 100 * ((1 + delta_ns / diff.a.step_ns) * a / b - 1)

    low, high = (
        (diff.interval.low_ns, diff.interval.high_ns)
        if diff.interval
        else (diff.delta_ns, diff.delta_ns)
    )
    return ProfiledChange(
        percent=percent(diff.delta_ns), low_percent=percent(low), high_percent=percent(high)
    )


def disagreement(record: Comparison, diff: StepDiff) -> Note | None:
    """Return a note where both intervals have nothing in common: the profiler changed the steps.

    None where there is nothing to compare.
    """
    timed, found = record.change, profiled_change(record, diff)
    if timed is None or found is None:
        return None
    if found.low_percent <= timed.high_percent and timed.low_percent <= found.high_percent:
        return None
    return note(
        "profile_disagrees",
        of="image" if record.is_per_image else "step",
        timed=timed.percent,
        timed_low=timed.low_percent,
        timed_high=timed.high_percent,
        profiled=found.percent,
        low=found.low_percent,
        high=found.high_percent,
    )

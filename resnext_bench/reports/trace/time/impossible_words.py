"""What a report says of rows whose times cannot be: a line for each kind, with the true reason."""

from resnext_bench.reports.schema.trace_time import Impossible


def told_impossible(found: Impossible) -> str:
    """Return how many rows, what was done with them, and what is wrong with them."""
    rows = f"{found.rows:,} row{'s' * (found.rows != 1)} of the {found.on}"
    far = _length(found.largest_ns)
    return {
        "far": (
            f"{rows} left out: without a time, or hours to decades away from all others (up to "
            f"{far}), as the profiler could not time them"
        ),
        "before launch": (
            f"{rows} left out: a beginning before that of the call that launched it, by up to {far}"
        ),
        "out of order": (
            f"{rows} left out: a time out of the order in which the work of its stream was "
            f"launched, by up to {far}"
        ),
        "too long": f"{rows} left out: a duration of an hour or more, up to {far}",
        "overlap": (
            f"{rows} cut, by up to {far}: a duration that runs on while later work of the same "
            "stream runs, which does one thing after another"
        ),
        "mixed streams": (
            f"{rows} overlap others of their own stream, by up to {far}: the trace gives several "
            "streams one number, or wrong durations; which is undetermined, and nothing was cut"
        ),
        "clocks": (
            f"the clocks of device and host differ by {far}, as work would have begun before it "
            f"was launched: {rows} moved by as much"
        ),
    }[found.kind]


def _length(ns: int) -> str:
    """Return a time in a unit that suits it."""
    for unit, size in (("years", 31_557_600e9), ("days", 86_400e9), ("hours", 3_600e9)):
        if ns >= 2 * size:
            return f"{ns / size:,.0f} {unit}"
    if ns >= 10_000_000_000:
        return f"{ns / 1e9:,.0f} s"
    return f"{ns / 1e6:,.1f} ms" if ns >= 1_000_000 else f"{ns / 1e3:,.0f} us"

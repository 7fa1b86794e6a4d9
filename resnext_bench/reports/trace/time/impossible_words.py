"""What a report says of rows whose times cannot be: a line for each kind, with the true reason."""

from resnext_bench.reports.schema.trace_time import Impossible


def told_impossible(found: Impossible) -> str:
    """Return how many rows, what is wrong with them, what was done, and what that means."""
    rows = f"{found.rows:,} row{'s' * (found.rows != 1)} of the {found.on}"
    far = _length(found.largest_ns)
    return {
        "far": (
            f"{rows} without a time, or hours to decades away from all others (at most {far}), "
            "are left out: the profiler could not time them"
        ),
        "before launch": (
            f"{rows} that begin before the call that launched them, by up to {far}, are left out: "
            "their times are wrong"
        ),
        "out of order": (
            f"{rows} that would have run out of the order of their stream, by up to {far}, are "
            "left out: their times are wrong"
        ),
        "too long": f"{rows} that last an hour or more (at most {far}) are left out",
        "overlap": (
            f"{rows} that run on, by up to {far}, while later work of their own stream runs are "
            "cut where that begins: a stream does one thing after another"
        ),
        "mixed streams": (
            f"{rows} overlap others of their own stream, by up to {far}: the trace gives several "
            "streams one number, or wrong durations; which of them is undetermined, and they are "
            "kept as they are"
        ),
        "clocks": (
            f"the clocks of device and host differ by {far}, as work would have begun before it "
            f"was launched; {rows} are moved by as much"
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

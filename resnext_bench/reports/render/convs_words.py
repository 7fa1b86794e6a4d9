"""Words of timed convolutions: sides, times and ratios."""

from collections.abc import Iterator

from resnext_bench.reports.figures.convs import Side
from resnext_bench.reports.render.bounds import bounds, span
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.schema.releases import Releases


def side_words(side: Side) -> str:
    """Name a side: "bf16 NHWC", "fp32 NCHW, oneDNN off"."""
    return ", ".join(filter(None, (f"{side.dtype} {side.layout.upper()}", side.setting)))


def cut_lines(record: Convs | Releases) -> Iterator[Line]:
    """Yield where the measurement was interrupted; nothing where it was not."""
    if record.status == "interrupted":
        yield Line(text=f"INTERRUPTED: {record.why}", tone="warning", is_headline=True)


def status_words(record: Convs | Releases) -> str:
    """Say why a record is not sound, in one line; empty where it is."""
    return f"interrupted {record.why}" if record.status == "interrupted" else record.why


def error_words(error: float) -> str:
    """Say how far a wrong result is from that of float64."""
    return f"has a relative error of {error:.2g} against float64"


def milliseconds(value: float) -> str:
    """Return ms with three figures."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def ratio_words(found: Estimate) -> str:
    """Return a ratio with the half width of its interval in per cent: "0.55 ±3%"."""
    half = 100 * ((found.high / found.low) ** 0.5 - 1)
    is_bound = bounds(found.low, found.high)
    return f"{factor(found.value)} ±{half:.0f}%" if is_bound else f"{factor(found.value)} ±?"


def factor(value: float) -> str:
    """Return a ratio without its interval."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def times(found: Estimate) -> str:
    """Return a ratio with its interval, for a sentence."""
    return f"{factor(found.value)} ({span(found.low, found.high, factor)}) times"

"""The words of what several ranks say together (`reports/schema/trace_ranks.py`)."""

from collections.abc import Iterator, Sequence
from typing import Final

from resnext_bench.reports.render.kernel_names import distinct
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.render.trace.words import ms, us
from resnext_bench.reports.schema.trace_ranks import Cause, Clock, RanksTimes, Straggler
from resnext_bench.wording import count_of

CAUSES: Final[dict[Cause, str]] = {
    "compute": "computing",
    "clock": "a lower clock",
    "copies": "copies",
    "loading": "waiting for batches",
    "launches": "late launches",
    "synchronisation": "synchronisations",
    "other": "what the trace does not tell",
}
"""What a rank loses time by."""
_ADVICE: Final[dict[Cause, str]] = {
    "clock": "all its kernels are slower alike; see its clocks, power and temperature",
    "loading": "see its loader, and where it reads from",
    "launches": "see what else runs on its cores, and which cores it has",
}
_SHOWN: Final = 8
"""Ranks that are named one by one."""
NOT_ON_A_CPU: Final = (
    "spans of gloo begin when they are queued: transfer holds what was queued before, and tells no "
    "bandwidth; a rank that only sends may be done before others begin"
)


def headline(found: RanksTimes) -> Iterator[Line]:
    """Yield which ranks are slow, and why; or that none is, and what would have been seen."""
    if not found.stragglers:
        yield Line(text=_none(found), tone="strong", is_headline=True)
    for one in found.together:
        whose = f"host {one.name}" if one.by == "host" else f"{one.name}"
        text = f"all {len(one.at)} ranks on {whose} are slow, and no others"
        yield Line(text=text, tone="bad", is_headline=True)
    for straggler in found.stragglers[:_SHOWN]:
        yield Line(text=_slow(found, straggler), tone="bad", is_headline=True)
    if len(found.stragglers) > _SHOWN:
        more = len(found.stragglers) - _SHOWN
        yield Line(text=f"{more} more ranks are slow; --json has all of them", tone="bad")


def _slow(found: RanksTimes, one: Straggler) -> str:
    """Say by how much, what chance would explain, by what, and what to look at."""
    told = ""
    if one.cause == "clock" and one.kernels_factor:
        told = f" (kernels {one.kernels_factor:.2f} x as long)"
    elif one.kernel:
        told = f" (most of all {distinct([one.kernel])[0]}: {ms(one.kernel_ns)})"
    advice = f"; {_ADVICE[one.cause]}" if one.cause in _ADVICE else ""
    part = "all" if one.cause_ns >= one.lost_ns else ms(one.cause_ns)
    return (
        f"{name_of(found, one.at)} is slow: by itself it needs {ms(one.lost_ns)} ms more per step "
        f"than the others ({percent_more(one.skew)}, where {percent(one.scatter)} may be chance), "
        f"{part} of them by {CAUSES[one.cause]}{told}{advice}"
    )


def _none(found: RanksTimes) -> str:
    if found.smallest_skew is None:
        steps = count_of(len(found.steps), "step")
        return (
            f"which rank is slow cannot be told from {steps}: profile ten or more "
            "(run --profile-steps 20, or active=20 in torch.profiler.schedule)"
        )
    seen = f"one that needs {percent(found.smallest_skew)} more would have been named"
    more = "; profile more steps to see less" if found.smallest_skew >= _MUCH else ""
    return f"no rank is slower than the others by more than its steps scatter; {seen}{more}"


_MUCH: Final = 0.05
"""Skew from which on it is worth seeing less."""


def name_of(found: RanksTimes, at: int) -> str:
    """Return what a rank is called in a sentence, with its host where there are several."""
    one = found.ranks[at]
    if one.rank is None:
        return one.file.rpartition("/")[2]
    return f"rank {one.rank}"


def percent(share: float) -> str:
    """Return a share in per cent, to two digits."""
    value = 100 * share
    return f"{value:,.0f} %" if abs(value) >= 10 else f"{value:.1f} %"


def percent_more(share: float) -> str:
    """Return the same with its sign; what is shown as 0 has none."""
    shown = percent(abs(share))
    if shown == percent(0):
        return shown
    return f"{'+' if share > 0 else '-'}{shown}"


def clock_lines(found: RanksTimes) -> Iterator[Line]:
    """Yield a line for each rank whose clock is corrected, and how well the others agree."""
    off = [at for at, one in enumerate(found.ranks) if one.clock and one.clock.is_off]
    beside = "most others" if len(found.ranks) > 2 else "the other rank"
    for at in off[:_SHOWN]:
        clock = found.ranks[at].clock
        assert clock is not None
        text = f"the clock of {name_of(found, at)} is {_apart(clock)} that of {beside}; corrected"
        yield Line(text=text, label="clock", label_tone="warning")
    if len(off) > _SHOWN:
        yield Line(text=f"{len(off) - _SHOWN} more clocks are off, and corrected")
    agree = not off and all(one.kind != "clocks_differ" for one in found.facts)
    if agree and (told := _agree([one.clock for one in found.ranks if one.clock])):
        yield Line(text=told, tone="dim")


def _apart(clock: Clock) -> str:
    where = "ahead of" if clock.offset_ns >= 0 else "behind"
    gains = "gains" if clock.drift_ppm > 0 else "loses"
    drift = f" and {gains} {abs(clock.drift_ppm):.1f} us per s" if clock.drift_ppm else ""
    return f"{_long(abs(clock.offset_ns))}{drift and f'{drift},'} {where}"


def _long(ns: int) -> str:
    return f"{ms(ns)} ms" if ns >= 1_000_000 else f"{us(ns)} us"


def _agree(clocks: Sequence[Clock]) -> str:
    """Say within what clocks agree; empty where nothing tells it."""
    if not clocks:
        return ""
    worst = max(max(abs(one.offset_ns), one.scatter_ns) for one in clocks)
    return f"clocks of the ranks agree within {_long(worst)}, by the ends of collectives"

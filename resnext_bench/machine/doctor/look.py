"""Looks at the machine before a measurement, so that nobody waits for useless figures."""

import time
from collections.abc import Callable
from typing import Final

from resnext_bench.machine.doctor.activity import difference, read_counters
from resnext_bench.machine.doctor.checks import examine
from resnext_bench.machine.doctor.findings import Finding, Severity, Sources, here
from resnext_bench.machine.lock import Holder, holder

LEAST_S: Final = 0.5
"""Least time for a share of the cores: the kernel counts in ticks of 10 ms."""
_OF_LOAD: Final = ("other load", "steal")
"""Checks that are reported even where they only disturb."""


def begin_look(
    sources: Sources | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
    holder: Callable[[], Holder | None] = holder,
) -> Callable[[], str]:
    """Begin to look; the function returned ends it, at least half a second later.

    It returns a line on what would spoil a measurement that starts now, or nothing. What this
    process does in the meantime does not count.
    """
    sources = sources or here()
    before = read_counters(sources)

    def words() -> str:
        sleep(max(0.0, before.at_s + LEAST_S - time.monotonic()))
        activity = difference(before, read_counters(sources), sources)
        found = examine(sources, sampler=lambda _: activity, holder=holder).findings
        return in_words([one for one in found if _matters(one)])

    return words


def look_while_held() -> str:
    """Look at a machine that this process holds, so that no other process measures."""
    return begin_look(holder=lambda: None)()


def _matters(finding: Finding) -> bool:
    disturbs = finding.severity is Severity.DISTURBS and finding.check in _OF_LOAD
    return finding.severity is Severity.SPOILS or disturbs


def in_words(found: list[Finding]) -> str:
    """Return one line; empty where nothing was found."""
    if not found:
        return ""
    spoils = any(one.severity is Severity.SPOILS for one in found)
    told = "; ".join(f"{one.check}: {one.value}" for one in found)
    end = "would spoil it" if spoils else "would disturb it"
    return f"before the measurement: {told}. That {end}; resnext-bench doctor says what to do"

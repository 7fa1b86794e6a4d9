"""A look at the machine before it is measured on, so that nobody waits for figures of no use."""

import time
from collections.abc import Callable
from typing import Final

from resnext_bench.machine.doctor.activity import difference, read_counters
from resnext_bench.machine.doctor.checks import examine
from resnext_bench.machine.doctor.findings import Finding, Severity
from resnext_bench.machine.host.sources import Sources, here
from resnext_bench.machine.lock import Holder, holder

LEAST_S: Final = 0.5
"""Less says nothing of who has the cores: the kernel counts in ticks of 10 ms."""
_OF_LOAD: Final = ("other load", "steal")
"""What is told of also where it only disturbs."""


def begin_look(
    sources: Sources | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
    holder: Callable[[], Holder | None] = holder,
) -> Callable[[], str]:
    """Begin to look; the function returned ends it, half a second later at least.

    It gives one line of what would spoil a measurement that begins now, or nothing. What this
    process does in the meantime counts as nobody's.
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
    """The same in one go, of a machine that this process holds, so that nobody else measures."""
    return begin_look(holder=lambda: None)()


def _matters(finding: Finding) -> bool:
    disturbs = finding.severity is Severity.DISTURBS and finding.check in _OF_LOAD
    return finding.severity is Severity.SPOILS or disturbs


def in_words(found: list[Finding]) -> str:
    """One line; empty where nothing was found."""
    if not found:
        return ""
    spoils = any(one.severity is Severity.SPOILS for one in found)
    told = "; ".join(f"{one.check}: {one.value}" for one in found)
    end = "would spoil it" if spoils else "would disturb it"
    return f"before it begins: {told}. That {end}; resnext-bench doctor says what to do"

"""Rows that no report can use, and what is told of them: how many, of which process, how long.

Ascend's tools write what the device did without a category, in a process called `Ascend Hardware`.
A report on the rest alone would be one on the host, and must say so.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from resnext_bench.reports.trace.reading.events import Event

_NAME, _LABELS = "process_name", "process_labels"
_DEVICE: Final = re.compile(
    r"\b(hardware|ascend|hccl|device|accelerator|stream|(?!cpu)[a-z]{1,2}pu|mtia|gaudi|neuron|mlu|"
    r"gcu|dcu|musa|ai ?core)s?\b",
    re.IGNORECASE,
)
_DERIVED: Final = re.compile(r"overlap analysis|\bcpu\b", re.IGNORECASE)
"""Not the device's own: what a tool worked out from its rows, and the host."""
_COMMUNICATION: Final = re.compile(r"communication", re.IGNORECASE)
"""Ascend's second process of the device, by its whole name."""


@dataclass(frozen=True, kw_only=True)
class Unread:
    """Rows of one category in one process."""

    category: str
    """Their category; empty where the rows have none."""
    process: str
    """Name of the process, and its label; empty where it has neither."""
    count: int
    duration_ns: int
    """All durations added up, ns."""
    of_device: bool
    """Whether they say that a device worked: by the process, a stream, or a device's number."""


class Pile:
    """Such rows while they come, and the names of processes, which may come later."""

    def __init__(self) -> None:
        self._count: Counter[tuple[str, Hashable, bool]] = Counter()
        self._us: defaultdict[tuple[str, Hashable, bool], float] = defaultdict(float)
        self._names: dict[Hashable, dict[str, str]] = {}

    def add(self, category: str, group: Sequence[Event]) -> None:
        """Add rows of a category that means nothing here; marks and arrows have no duration."""
        for event in group:
            if event.name in (_NAME, _LABELS) and math.isnan(event.dur):
                self._name(event)
            elif event.dur >= 0:
                key = (category, event.pid, on_device(event))
                self._count[key] += 1
                self._us[key] += event.dur if math.isfinite(event.dur) else 0

    def put(self, category: str, count: int, duration_ns: int) -> None:
        """Add rows that turned out to mean nothing, of a device that is known otherwise."""
        self._count[category, None, True] += count
        self._us[category, None, True] += duration_ns / 1000

    def _name(self, event: Event) -> None:
        raw = event.args.name if event.name == _NAME else event.args.labels
        try:
            told = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if isinstance(told, str):
            self._names.setdefault(event.pid, {})[event.name] = told

    def is_host(self, pid: Hashable) -> bool:
        """Return whether the trace calls this process the CPU."""
        return self._names.get(pid, {}).get(_LABELS, "").strip().upper() == "CPU"

    def devices(self) -> tuple[str, ...]:
        """Return what the trace calls its processes that stand for devices."""
        told = (one for pid, one in self._names.items() if self._is_device(pid))
        return tuple(dict.fromkeys(one.get(_LABELS) or one.get(_NAME, "") for one in told))

    def _process(self, pid: Hashable) -> str:
        told = self._names.get(pid, {})
        return " ".join(told[one] for one in (_NAME, _LABELS) if told.get(one))

    def taken(self) -> tuple[Unread, ...]:
        """Return all of them, the most frequent first."""
        return tuple(
            Unread(
                category=category,
                process=self._process(pid),
                count=count,
                duration_ns=round(1000 * self._us[category, pid, marked]),
                of_device=marked or _speaks_of_device(category) or self._is_device(pid),
            )
            for (category, pid, marked), count in self._count.most_common()
        )

    def _is_device(self, pid: Hashable) -> bool:
        told = self._names.get(pid, {})
        label, name = told.get(_LABELS, ""), told.get(_NAME, "")
        if _DERIVED.search(label) or _DERIVED.search(name):
            return False
        return bool(
            _DEVICE.search(label) or _DEVICE.search(name) or _COMMUNICATION.fullmatch(name.strip())
        )


def _speaks_of_device(category: str) -> bool:
    return bool(_DEVICE.search(category.replace("_", " ")))


def on_device(event: Event) -> bool:
    """Return whether a row itself names a device or a stream on which it ran."""
    args = event.args
    return args.device >= 0 or (isinstance(args.stream, int) and args.stream >= 0)

"""Numbers, lists and notes in words."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from resnext_bench.lab.visit.pages.figures import Figure, rounds
from resnext_bench.lab.visit.results import Task
from resnext_bench.reports.render.model import Piece, Text, inline, joined

NONE: Final = "–"
_GAP: Final = "\x00"
_NUMBER: Final = re.compile(r"\d[\d,]*(?:\.\d+)?")


def number(value: float, digits: int = 4) -> str:
    """Return a number with its significant digits, at most three places: 1,950, 312.4, 1.312."""
    return f"{value:,.{_places(value, digits)}f}"


def _places(value: float, digits: int) -> int:
    if not value or not math.isfinite(value):
        return 0
    return min(3, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def figure(found: Figure | None, digits: int = 4) -> str:
    """Return `1,950 (1,942 to 1,958)`; – is an interval that says nothing, or no figure."""
    if found is None:
        return NONE
    places = _places(found.estimate, digits)
    if found.ends is None:
        return f"{found.estimate:,.{places}f} ({NONE})"
    low, high = found.ends
    return f"{found.estimate:,.{places}f} ({low:,.{places}f} to {high:,.{places}f})"


def percent(share: float | None) -> str:
    """Return a share of one in per cent."""
    return NONE if share is None else f"{100 * share:.{0 if share >= 0.0995 else 1}f} %"


def error(value: float | None) -> str:
    """Return a relative error: `1.7e-03`."""
    return NONE if value is None else f"{value:.1e}"


def listed(words: Sequence[Piece | Text], most: int = 6) -> Text:
    """Return a list, `a, b and c`, and how many more there are."""
    if len(words) > most:
        return inline(joined(words[:most], ", "), f" and {len(words) - most} more")
    *first, last = words or ("",)
    return inline(joined(first, ", "), " and ", last) if first else inline(last)


def one_line(text: str) -> str:
    """Return a foreign text without its line breaks and indentation."""
    return " ".join(text.split())


@dataclass(kw_only=True)
class Notes:
    """Numbered notes below a table; those that differ only in numbers share one, with ranges."""

    groups: dict[str, list[list[str]]] = field(default_factory=dict)

    def mark(self, texts: Iterable[str]) -> str:
        """Return ` [1, 2]`, to be placed after what the notes belong to; empty for none."""
        numbers = sorted({self._number(one_line(text)) for text in texts})
        return f" [{', '.join(map(str, numbers))}]" if numbers else ""

    def _number(self, text: str) -> int:
        pattern = _NUMBER.sub(_GAP, text)
        self.groups.setdefault(pattern, []).append(_NUMBER.findall(text))
        return list(self.groups).index(pattern) + 1

    def told(self) -> tuple[str, ...]:
        """Return all notes in the order of their numbers, from 1."""
        return tuple(map(self._told, self.groups))

    def _told(self, pattern: str) -> str:
        ranges = iter(map(_range, zip(*self.groups[pattern], strict=True)))
        return re.sub(_GAP, lambda _: next(ranges), pattern)


def _range(numbers: Sequence[str]) -> str:
    """Return the least and the most of the numbers at one place."""
    order = sorted(set(numbers), key=lambda one: float(one.replace(",", "")))
    return order[0] if len(order) == 1 else f"{order[0]}–{order[-1]}"


def remarks(task: Task) -> list[str]:
    """Return what a reader should know of a task's figures."""
    n = rounds(task)
    told = f" after {n} round{'s' * (n > 1)}" if n else ""
    cut = [f"cut{told}: {task.why or 'its time was over'}"] if task.state == "cut" else []
    return [*cut, *task.notes]

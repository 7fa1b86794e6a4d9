"""Grouped convolutions one by one: the sides of a layer in a direction, and the best of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from resnext_bench.lab.visit import sizes
from resnext_bench.lab.visit.pages.figures import Figure, Timed, timed
from resnext_bench.lab.visit.results import Results, Task

DIRECTIONS: Final = ("forward", "input gradient", "weight gradient")
LAYOUTS: Final = ("NHWC", "NCHW")
_SIDE: Final = re.compile(rf"({'|'.join(DIRECTIONS)}) ({'|'.join(LAYOUTS)}) (.+?)(?: (\d+))?")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One choice of an algorithm."""

    name: str
    direction: str
    layout: str
    mode: str
    """Mode of cuDNN's benchmark: off, limit 10 or no limit. On a CPU, the library."""
    kernels: tuple[str, ...]
    """Names of the kernels, longest first; empty where they are not known."""
    search_s: float | None
    off: float | None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """All timings of one shape."""

    typed: str
    name: str
    task: Task
    timed: Timed

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        """Sides that can be believed."""
        choices = self.task.found.get("choices", {})
        found = (_side(name, choices.get(name, {})) for name in self.timed.sides)
        return tuple(side for side in found if side)

    @property
    def count(self) -> int:
        """Number of layers with this shape in the network."""
        return max(1, len(self.task.found.get("layer", {}).get("names", ())))

    def of(self, direction: str, layout: str, mode: str | None = None) -> tuple[Side, ...]:
        """Return the sides of one direction and layout, for one mode or for all."""
        return tuple(
            side
            for side in self.sides
            if (side.direction, side.layout) == (direction, layout) and mode in (None, side.mode)
        )

    def best(self, direction: str, layout: str) -> Side | None:
        """Return the fastest of all choices in all modes."""
        sides = {side.name: side for side in self.of(direction, layout)}
        name = self.timed.fastest(tuple(sides)) if sides else None
        return sides[name] if name else None

    def seconds(self, side: Side | None) -> Figure | None:
        """Return the seconds of one call."""
        rate = self.timed.rate(side.name) if side else None
        return rate.inverse if rate else None

    def ratio(self, side: Side | None, other: Side | None) -> Figure | None:
        """Return the time of one over that of another, by rounds: above 1, the first is slower."""
        return self.timed.ratio(other.name, side.name) if side and other else None

    def floor_s(self, direction: str, bytes_per_s: float | None) -> float | None:
        """Return the time to move each operand once at the measured copy bandwidth, s."""
        moved = self.task.found.get("bytes", {}).get(direction)
        return moved / bytes_per_s if moved and bytes_per_s else None


def layers(results: Results) -> list[Layer]:
    """Return the layers in the order in which they were measured."""
    found = []
    for key, task in results.told("convs").items():
        typed, _, name = key.partition("/")
        if typed in (sizes.PLANS, sizes.LAYOUTS):
            continue
        found.append(
            Layer(typed=typed, name=name, task=task, timed=timed(task, results.confidence))
        )
    return found


def cells(found: Layer) -> Iterator[tuple[str, str, Side]]:
    """Yield each direction and layout with its best side, if it has one."""
    for direction in DIRECTIONS:
        for layout in LAYOUTS:
            if best := found.best(direction, layout):
                yield direction, layout, best


def _side(name: str, choice: Mapping[str, Any]) -> Side | None:
    """Return a side by the facts of its choice, else by its name; None if neither says enough."""
    parts = _SIDE.fullmatch(name)
    words = [choice.get(word) for word in ("direction", "layout", "mode")]
    if parts:
        words = [told or part for told, part in zip(words, parts.groups(), strict=False)]
    if not all(words):
        return None
    direction, layout, mode = map(str, words)
    ran = sorted(choice.get("kernels", ()), key=lambda one: -one[1])
    return Side(
        name=name,
        direction=direction,
        layout=layout,
        mode=mode,
        kernels=tuple(kernel for kernel, _ in ran),
        search_s=choice.get("search_s"),
        off=choice.get("off"),
    )

"""What a visit to a GPU measures, in order of value, and how its time is divided.

Every part has a box: the moment by which it must be over. Boxes are counted from the start of the
visit, so that time left over by one part is available to the next, and what the last one leaves to
those that were cut.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from resnext_bench.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of the kit, which runs in a process of its own."""

    name: str
    """Name that --only takes."""
    what: str
    share: float
    """Share of the visit's time."""


PARTS: Final = (
    Part(name="tests", what="the tests that need a GPU", share=0.12),
    Part(name="device", what="clocks, bandwidth, matrix products", share=0.05),
    Part(name="training", what="images/s by model, type, layout and compiler", share=0.41),
    Part(name="kernels", what="where the time of a step goes", share=0.10),
    Part(name="convs", what="grouped convolutions, one by one", share=0.16),
    Part(name="trust", what="what the harness itself costs, and what it can tell", share=0.16),
)
MINUTES: Final = 8.0


def chosen(only: Sequence[str]) -> tuple[Part, ...]:
    """Return the parts with these names in their own order, or all parts; raises UsageError."""
    names = [part.name for part in PARTS]
    for name in only:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise UsageError(f"--only {name}: no such part{hint} Allowed: {', '.join(names)}")
    return tuple(part for part in PARTS if part.name in only) if only else PARTS


def boxes(parts: Sequence[Part], seconds: float) -> list[float]:
    """Return the seconds after the start by which each part must be over, the last at the end."""
    whole = sum(part.share for part in parts)
    ends, so_far = [], 0.0
    for part in parts:
        so_far += part.share
        ends.append(seconds * so_far / whole)
    return ends

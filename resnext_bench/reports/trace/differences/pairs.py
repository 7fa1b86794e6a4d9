"""Steps of two traces that belong together: those of the same number."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.trace.differences.sides import Side


class Unpairable(TraceError):
    """Two traces have no step of the same number."""


def paired_steps(a: Side, b: Side) -> tuple[Side, Side]:
    """Return both with the steps alone whose numbers both have, in the order of the numbers.

    A place in the list says nothing: where a step in the middle of one trace is not used, all that
    follow are one place earlier. Raises Unpairable where no number is on both sides.
    """
    both = sorted(set(a.numbers) & set(b.numbers))
    if not both:
        told = f"a has {_told(a.numbers)} and b {_told(b.numbers)}"
        raise Unpairable(f"{told}, so that no step has a partner")
    return _only(a, both), _only(b, both)


def _told(numbers: Sequence[int]) -> str:
    first, last = min(numbers), max(numbers)
    return f"step {first}" if first == last else f"steps {first} to {last}"


def _only(side: Side, numbers: Sequence[int]) -> Side:
    place = {number: at for at, number in enumerate(side.numbers)}
    kept: NDArray[np.intp] = np.array([place[one] for one in numbers], dtype=np.intp)
    return replace(
        side,
        numbers=tuple(numbers),
        step_ns=side.step_ns[kept],
        parts={part: ns[kept] for part, ns in side.parts.items()},
        leaf_ns=side.leaf_ns[:, kept],
        leaf_calls=side.leaf_calls[:, kept],
        overlap_ns=side.overlap_ns[kept],
        idle_ns={cause: ns[kept] for cause, ns in side.idle_ns.items()},
    )

"""How long each block lived, in which pass it was made, and what it is for by that."""

from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_memory import KINDS, Lifetime, MemoryKind
from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.memory.blocks import Blocks
from resnext_bench.reports.trace.memory.origins import NEVER, Origins, backward
from resnext_bench.reports.trace.memory.series import Series
from resnext_bench.reports.trace.reading.trace import Ids, Ns
from resnext_bench.reports.trace.time.links import Pass

LIFETIMES: Final[tuple[Lifetime, ...]] = get_args(Lifetime)
_LONG_AGO: Final = -NEVER
_SHORT: Final[tuple[Lifetime, ...]] = ("step", "recording", "end")
"""Lifetimes of what no step has that comes after the one in which it was allocated."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lives:
    """Columns beside those of the blocks."""

    start: Ns
    """When each was allocated, ns; before all time: before the recording."""
    end: Ns
    """When it was freed, or its address was given out again; NEVER: it was not."""
    row: Ids
    """Row of the trace's memory that allocated it; -1: none."""
    step: Ids
    """Step in which it was allocated; -1: none."""
    passes: Ids
    """`Pass` in which it was allocated; -1: none, or not told."""
    lifetime: NDArray[np.int8]
    """Index into LIFETIMES."""
    kind: NDArray[np.int8]
    """Index into KINDS, by lifetime and pass alone."""
    kept: NDArray[np.bool_]
    """Whether it was allocated in the forward pass and there when its step's backward began,
    however long after that."""

    def there(self, moment: int) -> NDArray[np.bool_]:
        """Return which blocks are there at a moment, ns."""
        found: NDArray[np.bool_] = (self.start < moment) & (moment <= self.end)
        return found


def lives(analysis: Analysis, found: Series, made: Blocks, where: Origins) -> Lives:
    """Return how the blocks of a device lived."""
    times = np.append(found.time, (NEVER, _LONG_AGO))
    start, end = times[made.start], times[made.end]
    row = np.append(found.row, (-1, -1)).astype(np.int32)[made.start]
    freed = np.append(found.row, (-1, -1)).astype(np.int32)[made.end]
    step = _of(where.step, row)
    passes = _of(where.passes, row)
    lifetime = _lifetime(analysis, made, where, row, start, end)
    back = backward(analysis)
    begins = np.append(back.start, NEVER)[step]
    ends = np.append(back.end, NEVER)[step]
    kept = (start < begins) & (begins < end) & (begins < NEVER)
    short = np.isin(lifetime, [LIFETIMES.index(one) for one in _SHORT])
    kept &= passes == Pass.FORWARD
    outlives = (end > ends) | (_of(where.passes, freed) == Pass.OPTIMIZER)
    return Lives(
        start=start,
        end=end,
        row=row,
        step=step,
        passes=passes,
        lifetime=lifetime,
        kind=_kinds(passes, lifetime, kept & short, outlives),
        kept=kept,
    )


def _of(values: Ids, row: Ids) -> Ids:
    return np.append(values, np.int32(-1))[row]


def _lifetime(
    analysis: Analysis, made: Blocks, where: Origins, row: Ids, start: Ns, end: Ns
) -> NDArray[np.int8]:
    steps = analysis.steps
    begins = steps.host.start if steps.marked else np.empty(0, np.int64)
    within: Lifetime = "step" if steps.marked else "recording"
    before, after = (np.searchsorted(begins, one, side="right") for one in (start, end))
    freed = made.free_told
    ends = np.append(where.ends, _LONG_AGO)[row]
    told: tuple[tuple[Lifetime, NDArray[np.bool_]], ...] = (
        ("before", row < 0),
        ("unknown", ~freed & (end != NEVER)),
        ("operator", freed & (end <= ends)),
        (within, freed & (before == after)),
        ("steps", freed | (before < len(begins))),
    )
    found: NDArray[np.int8] = np.select(
        [which for _, which in told],
        [LIFETIMES.index(name) for name, _ in told],
        LIFETIMES.index("end"),
    ).astype(np.int8)
    return found


def _kinds(
    passes: Ids,
    lifetime: NDArray[np.int8],
    activation: NDArray[np.bool_],
    outlives: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """Return what each block is for, by lifetime and pass; what is asked first counts."""
    in_step = lifetime == LIFETIMES.index("step")
    told: tuple[tuple[MemoryKind, NDArray[np.bool_]], ...] = (
        ("before the recording", lifetime == LIFETIMES.index("before")),
        ("workspace", lifetime == LIFETIMES.index("operator")),
        ("activations", activation),
        ("gradients", (passes == Pass.BACKWARD) & outlives),
        ("gradients of activations", passes == Pass.BACKWARD),
        ("temporary", in_step),
        ("optimizer", passes == Pass.OPTIMIZER),
    )
    found: NDArray[np.int8] = np.select(
        [which for _, which in told],
        [KINDS.index(name) for name, _ in told],
        KINDS.index("other"),
    ).astype(np.int8)
    return found

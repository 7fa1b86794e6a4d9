"""Which ranks of a run are slow: the others wait for them in every step.

In the backward pass ranks wait for one another, where gradients are averaged. What a rank needs by
itself is therefore taken from the other parts of its steps. A rank that waits for batches may make
the others wait in their forward pass as well, where buffers are sent: so waiting for data, which no
rank shares, is looked at first.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import log1p
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.notes import Note, note
from resnext_bench.reports.schema.samples import Samples
from resnext_bench.reports.stats.stragglers import Floats, beyond_others, skews

_LEAST_LOG: Final = log1p(0.05)
"""A rank that is slower by less gets no note: ranks of one host differ by as much."""
_FEWEST: Final = 5
"""Steps below which nothing is said."""

Columns = Mapping[str, NDArray[np.int64]]


def slow_ranks(samples: Sequence[Samples], columns: Columns) -> Iterator[Note]:
    """Yield a note on each slow rank, the slowest first; `columns` are [ranks, steps], ns."""
    wait = np.asarray(columns["data_wait_ns"], dtype=np.float64)
    if len(wait) < 2 or wait.shape[1] < _FEWEST:
        return
    rest = sum((np.asarray(columns[name], dtype=np.float64) for name in _ALONE), np.zeros(()))
    alike = np.median(rest, axis=0)
    for by, own in (("data wait", wait + alike), ("forward", wait + rest)):
        found = list(_slow(samples, np.maximum(own, 1.0), by))
        yield from found
        if found:
            return


_ALONE: Final = ("forward_ns", "optimizer_ns")
"""Parts of a step in which a rank waits for no other, beside loading."""


def _slow(samples: Sequence[Samples], own: Floats, by: str) -> Iterator[Note]:
    found, lost_ns = skews(own), beyond_others(own).mean(axis=1)
    for at in found.named.tolist():
        if found.skew[at] > _LEAST_LOG:
            yield note(
                "rank_slow",
                rank=samples[at].rank,
                host=samples[at].host,
                device=samples[at].device,
                skew_percent=round(100 * float(np.expm1(found.skew[at])), 1),
                scatter_percent=round(100 * float(np.expm1(found.scatter[at])), 1),
                lost_ms=round(float(lost_ns[at]) / 1e6, 4),
                of=by,
            )

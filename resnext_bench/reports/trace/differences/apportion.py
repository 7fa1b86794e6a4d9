"""Whole nanoseconds per step that add up: means rounded together, not each by itself."""

from collections.abc import Sequence

import numpy as np

from resnext_bench.reports.trace.reading.trace import Ns


def mean_ns(total: int, steps: int) -> int:
    """Return the mean of a sum over steps, rounded to a whole number, halves up."""
    return (2 * total + steps) // (2 * steps)


def apportioned(totals: Sequence[int], steps: int, whole: int) -> Ns:
    """Return means of sums over steps as whole numbers that add up to `whole` exactly.

    Each mean is rounded down, and what then is missing is given, 1 ns each, to those that lost most
    by it (the largest remainders), of equal ones to the first. `whole` is the rounded mean of all
    of them together, or within some ns of it, and each number is as close to its mean.
    """
    found = np.array([total // steps for total in totals], dtype=np.int64)
    if not len(found):
        assert whole == 0, "nothing cannot add up to something"
        return found
    for_each, more = divmod(whole - int(found.sum()), len(found))
    found += for_each
    lost = np.array([-(total % steps) for total in totals], dtype=np.int64)
    found[np.argsort(lost, kind="stable")[:more]] += 1
    return found

"""Figures of layouts from samples that were taken in turn: ratios, and whether they are apart."""

from collections.abc import Sequence
from math import exp
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.figures.estimates import estimate_of
from resnext_bench.reports.schema.interval import Estimate
from resnext_bench.reports.schema.layouts import LayoutRow
from resnext_bench.reports.stats.effects import Interval, ordered_interval
from resnext_bench.reports.stats.multiple import benjamini_hochberg

Floats = NDArray[np.float64]
CONFIDENCE: Final = 0.95


def ratio_of(nhwc_us: Sequence[float], nchw_us: Sequence[float]) -> tuple[Estimate, float]:
    """Return time in NHWC by time in NCHW from samples of the same rounds, and its p value.

    Rounds are reversed in turn, so the cost of coming second is fitted beside the ratio.
    """
    effects = np.log(np.asarray(nhwc_us, dtype=np.float64) / np.asarray(nchw_us, dtype=np.float64))
    found = over_rounds(effects)
    return estimate_of(found, exp), found.p


def mean_of(values: Sequence[float] | Floats) -> Estimate:
    """Return the mean over rounds with its interval."""
    return estimate_of(over_rounds(np.asarray(values, dtype=np.float64)), float)


def over_rounds(values: Floats) -> Interval:
    """Return the mean of rounds whose order alternates, with its interval."""
    found, _ = ordered_interval(values, np.resize([1.0, -1.0], len(values)), CONFIDENCE)
    return found


def adjusted(rows: Sequence[LayoutRow]) -> tuple[LayoutRow, ...]:
    """Return the rows with p values adjusted over all that have one."""
    known = [one.p for one in rows if one.p is not None]
    found = iter(benjamini_hochberg(np.array(known)) if known else ())
    return tuple(
        one if one.p is None else msgspec.structs.replace(one, q=float(next(found))) for one in rows
    )

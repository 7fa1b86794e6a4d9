"""Corrects for many comparisons: 24 cells without a change give p < .05 in 71 % of reports."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

Floats = NDArray[np.float64]


def benjamini_hochberg(p: Floats) -> Floats:
    """Return p values [cells] adjusted so that a share q of those below q is false.

    For a matrix that is searched for changes; the cells must be independent or positively dependent
    (Benjamini and Hochberg 1995).
    """
    adjusted: Floats = false_discovery_control(_checked(p), method="bh")
    return adjusted


def holm(p: Floats) -> Floats:
    """Return p values [cells] adjusted so that the probability of any false one below α is α.

    For a gate that must not fail by chance; it holds however the cells depend on one another (Holm
    1979).
    """
    values = _checked(p)
    ranked = np.argsort(values, kind="stable")
    scaled = values[ranked] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[ranked] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def _checked(p: Floats) -> Floats:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p values must be one row of numbers from 0 to 1")
    return values

"""Many comparisons at once: 24 cells without a change at p < .05 alarm in 71 % of reports."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

Floats = NDArray[np.float64]


def benjamini_hochberg(p: Floats) -> Floats:
    """Return p values [cells] adjusted so that of those below q, a share of q is false.

    For a matrix that is looked through; cells independent or positively dependent (Benjamini
    and Hochberg 1995).
    """
    adjusted: Floats = false_discovery_control(_checked(p), method="bh")
    return adjusted


def holm(p: Floats) -> Floats:
    """Return p values [cells] adjusted so that any false one below α has probability α.

    For a hard gate; holds however the cells depend on one another (Holm 1979).
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

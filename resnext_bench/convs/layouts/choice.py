"""The cheapest layouts of a network's regions: a minimum cut, solved exactly.

Each region has one of two layouts, with a cost of its own in either; where neighbours differ, maps
between them are converted, at a cost. That is a cut of a graph with two sides. It is posed as an
integer program, whose relaxation has whole solutions, so that no search is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

Floats = NDArray[np.float64]
Labels = tuple[int, ...]
"""Layout of each region: 0 or 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """A map between two regions, which is converted where their layouts differ."""

    source: int
    target: int
    out: float
    """Cost where the source has layout 0 and the target 1."""
    back: float
    """Cost where the source has layout 1 and the target 0."""


def cost_of(labels: Sequence[int], own: Floats, ways: Sequence[Way]) -> float:
    """Return the cost of an assignment; `own` [regions, 2] are the costs of either layout."""
    parts = [float(own[place, label]) for place, label in enumerate(labels)]
    return fsum([*parts, *(_way_cost(way, labels) for way in ways)])


def conversions(labels: Sequence[int], ways: Sequence[Way]) -> float:
    """Return what the conversions of an assignment cost."""
    return fsum(_way_cost(way, labels) for way in ways)


def _way_cost(way: Way, labels: Sequence[int]) -> float:
    match labels[way.source], labels[way.target]:
        case 0, 1:
            return way.out
        case 1, 0:
            return way.back
    return 0.0


def cheapest(own: Floats, ways: Sequence[Way]) -> Labels:
    """Return the assignment of least cost; an infinite cost of one layout forbids it.

    Raises ValueError for negative costs of ways, and where a region can have neither layout.
    """
    if any(min(way.out, way.back) < 0 for way in ways):
        raise ValueError("a conversion costs nothing or more")
    allowed = np.isfinite(own)
    if not allowed.any(axis=1).all():
        raise ValueError("a region can have neither layout")
    regions, steps = len(own), 2 * len(ways)
    finite = np.where(allowed, own, 0.0)
    price = [cost for way in ways for cost in (way.out, way.back)]
    low = np.concatenate([np.where(allowed[:, 0], 0.0, 1.0), np.zeros(steps)])
    high = np.concatenate([np.where(allowed[:, 1], 1.0, 0.0), np.ones(steps)])
    found = milp(
        c=np.concatenate([finite[:, 1] - finite[:, 0], price]),
        integrality=np.concatenate([np.ones(regions), np.zeros(steps)]),
        bounds=Bounds(low, high),
        constraints=_differences(ways, regions) if ways else (),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:  # it is bounded and has a solution, so this is an error of the solver
        raise RuntimeError(f"no assignment of layouts was found: {found.message}")
    return tuple(round(value) for value in found.x[:regions])


def _differences(ways: Sequence[Way], regions: int) -> LinearConstraint:
    """Bind what each way costs to its regions: out >= target - source, back >= source - target."""
    rows, columns, values = [], [], []
    for row, (way, sign) in enumerate((way, sign) for way in ways for sign in (1.0, -1.0)):
        rows += [row] * 3
        columns += [regions + row, way.target, way.source]
        values += [1.0, -sign, sign]
    shape = (2 * len(ways), regions + 2 * len(ways))
    return LinearConstraint(sparse.csr_array((values, (rows, columns)), shape=shape), lb=0.0)

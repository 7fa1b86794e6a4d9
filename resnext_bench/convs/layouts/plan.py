"""The best choice of layouts from times that were taken in turn, and what it is predicted to gain.

Which of many noisy choices looks best is partly luck. So half of the rounds choose, and the other
half predict: two rounds for the one and two for the other, so that each half has both orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.config.layouts import shortest
from resnext_bench.convs.layouts.choice import Labels, Way, cheapest
from resnext_bench.convs.layouts.network import Regions
from resnext_bench.convs.layouts.times import LAYOUTS, Times
from resnext_bench.reports.figures.layouts import mean_of
from resnext_bench.reports.schema.layouts import Mix, Parts, SideName, Versus
from resnext_bench.resnext.traffic import Dtype

Floats = NDArray[np.float64]
QUAD: Final = 4
"""Rounds are a multiple of this: two that choose, and two that predict."""
FEWEST: Final = 8
"""Fewest rounds: the half that predicts then has two of either order, and so an interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What the regions of a network cost, round by round, in µs."""

    convolutions: Floats
    """[rounds][regions][layouts]"""
    others: Floats
    """[rounds][regions][layouts]"""
    moves: Floats
    """Conversions of each passage where the source is in NHWC, and in NCHW [rounds][passages][2]"""


def best_mix(regions: Regions, times: Times, dtype: Dtype) -> Mix:
    """Return the best choice for a network, with what it is predicted to gain."""
    costs = _costs(regions, times)
    rounds = np.arange(len(costs.others))
    chooses = rounds % QUAD < QUAD // 2
    labels = _chosen(regions, costs, rounds[chooses])
    return _mix(regions, costs, labels, rounds[~chooses], dtype)


def _costs(regions: Regions, times: Times) -> Costs:
    rounds = next(iter(times.layers.values())).shape[1]
    shape = (rounds, len(regions.layers), len(LAYOUTS))
    convolutions, others = np.zeros(shape), np.zeros(shape)
    for place, layers in enumerate(regions.layers):
        for layer in layers:
            kind = convolutions if layer.kind == "conv" else others
            kind[:, place] += times.layers[layer.name].T
    moves = [times.moves[one.conversion] for one in regions.passages]
    back = np.array([one.has_gradient for one in regions.passages])[:, None]
    out = [there + back_ * again for (there, again), back_ in zip(moves, back, strict=True)]
    home = [again + back_ * there for (there, again), back_ in zip(moves, back, strict=True)]
    return Costs(
        convolutions=convolutions,
        others=others,
        moves=np.stack([np.array(out).T, np.array(home).T], axis=-1),
    )


def _chosen(regions: Regions, costs: Costs, rounds: NDArray[np.int64]) -> Labels:
    own = np.median((costs.convolutions + costs.others)[rounds], axis=0)
    moves = np.median(costs.moves[rounds], axis=0)
    ways = [
        Way(source=one.source, target=one.target, out=float(out), back=float(back))
        for one, (out, back) in zip(regions.passages, moves, strict=True)
    ]
    return cheapest(own, ways)


def _mix(
    regions: Regions, costs: Costs, labels: Labels, rounds: NDArray[np.int64], dtype: Dtype
) -> Mix:
    count = len(labels)
    all_labels: dict[SideName, Labels] = {"nhwc": (0,) * count, "nchw": (1,) * count}
    if labels not in all_labels.values():
        all_labels["mixed"] = labels
    able = {name: one for name, one in all_labels.items() if _is_able(costs, one)}
    parts = {
        name: [part[rounds] for part in _parts(regions, costs, one)] for name, one in able.items()
    }
    totals = {name: np.sum(one, axis=0) / 1e3 for name, one in parts.items()}
    base = labels[0]
    others = [
        layer.name
        for layers, label in zip(regions.layers, labels, strict=True)
        for layer in layers
        if label != base
    ]
    return Mix(
        dtype=dtype,
        sides=tuple(able),
        base=LAYOUTS[base],
        other_layout=shortest(others, regions.names),
        nhwc=_convolutions(regions, labels, 0),
        nchw=_convolutions(regions, labels, 1),
        converted=sum(labels[one.source] != labels[one.target] for one in regions.passages),
        parts=tuple(_mean_parts(one) for one in parts.values()),
        versus=tuple(
            Versus(side=side, over=over, predicted_ms=mean_of(totals[over] - totals[side]))
            for side, over in pairs_of(tuple(able))
        ),
    )


def pairs_of(sides: Sequence[SideName]) -> list[tuple[SideName, SideName]]:
    """Return which side is compared with which: the mixed one with the pure ones, and these."""
    pairs: list[tuple[SideName, SideName]]
    pairs = [("mixed", "nhwc"), ("mixed", "nchw"), ("nhwc", "nchw")]
    return [pair for pair in pairs if set(pair) <= set(sides)]


def _is_able(costs: Costs, labels: Labels) -> bool:
    """Return whether all layers can run in a choice."""
    return bool(np.isfinite(costs.convolutions[:, np.arange(len(labels)), labels]).all())


def _convolutions(regions: Regions, labels: Labels, wanted: int) -> tuple[str, ...]:
    return tuple(
        layer.name
        for layers, label in zip(regions.layers, labels, strict=True)
        for layer in layers
        if layer.kind == "conv" and label == wanted
    )


def _parts(regions: Regions, costs: Costs, labels: Labels) -> tuple[Floats, Floats, Floats]:
    """Return convolutions, others and conversions of a choice, µs [rounds]."""
    places = np.arange(len(labels))
    moved = np.zeros(len(costs.others))
    for at, one in enumerate(regions.passages):
        if labels[one.source] != labels[one.target]:
            moved += costs.moves[:, at, labels[one.source]]
    return (
        costs.convolutions[:, places, labels].sum(axis=1),
        costs.others[:, places, labels].sum(axis=1),
        moved,
    )


def _mean_parts(parts: Sequence[Floats]) -> Parts:
    convolutions, others, conversions = (float(np.mean(one)) / 1e3 for one in parts)
    return Parts(convolutions=convolutions, others=others, conversions=conversions)

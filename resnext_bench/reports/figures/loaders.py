"""The rates of loaders without training, and the number of threads beyond which more do not pay."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.figures.estimates import estimate_of
from resnext_bench.reports.schema.loaders import Knee, LoaderRate, Setting
from resnext_bench.reports.stats.effects import t_interval

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.99
KNEE: Final = 0.95
"""Share of the best rate that the knee must reach."""


def rate_of(setting: Setting, step_ms: Floats, images: int, cores: float) -> LoaderRate:
    """Return the rate of a setting from ms of a batch [rounds]; it has `images` on all ranks."""
    rates = 1e3 * images / step_ms
    found = t_interval(np.log(rates), CONFIDENCE)
    return LoaderRate(
        setting=setting,
        rounds=tuple(round(float(rate), 2) for rate in rates),
        images_per_s=estimate_of(found, np.exp),
        cores=round(cores, 3),
    )


def knees_of(rates: Sequence[LoaderRate]) -> tuple[Knee, ...]:
    """Return the knee of each pipeline and place of decoding, by the means over rounds."""
    kinds = dict.fromkeys(rate.setting.kind for rate in rates)
    return tuple(_knee([rate for rate in rates if rate.setting.kind == kind]) for kind in kinds)


def _knee(rates: Sequence[LoaderRate]) -> Knee:
    best = max(rate.images_per_s.value for rate in rates)
    enough = [rate for rate in rates if rate.images_per_s.value >= KNEE * best]
    first = min(enough, key=lambda rate: rate.setting.loader_threads)
    return Knee(
        setting=first.setting,
        of_best=round(first.images_per_s.value / best, 4),
        most_threads=max(rate.setting.loader_threads for rate in rates),
    )

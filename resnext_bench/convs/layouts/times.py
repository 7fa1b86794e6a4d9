"""Takes the times of everything whose layout is chosen: convolutions, norms, pools, conversions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.convs.layouts.child import answers
from resnext_bench.convs.layouts.jobs import SIDES, MapsAnswer, MapsJob, MapTask
from resnext_bench.convs.layouts.network import Regions
from resnext_bench.convs.times.sides import Timed
from resnext_bench.convs.times.timing import Tell, seat_here
from resnext_bench.reports.figures.layouts import ratio_of
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.reports.schema.layouts import LayoutRow, OtherRow
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Dtype, Layout

Floats = NDArray[np.float64]
LAYOUTS: Final[tuple[Layout, Layout]] = ("nhwc", "nchw")
"""Layouts by their labels."""
CHILD: Final = "resnext_bench.convs.measuring.maps"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One operation of one convolution in one type, in both layouts, which took turns."""

    layers: tuple[str, ...]
    operation: Operation
    dtype: Dtype
    sides: tuple[Timed, Timed]
    """NHWC and NCHW."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """µs of everything that is timed of a step, round by round."""

    layers: Mapping[str, Floats]
    """All operations of a layer by its name [layouts][rounds]; infinite where it cannot run."""
    moves: Mapping[MapTask, Floats]
    """Conversion of a map from NHWC to NCHW, and back [2][rounds]."""


def pairs_of(found: Sequence[Sequence[Timed]]) -> Iterator[Pair]:
    """Yield both layouts of each type of each problem, whose sides are in the order of a group."""
    for group in found:
        for nhwc, nchw in _twos(group):
            side = nhwc.side
            yield Pair(
                layers=side.convolution.layers,
                operation=side.operation,
                dtype=side.convolution.dtype,
                sides=(nhwc, nchw),
            )


def _twos(group: Sequence[Timed]) -> Iterator[tuple[Timed, Timed]]:
    return zip(group[::2], group[1::2], strict=True)


def time_others(
    tasks: Iterable[MapTask], *, rounds: int, block_s: float, threads: int | None, tell: Tell
) -> dict[MapTask, OtherRow]:
    """Time norms, pools and conversions, each once."""
    once = tuple(dict.fromkeys(tasks))
    seat = seat_here(threads)
    job = MapsJob(
        tasks=once,
        rounds=rounds,
        block_s=block_s,
        threads=seat.threads,
        cores=tuple(seat.cores),
    )
    activity, found = "norms, pools and conversions in turn", []
    tell(activity, 0, len(once))
    for answer in answers(CHILD, job, seat.threads, MapsAnswer):
        found.append(answer.samples_us)
        tell(activity, answer.done, len(once))
    return {
        task: OtherRow(
            kind=task.kind,
            shape=task.shape,
            dtype=task.dtype,
            sides=SIDES[task.kind == "convert"],
            samples_us=samples,
        )
        for task, samples in zip(once, found, strict=True)
    }


def tasks_of(regions: Regions) -> list[MapTask]:
    """Return what is timed of a network beside its convolutions."""
    return [*regions.tasks.values(), *(one.conversion for one in regions.passages)]


def times_of(
    regions: Regions, pairs: Iterable[Pair], others: Mapping[MapTask, OtherRow], rounds: int
) -> Times:
    """Return what each layer and each conversion takes, round by round.

    Raises ValueError where a norm, a pool or a conversion was not timed.
    """
    if missing := [one for one in tasks_of(regions) if one not in others]:
        kinds = ", ".join(dict.fromkeys(one.kind for one in missing))
        raise ValueError(f"not everything could be timed: {kinds}")
    layers = {name: np.zeros((len(LAYOUTS), rounds)) for name in regions.names}
    for pair in pairs:
        took = np.array([one.samples_us or [np.inf] * rounds for one in pair.sides])
        for name in pair.layers:
            layers[name] = layers[name] + took
    for name, task in regions.tasks.items():
        forward_and_backward = np.array(others[task].samples_us).reshape(2, len(LAYOUTS), rounds)
        layers[name] = forward_and_backward.sum(axis=0)
    conversions = dict.fromkeys(one.conversion for one in regions.passages)
    return Times(
        layers=layers, moves={one: np.array(others[one].samples_us) for one in conversions}
    )


def rows_of(pairs: Iterable[Pair], convolutions: Sequence[Convolution]) -> Iterator[LayoutRow]:
    """Yield a row of the table for each operation."""
    for pair in pairs:
        nhwc, nchw = (one.samples_us for one in pair.sides)
        ratio, p = ratio_of(nhwc, nchw) if nhwc and nchw else (None, None)
        yield LayoutRow(
            convolution=convolutions.index(pair.sides[0].side.convolution),
            operation=pair.operation,
            dtype=pair.dtype,
            nhwc_us=geometric_mean(nhwc) if nhwc else None,
            nchw_us=geometric_mean(nchw) if nchw else None,
            ratio=ratio,
            p=p,
            kernels=(pair.sides[0].kernel, pair.sides[1].kernel),
            why="; ".join(dict.fromkeys(one.why for one in pair.sides if one.why)),
        )

"""Takes the times of everything whose layout is chosen: convolutions, norms, pools, conversions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from resnext_bench.convs.layouts.child import answers
from resnext_bench.convs.layouts.jobs import SIDES, MapsAnswer, MapsJob, MapTask
from resnext_bench.convs.layouts.network import Regions
from resnext_bench.convs.problems import Asked
from resnext_bench.convs.sides import Facts, Timed, TimedSide
from resnext_bench.convs.timing import seat_here, time_in_turn
from resnext_bench.reports.figures.layouts import ratio_of
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.reports.schema.layouts import LayoutRow, OtherRow
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.resnext.traffic import Layout

Floats = NDArray[np.float64]
LAYOUTS: Final[tuple[Layout, Layout]] = ("nhwc", "nchw")
"""Layouts by their labels."""
CHILD: Final = "resnext_bench.convs.measuring.maps"

Tell = Callable[[str, int, int], None]
"""Called with the activity, how many items are done, and of how many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How everything is timed."""

    rounds: int
    block_s: float
    threads: int
    tell: Tell
    learn: Callable[[Facts], None] = lambda facts: None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One operation of one convolution in both layouts, which took turns."""

    asked: Asked
    operation: Operation
    sides: tuple[Timed, Timed]
    """NHWC and NCHW."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """µs of everything that is timed of a step, round by round."""

    layers: Mapping[str, Floats]
    """All operations of a layer by its name [layouts][rounds]; infinite where it cannot run."""
    moves: Mapping[MapTask, Floats]
    """Conversion of a map from NHWC to NCHW, and back [2][rounds]."""


def time_convolutions(asked: Sequence[Asked], how: Manner) -> list[Pair]:
    """Time every operation of these convolutions in both layouts, whatever theirs."""
    wanted = [(one, operation) for one in asked for operation in one.operations]
    groups = [
        [
            TimedSide(convolution=_in(one.convolution, layout), operation=operation)
            for layout in LAYOUTS
        ]
        for one, operation in wanted
    ]
    found = time_in_turn(
        groups,
        rounds=how.rounds,
        block_s=how.block_s,
        tell=how.tell,
        threads=how.threads,
        learn=how.learn,
    )
    return [
        Pair(asked=one, operation=operation, sides=(nhwc, nchw))
        for (one, operation), (nhwc, nchw) in zip(wanted, found, strict=True)
    ]


def _in(convolution: Convolution, layout: Layout) -> Convolution:
    return msgspec.structs.replace(convolution, layout=layout)


def time_others(tasks: Sequence[MapTask], how: Manner) -> dict[MapTask, OtherRow]:
    """Time norms, pools and conversions, each once."""
    once = tuple(dict.fromkeys(tasks))
    seat = seat_here(how.threads)
    job = MapsJob(
        tasks=once,
        rounds=how.rounds,
        block_s=how.block_s,
        threads=seat.threads,
        cores=tuple(seat.cores),
    )
    activity, found = "norms, pools and conversions in turn", []
    how.tell(activity, 0, len(once))
    for answer in answers(CHILD, job, seat.threads, MapsAnswer):
        found.append(answer.samples_us)
        how.tell(activity, answer.done, len(once))
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
    regions: Regions, pairs: Sequence[Pair], others: Mapping[MapTask, OtherRow], rounds: int
) -> Times:
    """Return what each layer and each conversion takes, round by round."""
    layers = {name: np.zeros((len(LAYOUTS), rounds)) for name in regions.names}
    for pair in pairs:
        took = np.array([one.samples_us or [np.inf] * rounds for one in pair.sides])
        for name in pair.asked.convolution.layers:
            layers[name] = layers[name] + took
    for name, task in regions.tasks.items():
        forward_and_backward = np.array(others[task].samples_us).reshape(2, len(LAYOUTS), rounds)
        layers[name] = forward_and_backward.sum(axis=0)
    conversions = dict.fromkeys(one.conversion for one in regions.passages)
    return Times(
        layers=layers, moves={one: np.array(others[one].samples_us) for one in conversions}
    )


def rows_of(pairs: Sequence[Pair], words: Callable[[Convolution], str]) -> Iterator[LayoutRow]:
    """Yield a row of the table for each operation; `words` describe a convolution."""
    for pair in pairs:
        nhwc, nchw = (one.samples_us for one in pair.sides)
        both = bool(nhwc and nchw)
        ratio, p = ratio_of(nhwc, nchw) if both else (None, None)
        conv = pair.asked.convolution
        yield LayoutRow(
            layers=conv.layers,
            shape=words(conv),
            operation=pair.operation,
            dtype=conv.dtype,
            nhwc_us=median(nhwc) if nhwc else None,
            nchw_us=median(nchw) if nchw else None,
            ratio=ratio,
            p=p,
            kernels=(pair.sides[0].kernel, pair.sides[1].kernel),
            why="; ".join(dict.fromkeys(one.why for one in pair.sides if one.why)),
        )

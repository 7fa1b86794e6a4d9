"""FLOP and bytes of each module, and how much of its time is of kernels that they do not cover."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.analysis import Analysis
from resnext_bench.reports.trace.kernels.directions import DIRECTIONS
from resnext_bench.reports.trace.kernels.timed import apart
from resnext_bench.reports.trace.layers.known import NOTHING, Known, of_network, trained
from resnext_bench.reports.trace.layers.places import Places, Source
from resnext_bench.reports.trace.layers.recorded import Recorded, Shape, recorded
from resnext_bench.reports.trace.layers.sums import CallCounts, summed
from resnext_bench.reports.trace.layers.tree import Tree
from resnext_bench.reports.trace.layers.work import Placed, origins
from resnext_bench.reports.trace.names.classes import ELIGIBLE
from resnext_bench.reports.trace.names.convs import Kind as Direction
from resnext_bench.reports.trace.reading.trace import Ids, Ns

MODEL: Final = "model"
SHAPES: Final = "shapes"
NONE: Final = "none"
_TOLD: Final = tuple(DIRECTIONS.index(one) for one in (Direction.INPUT, Direction.WEIGHT))
_OPEN: Final = tuple(DIRECTIONS.index(one) for one in (Direction.BACKWARD, Direction.UNDETERMINED))
_COLUMNS: Final = (
    "forward_flop",
    "backward_flop",
    "bytes",
    "eligible_ns",
    "uncounted_ns",
    "unsized_ns",
    "cut_ns",
)


Amount = tuple[int, int]
"""FLOP, and those of them that are forward."""
_NOTHING: Final = (0, 0)


def _sum(one: Amount, other: Amount) -> Amount:
    return one[0] + other[0], one[1] + other[1]


class Amounts(TypedDict):
    """What a module computes and moves, as fields of a row."""

    forward_flop: int | None
    backward_flop: int | None
    uncounted_ns: int
    bytes: int | None
    unsized_ns: int
    cut_ns: int


class Rates(TypedDict):
    """How fast, likewise."""

    tflops: float | None
    gb_per_s: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Arithmetic:
    """Columns with a row for each module, without the modules below it."""

    source: str
    """Where FLOP are from."""
    forward_flop: Ns
    backward_flop: Ns
    """What is computed again included."""
    bytes: Ns
    eligible_ns: Ns
    """Time of convolutions, products and attention, without calls that the range cuts."""
    uncounted_ns: Ns
    """Of that the time of those whose FLOP are not known."""
    unsized_ns: Ns
    """Time of all kernels whose bytes are not known."""
    cut_ns: Ns
    """Time of calls that the range cuts: in none of the above."""
    shapes: Mapping[int, Mapping[Shape, Amount]]
    """Of each module the FLOP of each shape."""

    def with_below(self, tree: Tree) -> "Arithmetic":
        """Return the same with all modules below each."""
        shapes = {node: dict(own) for node, own in self.shapes.items()}
        for node in range(len(tree) - 1, -1, -1):
            above = int(tree.above[node])
            if above >= 0 and node in shapes:
                into = shapes.setdefault(above, {})
                for what, amount in shapes[node].items():
                    into[what] = _sum(into.get(what, _NOTHING), amount)
        return self._with(shapes=shapes, **{n: tree.summed(getattr(self, n)) for n in _COLUMNS})

    def _with(self, **columns: Any) -> "Arithmetic":
        return replace(self, **columns)

    def main_shape(self, node: int) -> tuple[str, str]:
        """Return the shape with most FLOP and its type, both empty where none is recorded.

        Of those with as many, as the products of a linear layer have, it is that of the forward.
        """
        own = self.shapes.get(node)
        if not own:
            return "", ""
        return max(own, key=lambda one: (*own[one], one))

    def amounts(self, node: int) -> Amounts:
        """Return FLOP and bytes, None where nothing of them is known."""
        uncounted, eligible = int(self.uncounted_ns[node]), int(self.eligible_ns[node])
        cut = int(self.cut_ns[node])
        counted = self.source != NONE and (uncounted < eligible or not (uncounted or cut))
        return Amounts(
            forward_flop=int(self.forward_flop[node]) if counted else None,
            backward_flop=int(self.backward_flop[node]) if counted else None,
            uncounted_ns=uncounted,
            bytes=int(self.bytes[node]) or None,
            unsized_ns=int(self.unsized_ns[node]),
            cut_ns=cut,
        )

    def rates(self, node: int, time: int) -> Rates:
        """Return 10^12 FLOP/s and 10^9 bytes/s over a time in ns, of those that are known.

        Calls that the range cuts are in neither.
        """
        time -= int(self.cut_ns[node])
        flop = int(self.forward_flop[node] + self.backward_flop[node])
        moved = int(self.bytes[node])
        return Rates(
            tflops=flop / time / 1e3 if flop and time else None,
            gb_per_s=moved / time if moved and time else None,
        )


def arithmetic(
    analysis: Analysis, places: Places, put: Placed, calls: CallCounts | None, backward: Ns
) -> Arithmetic:
    """Find it: of a network of ours by its layers' names, of others by recorded shapes.

    `backward`: time of each module's own backward, what is computed again included.
    """
    trace, work, count = analysis.trace, analysis.work, len(places.tree)
    told = recorded(trace, analysis.links)
    call = told.of_host[origins(analysis, work.itself)]
    if analysis.device is None:
        call = np.where(call < 0, told.inside[work.itself], call)
    times = _times(told, call, work.direction)
    counted, sized = (np.append((one >= 0) & (times > 0), False) for one in (told.flop, told.bytes))
    is_cut = np.zeros(len(told.row) + 1, dtype=bool)
    is_cut[told.of_host[analysis.links.cut]] = True
    is_cut[-1] = False
    is_replay = work.replay > 0
    of_cut = np.where(is_replay, analysis.links.is_cut(work.replay) & (call >= 0), is_cut[call])
    eligible = work.of(*ELIGIBLE) & ~of_cut
    inside = put.module >= 0

    def time(which: NDArray[np.bool_]) -> Ns:
        return summed(put.module[which & inside], work.duration[which & inside], count)

    ran = np.unique(apart(call, work.replay, len(told.row))[(call >= 0) & ~of_cut])
    counts = np.bincount(ran % max(1, len(told.row)), minlength=len(told.row))
    flop, shapes = _by_shapes(places, told, times, counts)
    found = Arithmetic(
        source=SHAPES if counted.any() else NONE,
        forward_flop=flop[0],
        backward_flop=flop[1],
        bytes=flop[2],
        shapes=shapes,
        eligible_ns=time(eligible),
        uncounted_ns=time(eligible & ~counted[call]),
        unsized_ns=time(~sized[call] & ~of_cut),
        cut_ns=time(of_cut),
    )
    ours = trained(trace.header) if places.source is Source.LABELS else None
    network = of_network(ours) if ours else None
    if network is None or calls is None or analysis.steps.source.kind == "range":
        return found
    return _by_network(found, places.tree, network, calls, backward)


def _times(told: Recorded, call: Ids, direction: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return how many directions each call computes; where it is not told its kernels tell it."""

    def has(*these: int) -> NDArray[np.bool_]:
        found = np.zeros(len(told.row) + 1, dtype=bool)
        found[call[np.isin(direction, these)]] = True
        return found[:-1]

    count = sum(has(one).astype(np.int64) for one in _TOLD)
    by_kernels = np.where((count < len(_TOLD)) & has(*_OPEN), -1, count)
    return np.where(told.times >= 0, told.times, by_kernels)


def _by_shapes(
    places: Places, told: Recorded, times: NDArray[np.int64], ran: NDArray[np.int64]
) -> tuple[tuple[Ns, Ns, Ns], dict[int, dict[Shape, Amount]]]:
    """Return FLOP forward, backward, and bytes of each module, and its FLOP by shape.

    `ran`: how often each call did, in used steps, and not cut by a range; graphs repeat calls.
    """
    count = len(places.tree)
    module = places.at[told.row]
    used = (module >= 0) & (ran > 0) & (times > 0)
    times = times * ran
    counted, sized = used & (told.flop >= 0), used & (told.bytes >= 0)
    back = places.node[told.row] >= 0

    def flop(which: NDArray[np.bool_]) -> Ns:
        return summed(module[which], (told.flop * times)[which], count)

    shapes: dict[int, dict[Shape, Amount]] = {}
    keys = np.stack([module[used], told.what[used], back[used]], axis=1)
    distinct, at = np.unique(keys, axis=0, return_inverse=True)
    amounts = summed(at.reshape(-1), np.maximum(told.flop * times, 0)[used], len(distinct))
    for (one, what, is_back), amount in zip(distinct.tolist(), amounts.tolist(), strict=True):
        own, shape = shapes.setdefault(one, {}), told.shapes[what]
        own[shape] = _sum(own.get(shape, _NOTHING), (amount, 0 if is_back else amount))
    moved = summed(module[sized], (told.bytes * times)[sized], count)
    return (flop(counted & ~back), flop(counted & back), moved), shapes


def _by_network(
    found: Arithmetic, tree: Tree, network: Mapping[str, Known], calls: CallCounts, backward: Ns
) -> Arithmetic:
    """Return the same with FLOP and bytes of the network's layers in the place of recorded ones.

    Layers that are no module, such as an addition, are a part of the module that they are in.
    """
    modules = {".".join(tree.path(node)): node for node in range(len(tree))}
    known: dict[int, Known] = {}
    for name, layer in network.items():
        node = modules.get(name, modules.get(name.rpartition(".")[0]))
        if node is not None:
            known[node] = known.get(node, NOTHING) + layer
    columns = {name: getattr(found, name).copy() for name in _COLUMNS}
    for node, one in known.items():
        times, again = int(calls.forward[node]), int(calls.again[node])
        back = times if backward[node] else 0
        columns["forward_flop"][node] = times * one.forward_flop
        columns["backward_flop"][node] = back * one.backward_flop + again * one.forward_flop
        moved = (times + again) * one.forward_bytes + back * one.backward_bytes
        columns["bytes"][node] = moved
        columns["uncounted_ns"][node] = columns["unsized_ns"][node] = 0
    return replace(found, source=MODEL, **columns)

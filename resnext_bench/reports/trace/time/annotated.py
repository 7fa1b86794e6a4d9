"""Steps of a trace that the profiler does not mark, by annotations of the program that repeat.

`execute_context_3…` of a server, `step[DECODE bs=4]`, `train_step 12`, `Optimizer.step#SGD.step`:
rows of one thread whose names differ in numbers alone. Asked in this order:

1. Rows that hold nearly all of the work themselves: a step lasts from one to the next. Of rows
   within rows the outermost that repeat are steps; names that say so (step, iteration, execute_)
   go first, if most of the work is in such steps.
2. Several that take turns and hold most of the work together, such as forward and backward.
3. Optimizer.step: it ends a step.
4. Rows that hold most of the work themselves.
5. Rows with the same number of launches from each of them to the next.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.schema.trace_time import StepsFrom
from resnext_bench.reports.trace.layers.paths import LABEL
from resnext_bench.reports.trace.names.communication import is_communication
from resnext_bench.reports.trace.reading.trace import Kind, Ns, Trace
from resnext_bench.reports.trace.time.intervals import Windows
from resnext_bench.reports.trace.time.links import Links
from resnext_bench.reports.trace.time.marks import Marks, opened
from resnext_bench.reports.trace.time.nest import inherited

_MOST: Final = 0.5
"""Share of the work that steps have to hold."""
_NEARLY_ALL: Final = 0.9
_ALIKE: Final = 0.1
"""By which numbers of launches may differ, of their median."""
_FEWEST: Final = 2
"""Steps behind a first one that has most of the work, from which on they are steps."""
_LONGEST_TURN: Final = 64
"""Annotations in a step that take turns."""
_NO_STEP: Final = re.compile(
    r"enumerate\(DataLoader\)|\w*DataLoader\w*\.|## next batch ##|PyTorch Profiler|.*zero_grad|"
    r"(?i:.*epoch)"
)
_STEP: Final = re.compile(
    r"(## )?(execute_|step\[|(?i:(train(ing)?|eval(uation)?|val(idation)?|test)?[ _]?"
    r"(step|iter(ation)?|batch)(?![a-z])))"
)
_OPTIMIZER: Final = re.compile(r"Optimizer\.step#|## optim(izer)?\w* ##|(?i:optim(izer)?[._ ]step)")
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """When what was launched, on a device; on a CPU the outermost operators."""

    moment: Ns
    """Sorted."""
    time: Ns
    """How long it took, added up; one more than moments."""

    def count(self, start: Ns, end: Ns) -> Ns:
        """Return how many launches lie in each window."""
        return np.searchsorted(self.moment, end) - np.searchsorted(self.moment, start)

    def share(self, start: Ns, end: Ns, since: int | None = None) -> float:
        """Return the share of all work, or of that `since` a moment, that lies in these windows."""
        held = self.time[np.searchsorted(self.moment, end)]
        held = held - self.time[np.searchsorted(self.moment, start)]
        before = 0 if since is None else int(self.time[np.searchsorted(self.moment, since)])
        return float(held.sum()) / max(1, int(self.time[-1]) - before)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Annotations of one thread whose names differ in numbers alone, none within another."""

    label: str
    names: tuple[str, ...]
    thread: int
    start: Ns
    end: Ns


def by_annotation(trace: Trace, links: Links, device: int | None) -> Marks | None:
    """Return the steps that annotations tell; None where they tell none."""
    work = _work(trace, links, device)
    rows = list(_repeating(trace))
    if not len(work.moment) or not rows:
        return None
    return (
        _holding(rows, work, _NEARLY_ALL)
        or _in_turns(rows, work)
        or _to_optimizer(rows, work, int(trace.host.start.min()))
        or _holding(rows, work, _MOST)
        or _alike(rows, work)
    )


def _work(trace: Trace, links: Links, device: int | None) -> _Work:
    host = trace.host
    if device is None:
        operator = host.kind == Kind.OPERATOR
        own = np.where(operator, np.int32(1), np.int32(-1))
        above = np.append(inherited(own, links.parent), np.int32(-1))[links.parent]
        rows = np.flatnonzero(operator & (above < 0))
        moment, time = host.start[rows], host.duration[rows]
    else:
        mine = (trace.device.device == device) & (links.launch >= 0)
        moment, time = host.start[links.launch[mine]], trace.device.duration[mine]
    order = np.argsort(moment, kind="stable")
    return _Work(moment=moment[order], time=np.append(0, np.cumsum(time[order])))


def _repeating(trace: Trace) -> Iterator[_Rows]:
    """Yield annotations that could be steps or parts of them."""
    host = trace.host
    annotation = np.flatnonzero(host.kind == Kind.ANNOTATION)
    used = np.unique(host.name[annotation])
    labels: dict[str, int] = {}
    label = np.full(len(trace.names), -1)
    for name in used.tolist():
        if told := _label(trace.names[name]):
            label[name] = labels.setdefault(told, len(labels))
    rows = annotation[label[host.name[annotation]] >= 0]
    key = host.thread[rows].astype(np.int64) * max(1, len(labels)) + label[host.name[rows]]
    order = np.argsort(key, kind="stable")
    texts = tuple(labels)
    for part in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        mine = rows[part]
        reach = np.maximum.accumulate(host.end[mine]) if len(mine) else mine
        outer = mine[np.append(True, host.start[mine][1:] >= reach[:-1])] if len(mine) else mine
        if len(outer) >= 2:
            yield _Rows(
                label=texts[label[host.name[outer[0]]]],
                names=tuple(trace.names[one] for one in host.name[outer]),
                thread=int(host.thread[outer[0]]),
                start=host.start[outer],
                end=host.end[outer],
            )


def _label(name: str) -> str | None:
    """Return a name without its numbers; None of what is no part of a step, or a layer."""
    if _NO_STEP.match(name) or LABEL.match(name) or is_communication(name):
        return None
    if name.startswith("execute_"):
        return "execute_…"
    if name.startswith("step["):
        return "step[…]"
    return _NUMBER.sub("N", name)


def _holding(rows: Sequence[_Rows], work: _Work, least: float) -> Marks | None:
    """Return the outermost rows that hold at least this share of the work themselves."""
    found = [one for one in map(_each_first, rows) if _holds(one, work, least)]
    if not found:
        return None
    best = max(found, key=lambda one: (_says_step(one), int((one.end - one.start).sum())))
    return _from_each(best, work)


def _holds(rows: _Rows, work: _Work, least: float) -> bool:
    if _says_step(rows):
        return work.share(rows.start, _ends(rows, work)) >= _MOST
    return work.share(rows.start, rows.end) >= least


def _says_step(rows: _Rows) -> bool:
    return bool(_STEP.match(rows.label))


def _each_first(rows: _Rows) -> _Rows:
    """Return every n-th row where n names take turns, as layer_0, layer_1, … do in each step."""
    if _says_step(rows):
        return rows
    _, ids = np.unique(np.array(rows.names), return_inverse=True)
    turn = len(np.unique(ids))
    if not 1 < turn <= len(ids) // 2 or (ids[turn:] != ids[:-turn]).any():
        return rows
    last = len(ids) // turn * turn
    return _Rows(
        label=f"{rows.names[0]} … {rows.names[turn - 1]}",
        names=rows.names[:last:turn],
        thread=rows.thread,
        start=rows.start[:last:turn],
        end=rows.end[turn - 1 : last : turn],
    )


def _from_each(rows: _Rows, work: _Work) -> Marks:
    """Return steps from each row to the next."""
    return Marks(
        source=StepsFrom(kind="annotation", name=rows.label),
        numbers=_numbers(rows.names),
        windows=Windows(start=rows.start, end=_ends(rows, work)),
    )


def _ends(rows: _Rows, work: _Work) -> Ns:
    """Return where the next row begins; the last step is as long as others if work lies between."""
    end = np.append(rows.start[1:], rows.end[-1:])
    if work.count(rows.end[:-1], end[:-1]).any():
        end[-1] = max(end[-1], rows.start[-1] + np.diff(rows.start).max())
    return end


def _numbers(names: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers in the names if they count, else 1, 2, …"""
    told = [
        _NUMBER.findall(name) and [int(one) for one in re.findall(r"\d+", name)] for name in names
    ]
    if all(len(one) == 1 and one[0] < 10**9 for one in told):
        found = [one[0] for one in told]
        if all(one < other for one, other in pairwise(found)):
            return tuple(found)
    return tuple(range(1, len(names) + 1))


def _in_turns(rows: Sequence[_Rows], work: _Work) -> Marks | None:
    """Return steps of several annotations that take turns, and hold most of the work together."""
    by_thread: dict[int, list[_Rows]] = {}
    for one in rows:
        by_thread.setdefault(one.thread, []).append(one)
    mine = max(by_thread.values(), key=lambda some: sum(work.share(o.start, o.end) for o in some))
    which = np.repeat(np.arange(len(mine)), [len(one.start) for one in mine])
    start = np.concatenate([one.start for one in mine])
    end = np.concatenate([one.end for one in mine])
    order = np.lexsort((-end, start))
    which, start, end = which[order], start[order], end[order]
    outer = np.append(True, start[1:] >= np.maximum.accumulate(end)[:-1])
    which, start, end = which[outer], start[outer], end[outer]
    turn = _turn(which)
    if not turn or work.share(start, end) < _MOST:
        return None
    first = _after_optimizer(mine, which[:turn]) if len(which) // turn > 1 else 0
    start, which = start[first:], which[first:]
    whole = len(start) // turn
    if whole < 2:
        return None
    last = whole * turn
    bounds = start[:last:turn]
    after = start[last] if last < len(start) else end[first + last - 1]
    return Marks(
        source=StepsFrom(
            kind="annotation", name=", ".join(mine[one].label for one in which[:turn].tolist())
        ),
        numbers=tuple(range(1, whole + 1)),
        windows=Windows(start=bounds, end=np.append(bounds[1:], after)),
    )


def _turn(which: NDArray[np.intp]) -> int:
    """Return how many annotations make one step; 0: they do not take turns."""
    for turn in range(2, min(_LONGEST_TURN, len(which) // 2) + 1):
        if (which[turn:] == which[:-turn]).all():
            return turn
    return 0


def _after_optimizer(rows: Sequence[_Rows], turn: NDArray[np.intp]) -> int:
    """Return where in a turn a step begins: behind the optimizer, if it takes part."""
    for at in reversed(range(len(turn))):
        if _OPTIMIZER.match(rows[turn[at]].label):
            return (at + 1) % len(turn)
    return 0


def _to_optimizer(rows: Sequence[_Rows], work: _Work, recorded: int) -> Marks | None:
    """Return steps that end with the optimizer's; the first if it is as long as the others."""
    found = [one for one in rows if _OPTIMIZER.match(one.label)]
    if not found:
        return None
    best = max(found, key=lambda one: (len(one.start), int(one.end[-1])))
    begun = min(int(work.moment[0]), int(best.start[0]))
    start, end = np.append(begun, best.end[:-1]), best.end
    count = work.count(start, end)
    median = float(np.median(count[1:]))
    if abs(int(count[0]) - median) > _ALIKE * median:  # the trace began within it
        start, end, count = start[1:], end[1:], count[1:]
        windows = Windows(start=start, end=end)
        # Warming up, it may have most of the work: steps that are alike are judged without it.
        since = int(start[0]) if _are_alike(count) else None
    else:
        windows = opened(Windows(start=start, end=end), recorded)
        since = None
    if work.share(windows.start, end, since) < _MOST:
        return None
    return Marks(
        source=StepsFrom(kind="annotation", name=best.label),
        numbers=tuple(range(1, len(end) + 1)),
        windows=windows,
    )


def _are_alike(count: Ns) -> bool:
    """Return whether these are two steps or more with about as many launches each."""
    median = float(np.median(count))
    near = np.abs(count - median) <= _ALIKE * median
    return len(count) >= _FEWEST and int(count.min()) > 0 and bool(near.all())


def _alike(rows: Sequence[_Rows], work: _Work) -> Marks | None:
    """Return steps from row to row with the same number of launches; the first of such rows."""
    found = []
    for one in rows:
        marks = _from_each(one, work)
        start, end = marks.windows.start, marks.windows.end
        count = work.count(start, end)
        near = np.abs(count - np.median(count)) <= _ALIKE * np.median(count)
        even = len(start) >= 3 and bool(near[:-1].all()) and count.min() > 0
        if even and work.share(start, end) >= _MOST:
            found.append((len(start), int(start[0]), marks))
    return min(found, key=lambda one: one[:2])[2] if found else None

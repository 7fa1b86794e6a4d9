"""Rows of which only the whole trace tells what they are.

`mtia_ccp_events` is what an MTIA computes; forks of kineto write it beside their kernels, for
events. `hpu_op` is what a Gaudi computes, and on the host a call of its runtime. They are put among
the rows of the device, and those that turn out to be something else are taken out in the end.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.trace.reading.categories import Doubt
from resnext_bench.reports.trace.reading.growing import Growing
from resnext_bench.reports.trace.reading.trace import Kind
from resnext_bench.reports.trace.reading.unread import Pile

_COPY, _FILL = (
    re.compile(r"mem_?(cpy|copy)|dma", re.IGNORECASE),
    re.compile(r"memset", re.IGNORECASE),
)
_DOUBTS: Final = (Doubt.NOTIFIER, Doubt.GAUDI)
_Columns = Mapping[str, Growing]
_Threads = Sequence[tuple[int | str | None, int | str | None]]


class Undecided:
    """Places of such rows among those of the device, and their threads on the host."""

    def __init__(self) -> None:
        self._row, self._thread = Growing(np.int64), Growing(np.int32)
        self._doubt = Growing(np.int8)

    def add(self, doubt: Doubt, first: int, threads: Sequence[int]) -> None:
        """Add rows from `first` on; a thread of -1: the row itself names its device."""
        self._row.add(np.arange(first, first + len(threads), dtype=np.int64))
        self._thread.add(np.array(threads, dtype=np.int32))
        self._doubt.add(np.full(len(threads), _DOUBTS.index(doubt), dtype=np.int8))

    def settle(
        self,
        host: _Columns,
        device: _Columns,
        names: Sequence[str],
        threads: _Threads,
        pile: Pile,
    ) -> None:
        """Decide about all of them; rows of the host go there, those that mean nothing are told."""
        if not len(self._row):
            return
        row, doubt = self._row.values, self._doubt.values
        _kinds(device, row, names)
        notifier = row[doubt == _DOUBTS.index(Doubt.NOTIFIER)]
        sure = np.ones(len(device["kind"]), dtype=bool)
        sure[row] = False
        beside = (device["kind"].values[sure] == Kind.KERNEL).any()
        gone = np.zeros(len(sure), dtype=bool)
        if beside and len(notifier):
            pile.put(
                "mtia_ccp_events", len(notifier), int(device["duration"].values[notifier].sum())
            )
            gone[notifier] = True
        called = doubt == _DOUBTS.index(Doubt.GAUDI)
        called &= _on_host(self._thread.values, host, threads, pile)
        _to_host(host, device, row[called], self._thread.values[called])
        gone[row[called]] = True
        for column in device.values():
            column.keep(~gone)


def _kinds(device: _Columns, row: NDArray[np.int64], names: Sequence[str]) -> None:
    """Tell copies and fills by their names: kineto's, and Gaudi's `Dma...`."""
    kind = np.array(
        [
            Kind.COPY if _COPY.match(name) else Kind.FILL if _FILL.match(name) else Kind.KERNEL
            for name in names
        ],
        dtype=np.int8,
    )
    device["kind"].values[row] = kind[device["name"].values[row]]


def _on_host(
    thread: NDArray[np.int32], host: _Columns, threads: _Threads, pile: Pile
) -> NDArray[np.bool_]:
    """Return whether each is of a process that runs operators, or that is called the CPU."""
    operators = host["thread"].values[host["kind"].values == Kind.OPERATOR]
    running = {threads[at][0] for at in np.unique(operators).tolist()}
    on_host = np.array([pid in running or pile.is_host(pid) for pid, _ in threads] + [False])
    return on_host[thread]


def _to_host(
    host: _Columns, device: _Columns, row: NDArray[np.int64], thread: NDArray[np.int32]
) -> None:
    for name in ("start", "duration", "name", "key"):
        host[name].add(device[name].values[row])
    host["kind"].add(np.full(len(row), Kind.LAUNCH, dtype=np.int8))
    host["thread"].add(thread)
    for name in host.keys() - {"start", "duration", "name", "key", "kind", "thread"}:
        host[name].add(np.full(len(row), -1, dtype=host[name].dtype))

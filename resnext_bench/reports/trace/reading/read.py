"""Read a trace file into columns, streamed: no more of the file than one piece is in memory."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.trace.names import recorded
from resnext_bench.reports.trace.names.attention import Attention
from resnext_bench.reports.trace.names.convs import Conv, with_outputs
from resnext_bench.reports.trace.names.products import Product
from resnext_bench.reports.trace.reading import modules
from resnext_bench.reports.trace.reading.categories import (
    NO_OPERATOR,
    Doubt,
    Meanings,
    accelerator,
    has_no_annotations,
)
from resnext_bench.reports.trace.reading.details import (
    DEVICE_NUMBERS,
    DEVICE_TEXTS,
    HOST_TEXTS,
    DetailedDevice,
    DetailedHost,
    messages,
    numbered,
    texts,
    whole_numbers,
)
from resnext_bench.reports.trace.reading.events import DetailedEvent, Event
from resnext_bench.reports.trace.reading.facts import facts, no_trace
from resnext_bench.reports.trace.reading.growing import Growing
from resnext_bench.reports.trace.reading.memory import MemoryRows, has_memory
from resnext_bench.reports.trace.reading.numbers import (
    bytes_of,
    devices,
    externals,
    streams,
    whole_ns,
)
from resnext_bench.reports.trace.reading.pieces import Account, pieces
from resnext_bench.reports.trace.reading.source import Progress, Source, no_progress
from resnext_bench.reports.trace.reading.trace import (
    Device,
    Host,
    Kind,
    Modules,
    Ns,
    Products,
    Rows,
    Trace,
)
from resnext_bench.reports.trace.reading.undecided import Undecided
from resnext_bench.reports.trace.reading.unread import Pile, on_device
from resnext_bench.wording import readable

_DEVICE: Final = (Kind.KERNEL, Kind.COPY, Kind.FILL)
_TYPES: Final[Mapping[str, type[np.signedinteger[Any]]]] = {
    **dict.fromkeys(("start", "duration", "key", "external", "stream", "bytes", "node"), np.int64),
    **dict.fromkeys(("name", "thread", "sequence", "conv", "device"), np.int32),
    **dict.fromkeys((*HOST_TEXTS, *DEVICE_TEXTS, *DEVICE_NUMBERS, "message"), np.int32),
    "kind": np.int8,
    "forward_thread": np.int16,
}
_BETWEEN: Final = b"\0"
"""Between raw arguments; JSON has no such byte."""
_FARTHEST_US: Final = 9e15
"""Time stamps beyond this (year 2255) do not fit into 64 bits of ns."""


def read(
    path: Path,
    progress: Progress = no_progress,
    *,
    details: bool = False,
    layers: bool = True,
    at: Path | None = None,
) -> Trace:
    """Return the trace in a file, .json or .json.gz, or in such a member of an archive.

    `details` are for queries, no report needs them; without `layers` rows that only tell modules
    are left out; `at`: where its bytes are, if not where it is.

    Raises TraceError, with file and byte, where nothing of it can be read; what else is odd is told
    by the trace's facts.
    """
    try:
        source = Source(at or path, progress)
        account = Account(row=DetailedEvent if details else Event)
        rows = _Columns(details=details, layers=layers)
        for events in pieces(source, account):
            rows.add(events, account)
    except OSError as error:
        raise TraceError(f"{readable(path)}: cannot be read: {error.strerror or error}") from None
    if not account.found:
        kind, told = no_trace(source, account)
        damage = (source.damage,) if source.damage else ()
        raise TraceError(f"{readable(path)}: {told}", facts=damage, kind=kind)
    return rows.trace(path, account, source)


class _Columns:
    """Columns while they grow."""

    def __init__(self, *, details: bool, layers: bool) -> None:
        self._types = (DetailedHost, DetailedDevice) if details else (Host, Device)
        self._host, self._device = map(_growing, self._types)
        self._details = details
        self._texts = _Numbers()
        self._modules = _growing(Modules)
        self._told = _Numbers()
        self._layers = layers
        self._names = _Numbers()
        self._threads = _Numbers()
        self._calls = _Numbers()
        self._meanings = Meanings()
        self._memory = MemoryRows()
        self._pile = Pile()
        self._undecided = Undecided()
        self._categories: Counter[str] = Counter()
        self._odd: Counter[str] = Counter()
        self._whole = True

    def add(self, events: Sequence[Event], account: Account) -> None:
        """The rows of one piece."""
        groups: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            groups[event.cat].append(event)
        if has_memory(groups):
            self._odd.update(self._memory.add(account.piece, self._threads))
        for category, group in groups.items():
            self._categories[category] += len(group)
            match self._meanings[category]:
                case Kind() as kind if kind in _DEVICE:
                    self._add_device(kind, group)
                case Kind() as kind:
                    self._add_host(kind, group)
                case Doubt.QUIET if category == modules.PYTHON and self._layers:
                    self._add_modules(modules.calls(group))
                case Doubt.UNKNOWN:
                    self._pile.add(category, group)
                case Doubt.NOTIFIER | Doubt.GAUDI as doubt:
                    self._add_undecided(doubt, group)

    def _add_host(self, kind: Kind, group: list[Event]) -> None:
        group, start, duration = self._timed(group)
        self._common(self._host, kind, group, start, duration)
        threads = self._threads
        self._put(self._host["thread"], [threads[event.pid, event.tid] for event in group])
        for name in HOST_TEXTS if self._details else ():
            self._put(self._host[name], numbered(group, name, self._texts))
        if self._details:
            self._put(self._host["message"], messages(group, self._texts))
        if kind is Kind.LAUNCH:  # calls of the runtime are no operators
            for name in ("sequence", "conv", "forward_thread"):
                column = self._host[name]
                column.add(np.full(len(group), -1, dtype=column.dtype))
            return
        args = [event.args for event in group]
        self._put(self._host["sequence"], [one.sequence for one in args])
        self._put(self._host["forward_thread"], [one.forward_thread for one in args])
        self._add_calls(group if kind is Kind.OPERATOR else [], len(group))
        if kind is Kind.OPERATOR and self._layers:
            self._add_modules(modules.placed(group))

    def _add_modules(self, group: list[Event]) -> None:
        if not group:
            return
        group, start, duration = self._timed(group)
        told = [modules.told(event) for event in group]
        columns, threads = self._modules, self._threads
        columns["start"].add(start)
        columns["duration"].add(duration)
        self._put(columns["name"], [self._told[one] for one in told])
        self._put(columns["kind"], [kind for kind, _ in told])
        self._put(columns["key"], [-1] * len(group))
        self._put(columns["thread"], [threads[event.pid, event.tid] for event in group])

    def _add_undecided(self, doubt: Doubt, group: list[Event]) -> None:
        first = len(self._device["start"])
        group = self._add_device(Kind.KERNEL, group)
        threads = [-1 if on_device(one) else self._threads[one.pid, one.tid] for one in group]
        self._undecided.add(doubt, first, threads)

    def _add_device(self, kind: Kind, group: list[Event]) -> list[Event]:
        group, start, duration = self._timed(group)
        self._common(self._device, kind, group, start, duration)
        self._put(self._device["device"], devices(group))
        self._put(self._device["external"], externals(group))
        self._put(self._device["stream"], streams(group))
        self._device["bytes"].add(bytes_of(kind, group))
        self._put(self._device["node"], [event.args.node for event in group])
        if self._details:
            for name in DEVICE_TEXTS:
                self._put(self._device[name], numbered(group, name, self._texts))
            for name in DEVICE_NUMBERS:
                self._put(self._device[name], whole_numbers(group, name))
            self._put(self._device["message"], messages(group, self._texts))
        return group

    def _timed(self, group: list[Event]) -> tuple[list[Event], Ns, Ns]:
        """Rows with a start and a duration; others are counted as odd."""
        ts = np.array([event.ts for event in group])
        dur = np.array([event.dur for event in group])
        usable = (np.abs(ts) < _FARTHEST_US) & (dur >= 0) & (dur < _FARTHEST_US)
        if not usable.all():
            self._odd["negative duration"] += int((dur < 0).sum())
            self._odd["no time"] += int((~usable & ~(dur < 0)).sum())
            group = [event for event, good in zip(group, usable, strict=True) if good]
            ts, dur = ts[usable], dur[usable]
        start, duration = whole_ns(ts), whole_ns(dur)
        if self._whole:
            self._whole = not ((start % 1000).any() or (duration % 1000).any())
        return group, start, duration

    def _common(
        self,
        columns: Mapping[str, Growing],
        kind: Kind,
        group: list[Event],
        start: Ns,
        duration: Ns,
    ) -> None:
        names = self._names
        columns["start"].add(start)
        columns["duration"].add(duration)
        self._put(columns["name"], [names[event.name] for event in group])
        columns["kind"].add(np.full(len(group), kind, dtype=np.int8))
        by_id = kind in (Kind.OPERATOR, Kind.ANNOTATION)
        keys = externals(group) if by_id else [event.args.correlation for event in group]
        self._put(columns["key"], keys)

    def _put(self, column: Growing, values: list[int]) -> None:
        try:
            array = np.array(values, dtype=column.dtype)
        except OverflowError:  # a number that no profiler gives means nothing
            limit = np.iinfo(column.dtype).max
            known = [one if abs(one) <= limit else -1 for one in values]
            array = np.array(known, dtype=column.dtype)
            self._odd["beyond range"] += 1
        column.add(array)

    def _add_calls(self, group: list[Event], count: int) -> None:
        """Numbers of the calls whose arguments are read; -1 for all others."""
        found, calls = np.full(count, -1, dtype=np.int32), self._calls
        for row in [row for row, event in enumerate(group) if event.name in recorded.CALLS]:
            name, args = group[row].name, group[row].args
            told = [args.dims, args.strides, args.types]
            if name not in recorded.WITHOUT_INPUTS:
                told.append(args.inputs)
            found[row] = calls[name, _BETWEEN.join(told)]
        self._host["conv"].add(found)

    def trace(self, path: Path, account: Account, source: Source) -> Trace:
        """All of it, in order."""
        self._settle()
        host = self._types[0](**_in_host_order(self._host))
        device = self._types[1](**_in_device_order(self._device))
        told = Modules(**_in_host_order(self._modules))
        starts = [int(rows.start.min()) for rows in (host, device) if len(rows)]
        origin = min(starts, default=0)
        for rows in (host, device, told):
            rows.start.__isub__(origin)
        convs, products = self._read_calls(host)
        return Trace(
            path=path,
            header=account.header,
            origin_ns=origin + _base_ns(account.header),
            resolution_ns=_resolution(origin, whole=self._whole),
            host=host,
            device=device,
            names=tuple(self._names),
            threads=tuple(self._threads),
            convs=convs,
            products=products,
            events=self._categories.total(),
            size=account.size,
            categories=dict(self._categories),
            facts=tuple(facts(account, source, self._odd)),
            unread=self._pile.taken(),
            accelerator=self._accelerator(),
            texts=texts(self._texts),
            modules=told,
            modules_told=modules.texts(self._told),
            memory=self._memory.taken(origin, tuple(self._threads), host.thread),
        )

    def _settle(self) -> None:
        """Decide what could not be decided before all rows had come."""
        threads, host = tuple(self._threads), self._host
        names = tuple(self._names)
        self._undecided.settle(host, self._device, names, threads, self._pile)
        if has_no_annotations(self._categories):
            marks = np.array([bool(NO_OPERATOR.match(name)) for name in names] + [False])
            operator = host["kind"].values == Kind.OPERATOR
            host["kind"].values[operator & marks[host["name"].values]] = Kind.ANNOTATION

    def _accelerator(self) -> str:
        read = [one for one in self._categories if self._meanings[one] is not Doubt.QUIET]
        told = map(accelerator, (*read, *self._pile.devices()))
        return next(filter(None, told), "")

    def _read_calls(self, host: Host) -> tuple[tuple[Conv, ...], Products]:
        """Each distinct one is parsed once; those that say too little are none.

        Until here the column of convolutions numbers calls of any kind.
        """
        found = [recorded.read(name, told.split(_BETWEEN)) for name, told in self._calls]
        products = _counted([isinstance(one, Product | Attention) for one in found])[host.conv]
        row = np.flatnonzero(products >= 0).astype(np.int32)
        host.conv[:] = _counted([isinstance(one, Conv) for one in found])[host.conv]
        return with_outputs([one for one in found if isinstance(one, Conv)]), Products(
            row=row,
            which=products[row],
            distinct=tuple(one for one in found if isinstance(one, Product | Attention)),
        )


def _counted(which: list[bool]) -> NDArray[np.int32]:
    """A number for each that counts, from 0; -1 for all others, and behind them."""
    counts = np.array([*which, False], dtype=bool)
    return np.where(counts, np.cumsum(counts) - 1, -1).astype(np.int32)


def _growing(rows: type[Rows]) -> dict[str, Growing]:
    return {one.name: Growing(_TYPES[one.name]) for one in fields(rows)}


def _in_host_order(growing: Mapping[str, Growing]) -> dict[str, NDArray[Any]]:
    columns = {name: column.taken() for name, column in growing.items()}
    keys = (-columns["duration"], columns["start"], columns["thread"])
    return _ordered(columns, np.lexsort(keys))


def _in_device_order(growing: Mapping[str, Growing]) -> dict[str, NDArray[Any]]:
    columns = {name: column.taken() for name, column in growing.items()}
    return _ordered(columns, np.argsort(columns["start"], kind="stable"))


def _ordered(columns: dict[str, NDArray[Any]], order: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
    """In place, column by column, so that one of them at a time is there twice."""
    for column in columns.values():
        column[:] = column[order]
    return columns


class _Numbers(dict[Any, int]):
    """Gives each new key the next number."""

    def __missing__(self, key: Any) -> int:
        number = self[key] = len(self)
        return number


def _base_ns(header: Mapping[str, Any]) -> int:
    base = header.get("baseTimeNanoseconds")
    return base if isinstance(base, int) else 0


def _resolution(origin: int, *, whole: bool) -> float:
    return 1000.0 if whole else max(1.0, 1000 * float(np.spacing(origin / 1000)))

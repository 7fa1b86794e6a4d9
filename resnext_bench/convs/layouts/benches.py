"""Where layouts are timed: on this machine's CPU, or on its GPU."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from resnext_bench.convs.layouts.device_jobs import Begun, Group, OfMap, SideFound
from resnext_bench.convs.layouts.device_times import Keep, SoFar, Start, started, time_on_device
from resnext_bench.convs.layouts.jobs import SIDES, MapTask
from resnext_bench.convs.layouts.times import time_others
from resnext_bench.convs.plans.record import version_words
from resnext_bench.convs.times.record import TimeOrder, record_of, stored
from resnext_bench.convs.times.sides import Facts, Timed, TimedSide
from resnext_bench.convs.times.timing import TIMING, Tell, time_in_turn
from resnext_bench.machine.host.cores import load_1min
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.render.notes import sentences
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.convs import UNCAPTURED, WRONG, Convs, Timing
from resnext_bench.reports.schema.layouts import OtherRow
from resnext_bench.reports.schema.notes import Found
from resnext_bench.reports.schema.plan_times import DeviceMemory
from resnext_bench.resnext.traffic import Dtype

OTHERS: Final = "norms, pools and conversions in turn"
LIMIT: Final = 10
"""Plans that cuDNN benchmark times, as in `run`."""


class Bench(Protocol):
    """What times, and how whole steps are trained on it."""

    @property
    def doubts(self) -> list[str]:
        """What makes its times doubtful, in sentences."""

    @property
    def notes(self) -> list[str]:
        """What else is to be told of them."""

    def convolutions(self, order: TimeOrder, found: list[list[Timed]], tell: Tell) -> None:
        """Time all convolutions; `found` collects their groups as they end."""

    def record(self, order: TimeOrder, machine: Machine, found: Sequence[list[Timed]]) -> Convs:
        """Return the record of the convolutions that were found."""

    def others(
        self, tasks: Iterable[MapTask], order: TimeOrder, tell: Tell
    ) -> dict[MapTask, OtherRow]:
        """Time norms, pools and conversions, each once; what could not be timed is left out."""

    def request(self, order: TimeOrder, dtype: Dtype) -> Request:
        """Return the options of whole steps beside model, batch and layout."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnCpu:
    """The CPU, with oneDNN."""

    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)
    load: float | None = field(default_factory=load_1min)
    """Load of the machine before anything was timed."""

    def convolutions(self, order: TimeOrder, found: list[list[Timed]], tell: Tell) -> None:
        """Time all convolutions; `found` collects their groups as they end."""
        time_in_turn(
            order.groups(),
            rounds=order.rounds,
            block_s=order.block_s,
            threads=order.threads,
            tell=tell,
            learn=self.facts.append,
            so_far=found,
        )

    def record(self, order: TimeOrder, machine: Machine, found: Sequence[list[Timed]]) -> Convs:
        """Return the record of the convolutions that were found."""
        return stored(order, "", machine, found, self.facts, self.load)

    def others(
        self, tasks: Iterable[MapTask], order: TimeOrder, tell: Tell
    ) -> dict[MapTask, OtherRow]:
        """Time norms, pools and conversions, each once."""
        return time_others(
            tasks,
            rounds=order.rounds,
            block_s=order.block_s,
            threads=order.threads,
            tell=tell,
        )

    def request(self, order: TimeOrder, dtype: Dtype) -> Request:
        """Return the options of whole steps beside model, batch and layout."""
        threads: Request = {} if order.threads is None else {"threads": order.threads}
        return {"device": "cpu", "amp_dtype": _amp(dtype), **threads}


@dataclass(frozen=True, kw_only=True, slots=True)
class OnGpu:
    """The first GPU, with cuDNN's choice under its benchmark, as `run` has it."""

    start: Start = started
    begun: list[Begun] = field(default_factory=list)
    """What the first process that timed says of its device."""
    seen: dict[str, Found] = field(default_factory=dict)
    """What the watch says for and against each activity."""
    lost: list[str] = field(default_factory=list)
    """What could not be timed, in sentences."""

    @property
    def doubts(self) -> list[str]:
        """What makes its times doubtful, in sentences."""
        return list(
            dict.fromkeys(text for one in self.seen.values() for text in sentences(one.invalid))
        )

    @property
    def notes(self) -> list[str]:
        """What else is to be told of them."""
        seen = (text for one in self.seen.values() for text in sentences(one.notes))
        return list(dict.fromkeys((*seen, *self.lost)))

    def convolutions(self, order: TimeOrder, found: list[list[Timed]], tell: Tell) -> None:
        """Time all convolutions; `found` collects their groups as they end."""
        groups = order.groups()
        items = [
            Group(operation=sides[0].operation, sides=tuple(side.convolution for side in sides))
            for sides in groups
        ]

        def keep(begun: Begun, so_far: SoFar) -> None:
            self.begun[:] = self.begun or [begun]
            found[:] = [
                _sides(group, *so_far.of(at)) for at, group in enumerate(groups) if so_far.has(at)
            ]

        self._timed(items, order, TIMING, tell, keep)

    def record(self, order: TimeOrder, machine: Machine, found: Sequence[list[Timed]]) -> Convs:
        """Return the record of the convolutions that were found."""
        return _record(order, machine, found, self.begun[0])

    def others(
        self, tasks: Iterable[MapTask], order: TimeOrder, tell: Tell
    ) -> dict[MapTask, OtherRow]:
        """Time norms, pools and conversions, each once; what could not be timed is a note."""
        once = tuple(dict.fromkeys(tasks))
        items = [OfMap(task=task) for task in once]
        found = self._timed(items, order, OTHERS, tell)
        rows = {}
        for at, task in enumerate(once):
            sides, why = found.of(at)
            if why := why or next((one.why for one in sides if one.why), ""):
                shape = "x".join(map(str, task.shape))
                self.lost.append(f"{task.kind} of {shape} in {task.dtype} was not timed: {why}")
                continue
            rows[task] = OtherRow(
                kind=task.kind,
                shape=task.shape,
                dtype=task.dtype,
                sides=SIDES[task.kind == "convert"],
                samples_us=tuple(one.samples_us for one in sides),
            )
        return rows

    def request(self, order: TimeOrder, dtype: Dtype) -> Request:
        """Return the options of whole steps beside model, batch and layout."""
        return {"device": "cuda", "amp_dtype": _amp(dtype), "tf32": dtype == "tf32"}

    def _timed(
        self,
        items: Sequence[Group | OfMap],
        order: TimeOrder,
        activity: str,
        tell: Tell,
        keep: Keep = lambda begun, so_far: None,
    ) -> SoFar:
        def kept(begun: Begun, so_far: SoFar) -> None:
            self.seen[activity] = so_far.seen
            keep(begun, so_far)

        return time_on_device(
            items,
            rounds=order.rounds,
            block_s=order.block_s,
            activity=activity,
            tell=tell,
            start=self.start,
            keep=kept,
        )


def _amp(dtype: Dtype) -> str:
    return dtype if dtype in ("bf16", "fp16") else "none"


def _sides(group: Sequence[TimedSide], found: Sequence[SideFound], why: str) -> list[Timed]:
    """Return the sides of a group; without results where it was given up."""
    its = found or [SideFound()] * len(group)
    return [_side(side, one, why) for side, one in zip(group, its, strict=True)]


def _side(side: TimedSide, found: SideFound, why: str) -> Timed:
    notes = {WRONG: found.is_wrong, UNCAPTURED: not found.is_captured}
    return Timed(
        side=side,
        samples_us=found.samples_us,
        kernel=found.kernel,
        kernels=found.kernels,
        notes=tuple(name for name, holds in notes.items() if holds),
        error=found.error,
        sets=found.sets,
        why=why or found.why,
    )


def _record(
    order: TimeOrder, machine: Machine, timed: Sequence[Sequence[Timed]], begun: Begun
) -> Convs:
    record = record_of(
        order,
        "",
        machine,
        timed,
        device=begun.device,
        libraries={} if begun.cudnn is None else {"cudnn": version_words(begun.cudnn)},
        torch=begun.torch,
        timing=Timing(rounds=order.rounds, block_s=order.block_s, threads=0),
        benchmark_limit=LIMIT,
    )
    return msgspec.structs.replace(record, memory=DeviceMemory(cache_bytes=begun.cache_bytes))

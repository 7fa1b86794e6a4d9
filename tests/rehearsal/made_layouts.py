"""Layouts on a GPU that is a script: everything computes on the CPU, and takes what is planted."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import torch

from resnext_bench.convs.layouts.device_jobs import (
    DeviceJob,
    Done,
    Group,
    Item,
    Message,
    SideFound,
    Working,
)
from resnext_bench.convs.layouts.device_times import Start
from resnext_bench.convs.layouts.jobs import SIDES, MapTask
from resnext_bench.convs.measuring import maps
from resnext_bench.convs.measuring.choices import Call
from resnext_bench.convs.measuring.device import Run
from resnext_bench.convs.measuring.device_layouts import Bench, torchs_calls
from resnext_bench.convs.measuring.exact import Tensors
from resnext_bench.convs.measuring.layouts_child import serve
from resnext_bench.convs.measuring.plans import Broken
from resnext_bench.convs.times.device_process import Ended
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.resnext.convolutions import Operation
from tests.rehearsal.fake_steps import settings_kept
from tests.rehearsal.made_cudnn import Log, MadeDevice

MIB = 2**20
JITTER = 0.002
"""Largest relative noise of a call."""


@dataclass(kw_only=True)
class Planted:
    """What everything takes, µs a call, and what goes wrong."""

    conv_us: Callable[[Convolution, Operation], float] = lambda conv, operation: 100.0
    map_us: Callable[[MapTask, str], float] = lambda task, side: 10.0
    wrong: Callable[[Convolution, Operation], bool] = lambda conv, operation: False
    hungry: Callable[[Convolution, Operation], bool] = lambda conv, operation: False
    """Whether memory runs out."""
    breaks: Callable[[Convolution, Operation], bool] = lambda conv, operation: False
    """Whether the device answers no more."""
    pressed: int | None = None
    """After how many items of a process Ctrl-C is pressed."""
    begins: int | None = None
    """How many processes can begin; None: all."""
    log: Log = field(default_factory=Log)
    tf32: list[tuple[str, bool]] = field(default_factory=list)
    """Type of each call, and whether convolutions might use TF32 when it ran."""
    clock_s: float = 0.0
    _calls: int = 0
    _begun: int = 0

    def begin(self) -> None:
        """Begin a process; raise Ended where it cannot."""
        self._begun += 1
        if self.begins is not None and self._begun > self.begins:
            raise Ended("CUDA error: the device is busy (exit code 1)")

    def heard(self, messages: Iterator[Message | None]) -> Iterator[Message | None]:
        """Yield messages until Ctrl-C is pressed."""
        done = 0
        for message in messages:
            yield message
            done += isinstance(message, Done)
            if done == self.pressed:
                raise KeyboardInterrupt

    def takes(self, us: float) -> None:
        """Let the clock of the device go on."""
        self._calls += 1
        self.clock_s += us * (1 + JITTER * math.sin(self._calls)) / 1e6

    def calls_of(self, given: Tensors, conv: Convolution, operation: Operation, sets: int) -> Call:
        """Return calls that compute, and take what is planted."""
        result = torchs_calls(given, conv, operation, sets)(0)
        if self.hungry(conv, operation):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.06 GiB.")

        def call(number: int) -> torch.Tensor:
            if self.breaks(conv, operation):
                self.log.broken = True
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            backends: Any = torch.backends  # its stubs do not know fp32_precision
            self.tf32.append((conv.dtype, backends.cudnn.conv.fp32_precision == "tf32"))
            self.takes(self.conv_us(conv, operation))
            return 1.1 * result if self.wrong(conv, operation) else result.clone()

        return call

    def map_calls(self, task: MapTask, device: torch.device) -> Iterator[Run]:
        """Return the same for a map."""
        reals = maps.calls_of(task, device)
        for side, real in zip(SIDES[task.kind == "convert"], reals, strict=True):
            yield _taking(self, self.map_us(task, side), real)

    def is_about(self, item: Item) -> bool:
        """Return whether something goes wrong with an item."""
        return isinstance(item, Group) and any(
            fault(conv, item.operation)
            for fault in (self.wrong, self.hungry, self.breaks)
            for conv in item.sides
        )

    def bench(self, bench: Bench) -> Bench:
        """Return the bench with these calls."""
        return replace(bench, calls_of=self.calls_of, map_calls=self.map_calls)


def _taking(planted: Planted, us: float, real: Run) -> Run:
    def run() -> object:
        planted.takes(us)
        return real()

    return run


Known = dict[bytes, tuple[SideFound, ...]]
"""What was found of items, by their own words."""


def here(planted: Planted, known: Known) -> Start:
    """Return the process as a call in this one; what is known of an item is not computed again."""

    @contextmanager
    def start(job: DeviceJob) -> Iterator[Iterator[Message | None]]:
        def messages() -> Iterator[Message | None]:
            planted.begin()
            planted.log.broken, said = False, list[Message]()
            device = MadeDevice(planted.log, cache_bytes=MIB // 8)
            device.clock = lambda: planted.clock_s
            left, done = list[tuple[int, Item]](), list[Message]()
            for at, item in job.items:
                sides = known.get(msgspec.json.encode(item))
                if sides is None or planted.is_about(item):
                    left.append((at, item))
                else:
                    done.append(Done(at=at, sides=sides))
            quick = DeviceJob(items=tuple(left), rounds=job.rounds, block_s=1e-6)
            try:
                with settings_kept():
                    torch.set_num_threads(1)
                    serve(quick, said.append, device, planted.bench)
            except Broken as broken:
                yield from (*said, *done)
                # What was at work is told once more: it is what broke.
                yield from [one for one in said if isinstance(one, Working)][-1:]
                raise Ended(str(broken)) from broken
            items = dict(left)
            for one in said:
                if isinstance(one, Done) and not planted.is_about(items[one.at]):
                    known[msgspec.json.encode(items[one.at])] = one.sides
            yield None
            yield from (*said, *done)

        yield planted.heard(messages())

    return start

"""Times layouts on a GPU, in a process of its own: `python -m …convs.measuring.layouts_child`.

The job comes on standard input, and messages go to standard output (`layouts/device_jobs.py`). A
CUDA error that sticks ends the process, and its program goes on in another.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import msgspec
import torch

from resnext_bench.convs.layouts.device_jobs import (
    Begun,
    DeviceJob,
    Done,
    Group,
    Item,
    Message,
    SideFound,
    Unable,
    Working,
)
from resnext_bench.convs.measuring.checks import keep_memory
from resnext_bench.convs.measuring.device import Cuda, Device
from resnext_bench.convs.measuring.device_child import BROKE, name_of
from resnext_bench.convs.measuring.device_layouts import Bench, time_group, time_map
from resnext_bench.convs.measuring.plans import Broken
from resnext_bench.machine.host.process import die_with_parent

Say = Callable[[Message], None]
Plant = Callable[[Bench], Bench]
"""Changes how everything is timed; tests plant calls of their own."""


def serve(job: DeviceJob, say: Say, device: Device, plant: Plant = lambda bench: bench) -> None:
    """Time all items of a job; raises Broken."""
    say(
        Begun(
            device=name_of(device.torch),
            cache_bytes=device.cache_bytes,
            torch=str(torch.__version__),
            cudnn=torch.backends.cudnn.version(),
        )
    )
    bench = plant(Bench(device=device, rounds=job.rounds, block_s=job.block_s))
    for at, item in job.items:
        tick = partial(say, Working(at=at))
        tick()
        say(Done(at=at, sides=_timed(item, replace(bench, watch=tick))))
        if device.torch.type == "cuda":
            torch.cuda.empty_cache()  # graphs of the last item have kept pools of their own


def _timed(item: Item, bench: Bench) -> tuple[SideFound, ...]:
    return time_group(item, bench) if isinstance(item, Group) else time_map(item, bench)


def main() -> int:
    """Do the job of the program that started this process; what libraries print is its log."""
    die_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=DeviceJob)

    def say(message: Message) -> None:
        answers.write(msgspec.json.encode(message) + b"\n")
        answers.flush()

    if not torch.cuda.is_available():
        say(Unable(why="torch finds no CUDA GPU"))
        return 0
    keep_memory()
    try:
        serve(job, say, Cuda(torch.device("cuda", 0)))
    except Broken as broken:
        print(f"the device answers no more: {broken}", file=sys.stderr)
        return BROKE
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads of choices, and a device that may be broken, have nothing left to say

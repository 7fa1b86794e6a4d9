"""Starts sides of our own ranks, which stay alive and train in turn."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from resnext_bench.launch.commands import commands
from resnext_bench.launch.ports import choose_port
from resnext_bench.launch.resident import Resident
from resnext_bench.machine.gpu.watch import GpuWatch
from resnext_bench.session.setup import Setup
from resnext_bench.session.watching import watching

WORKER: Final = "resnext_bench.worker.resident"
TIMEOUT_S: Final = 3600.0
"""Longest wait of a rank for the token, while other sides build and warm up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """How many steps a side must have room for."""

    steps: int
    """All steps, without warm-up."""
    block: int
    """Steps of the longest block."""


def resident(run: Setup, number: int, room: Room, module: str = WORKER) -> Resident:
    """Return the processes of session `number`, which start when they are entered."""
    folder = run.session_folder(number)
    job = run.job(number, TIMEOUT_S, room.steps, room.block)
    folder.create(job, run.data.images if run.data else None)
    plan = commands(
        run.config,
        run.topology,
        folder=folder.path,
        run_id=run.id,
        port=choose_port(0),
        module=module,
    )
    return Resident(plan, folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What a session of resident sides needs; tests give their own."""

    build: Callable[[Setup, int, Room, str], Resident] = resident
    watching: Callable[[Sequence[int]], AbstractContextManager[GpuWatch]] = watching
    clock: Callable[[], float] = time.monotonic


MEANS: Final = Means()
"""Means of every session outside tests."""

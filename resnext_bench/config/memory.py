"""Checks whether memory holds what a run needs, before a rank is started.

Memory must hold the tensors of all ranks, by calculation. Loader processes hand over batches
through shared memory, and through sockets in TMPDIR, whose paths must not be too long.

DALI's threads belong to the rank, and gloo's connections are sockets: neither needs shared memory.
NCCL does, some MiB per GPU; it reports itself when it gets none.
"""

import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from resnext_bench.config.options import flag
from resnext_bench.errors import CannotHere
from resnext_bench.machine.host.memory import FOLDER, SharedMemory, shared_memory
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.figures.cost import predicted_memory
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.topology import Topology
from resnext_bench.wording import count_of

_GIB: Final = 2**30
_PAGE: Final = 4096
_LABEL: Final = 8
"""Bytes of a label."""
_LOCK_PAGES: Final = (8, 3)
"""Pages taken by a DataLoader's own locks, and by those of each of its processes."""
_SMALL: Final = 2**20
"""Bytes of a small batch, which takes only some ms to make."""
_SIZES: Final = (16, 32, 64, 128, 256, 512)
"""Sizes in MiB that a user would type; above them, whole GiB."""


SOCKET_PATH: Final = 107
"""Maximum length of a socket's path in bytes, on Linux (unix(7))."""
_SOCKET_NAME: Final = "/pymp-12345678/listener-12345678"
"""A name of the length that multiprocessing gives sockets in the folder for temporary files."""
_MOST_TOLD: Final = 2
"""Largest number of sides whose loaders are listed one by one."""


class NoSharedMemory(CannotHere):
    """Shared memory cannot hold what the run would put there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """The loaders of one kind on this host, and what they may hold at once."""

    loaders: int
    """Number of DataLoaders: one for each rank here."""
    processes: int
    """Number of processes of each loader."""
    prefetch: int
    batch_size: int
    image_size: int
    on_gpu: bool
    trained_on: bool
    """Whether a step trains directly on the memory that was handed over: for bytes, on a CPU."""

    @property
    def batch_bytes(self) -> int:
        """Bytes of a batch: its images as bytes and its labels, in whole pages."""
        pixels = self.batch_size * 3 * self.image_size**2
        return _pages(pixels) + _pages(self.batch_size * _LABEL)

    @property
    def batches(self) -> int:
        """Number of batches in flight at once for one rank.

        On a CPU all batches that were ordered wait in shared memory, besides those in use. On a GPU
        a thread of the rank moves each into pinned memory as soon as it is there.
        """
        return self.processes if self.on_gpu else self.processes * self.prefetch + self.in_use

    @property
    def in_use(self) -> int:
        """Number of batches that the rank has taken and not yet released.

        A small batch is made faster than the one before it is released.
        """
        return 0 if self.on_gpu else self.trained_on + (self.batch_bytes < _SMALL)

    @property
    def total_bytes(self) -> int:
        """Bytes for all ranks here, including the locks."""
        first, each = _LOCK_PAGES
        locks = (first + each * self.processes) * _PAGE
        return self.loaders * (self.batches * self.batch_bytes + locks)

    def told(self) -> str:
        """Describe the demand as a product with named factors."""
        many = f"{count_of(self.loaders, 'rank')} x " if self.loaders > 1 else ""
        size = mib(self.batch_bytes)
        if self.on_gpu:
            return f"{many}{count_of(self.processes, 'loader process')} x one batch of {size}"
        flight = f"{count_of(self.processes, 'loader process')} x --prefetch {self.prefetch}"
        flight = f"({flight} + {self.in_use} in use)" if self.in_use else flight
        return f"{many}{flight} batches of {size}"


def demand_of(config: RunConfig, ranks: int, processes: int = 0) -> Demand | None:
    """Return the demand of the loaders of `ranks` ranks on this host; None where there is none.

    `processes` takes the place of the configuration's own loader threads.
    """
    if config.pipeline != "torchvision":
        return None
    on_gpu = config.device == "cuda"
    return Demand(
        loaders=ranks,
        processes=processes or config.loader_threads,
        prefetch=config.prefetch,
        batch_size=config.batch_size,
        image_size=config.image_size,
        on_gpu=on_gpu,
        trained_on=config.pixels == "uint8" and not on_gpu,
    )


def require_shared_memory(config: RunConfig, ranks: int) -> None:
    """Refuse batches that do not all fit: the run would lose one and wait for it for ever."""
    demand = demand_of(config, ranks)
    if demand and (why := lack_for([demand])):
        raise NoSharedMemory(f"--pipeline torchvision: {why}")


def require_room_for_sockets() -> None:
    """Refuse a folder whose path is too long: the first batch would never arrive."""
    folder = tempfile.gettempdir()
    long, most = len(os.fsencode(folder)), SOCKET_PATH - len(_SOCKET_NAME)
    if long > most:
        raise CannotHere(
            f"the path in TMPDIR is {long} bytes long ({folder}): loader processes put sockets "
            f"there, which allow at most {most}; set a shorter path, such as TMPDIR=/tmp"
        )


def lack_for(demands: Sequence[Demand], there: SharedMemory | None = None) -> str:
    """Return what is there, what is needed and what to do; empty where there is enough."""
    if not demands:
        return ""
    there = there or shared_memory()
    if there.problem:
        return (
            f"{there.problem}, but loader processes hand over their batches there: mount a tmpfs "
            f"(mount -t tmpfs tmpfs {FOLDER}), or choose another --pipeline"
        )
    needed = _sum(demands)
    if there.holds(needed):
        return ""
    size = _rounded(needed + (there.total or 0) - there.free)
    return (
        f"shared memory is too small: {_has(there)}, and {_told(demands)} need {mib(needed)}; "
        + ", or ".join((_larger(size), *_smaller(demands, there)))
    )


def full_words(demand: Demand, there: SharedMemory, said: str) -> str:
    """Return the message of a loader process that finds no room during a run."""
    if there.problem:
        return f"a loader process could not hand over a batch ({said}); {lack_for([demand], there)}"
    needed, total = demand.total_bytes, there.total or 0
    text = f"shared memory is full: {_has(there)} ({said}); "
    if needed > total:
        empty = replace(there, free=total)
        ways = ", or ".join((_larger(_rounded(needed)), *_smaller([demand], empty)))
        return f"{text}{demand.told()} may need {mib(needed)}: {ways}"
    return (
        f"{text}{demand.told()} take at most {mib(needed)}, so other processes have filled it: "
        f"remove what they left (ls -l {FOLDER}), or {_larger(_rounded(needed + total))}"
    )


def _sum(demands: Sequence[Demand]) -> int:
    return sum(demand.total_bytes for demand in demands)


def _told(demands: Sequence[Demand]) -> str:
    if len(demands) <= _MOST_TOLD:
        return " + ".join(demand.told() for demand in demands)
    flight = sum(demand.loaders * demand.batches for demand in demands)
    return f"{len(demands)} sides at once with {flight} batches in flight"


def _larger(size: str) -> str:
    return (
        f"make {FOLDER} larger (a container: --shm-size={size}; "
        f"else mount -o remount,size={size} {FOLDER})"
    )


def _smaller(demands: Sequence[Demand], there: SharedMemory) -> list[str]:
    """Return options with which the batches would fit: a single one if possible."""
    if len(demands) > 1:
        return ["lower --loader-threads, --prefetch or --batch-size"]
    (asked,) = demands
    least = replace(asked, processes=1, prefetch=1)

    def most(given: int, changed: Callable[[int], Demand]) -> int:
        fits = (n for n in range(given - 1, 0, -1) if there.holds(changed(n).total_bytes))
        return next(fits, 0)

    threads = most(asked.processes, lambda n: replace(asked, processes=n))
    depth = most(asked.prefetch, lambda n: replace(asked, prefetch=n))
    if threads or depth:
        ways = (("--loader-threads", threads), ("--prefetch", depth))
        return [f"{option} {number}" for option, number in ways if number]
    if there.holds(least.total_bytes):
        return ["--loader-threads 1 with --prefetch 1"]
    batch = most(asked.batch_size, lambda n: replace(least, batch_size=n))
    smaller = f"--batch-size {batch} with --loader-threads 1 and --prefetch 1"
    return [*([smaller] if batch else []), "another --pipeline"]


def _has(there: SharedMemory) -> str:
    if there.total is None:
        return f"{FOLDER} has no limit of its own"
    free = "all of it" if there.free == there.total else mib(there.free)
    return f"{FOLDER} has {mib(there.total)}, {free} free"


def mib(count: int) -> str:
    """Return bytes in words, in a unit that leaves some digits."""
    if count < 2**20:
        return f"{count / 2**10:.0f} KiB"
    return f"{count / 2**20:.3g} MiB" if count < 1000 * 2**20 else f"{count / 2**30:.3g} GiB"


def _rounded(count: int) -> str:
    """Return as much or more, as a user would type it."""
    least = count / 2**20
    return next((f"{size}m" for size in _SIZES if size >= least), f"{math.ceil(least / 1024)}g")


def _pages(count: int) -> int:
    return -(-count // _PAGE) * _PAGE


class NoMemory(CannotHere):
    """The ranks' tensors alone need more memory than there is."""


def require_memory(config: RunConfig, topology: Topology, machine: Machine) -> None:
    """Raise NoMemory where tensors, by calculation, do not fit into all the memory there is.

    Memory that other processes hold is not considered, nor are networks that are not ours.
    """
    memory = predicted_memory(config)
    if memory is None:
        return
    each = memory.peak / _GIB
    if config.device == "cpu":
        ranks = sum(place.device == "cpu" for place in topology.places)
        ranks = ranks if topology.emulated or topology.nodes == 1 else config.nproc_per_node
        _require(config, ranks, each, machine.memory_gib, "this machine")
        return
    shared = max(place.device_shared_by for place in topology.places)
    least = min((gpu.memory_gib for gpu in machine.gpus), default=each * shared)
    _require(config, shared, each, least, "the GPU")


def _require(config: RunConfig, ranks: int, each_gib: float, there_gib: float, what: str) -> None:
    if ranks * each_gib <= there_gib:
        return
    of = f"of {ranks} ranks" if ranks > 1 else "of a rank"
    raise NoMemory(
        f"{flag('batch_size')} {config.batch_size} of {config.image_size} x {config.image_size}: "
        f"the tensors {of} need {ranks * each_gib:,.1f} GiB by calculation, but {what} has "
        f"{there_gib:,.1f}; give a smaller batch, or {flag('batch_size')} auto"
    )

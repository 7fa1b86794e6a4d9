"""A rank's time stamps in a memory-mapped file: heartbeat while it runs, crash copy if it dies.

A store into the mapping costs about a tenth of a microsecond and no system call, so the timed
loop can keep every mark. The kernel writes the page out even when the process is killed.
"""

from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from resnext_bench.reports.store.files import writing

_HEADER: Final = 8
_MAGIC: Final = 0x52_58_42_31  # "RXB1"


Ns = NDArray[np.int64]


class Phase(IntEnum):
    """What a rank is doing; the parent shows it."""

    STARTING = 0
    DATA = 1
    CONNECTING = 2
    MODEL = 3
    WARM_UP = 4
    TIMED = 5
    PROFILED = 6
    GATHERING = 7
    DONE = 8


class Mark(IntEnum):
    """Moments of a step, in order. A step begins at the OPTIMIZER mark of the one before."""

    BATCH = 0
    """`next()` of the pipeline returned."""
    READY = 1
    """The batch is on the device."""
    FORWARD = 2
    BACKWARD = 3
    OPTIMIZER = 4


class RankFile:
    """Header and marks of one rank: `marks[step, mark]` in ns of the rank's monotonic clock."""

    def __init__(self, words: NDArray[np.int64]) -> None:
        self.words = words
        self.marks = words[_HEADER:].reshape(-1, len(Mark))

    @classmethod
    def create(
        cls, path: Path, *, rank: int, pid: int, warm_up: int, steps: int, is_open: bool = False
    ) -> "RankFile":
        """Make the file for `warm_up + steps` steps, all zero; `is_open`: there may be fewer."""
        size = _HEADER + (warm_up + steps) * len(Mark)
        # All of it on the disk and in memory now: a full disk is an error here, and not a crash
        # in the middle of the window; nor does the first touch of a page fall into it.
        with writing(path):
            with path.open("wb") as stream:
                stream.write(bytes(8 * size))
            file = cls(np.memmap(path, dtype=np.int64, mode="r+", shape=(size,)))
        file.words[:] = 0
        file.words[1:7] = (rank, pid, warm_up, steps, Phase.STARTING, is_open)
        file.words[0] = _MAGIC
        return file

    @classmethod
    def open(cls, path: Path) -> "RankFile | None":
        """Open the file for reading; return None while it is missing or incomplete."""
        try:
            words = np.memmap(path, dtype=np.int64, mode="r")
        except (OSError, ValueError):
            return None
        if len(words) < _HEADER or words[0] != _MAGIC:
            return None
        return cls(words)

    @property
    def rank(self) -> int:
        """The global rank."""
        return int(self.words[1])

    @property
    def pid(self) -> int:
        """The process id on the rank's host."""
        return int(self.words[2])

    @property
    def warm_up(self) -> int:
        """Steps before the window."""
        return int(self.words[3])

    @property
    def steps(self) -> int:
        """Timed steps."""
        return int(self.words[4])

    @property
    def is_open(self) -> bool:
        """Whether `steps` is only an upper bound, as where results decide on more blocks."""
        return bool(self.words[6])

    @property
    def phase(self) -> Phase:
        """What the rank is doing, or did last."""
        return Phase(int(self.words[5]))

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self.words[5] = phase

    @property
    def window_start_ns(self) -> int:
        """When the last window began, by the rank's monotonic clock; 0 before the first."""
        return int(self.words[7])

    @window_start_ns.setter
    def window_start_ns(self, start_ns: int) -> None:
        self.words[7] = start_ns

    @property
    def steps_done(self) -> int:
        """The number of finished steps, warm-up included. Marks fill from the front."""
        return int(np.searchsorted(-(self.marks[:, Mark.OPTIMIZER] > 0).astype(np.int8), 0))


def columns(device: Ns, host: Ns) -> dict[str, list[int]]:
    """Return durations per step from marks: the columns of `Samples`, in ns.

    `step = data_wait + forward + backward + optimizer` holds exactly on each rank.
    """
    before, now = device[:-1, Mark.OPTIMIZER], device[1:]
    parts = {
        "step_ns": now[:, Mark.OPTIMIZER] - before,
        "data_wait_ns": now[:, Mark.READY] - before,
        "forward_ns": now[:, Mark.FORWARD] - now[:, Mark.READY],
        "backward_ns": now[:, Mark.BACKWARD] - now[:, Mark.FORWARD],
        "optimizer_ns": now[:, Mark.OPTIMIZER] - now[:, Mark.BACKWARD],
        "next_ns": host[1:, Mark.BATCH] - host[:-1, Mark.OPTIMIZER],
    }
    return {name: values.tolist() for name, values in parts.items()}

"""What the launching program hands to its workers, and the names of the files they share."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import msgspec

from resnext_bench.errors import CannotHere
from resnext_bench.pipelines.names import restored, storable
from resnext_bench.pipelines.shards.ranges import Ranges
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.record import FailureKind
from resnext_bench.reports.schema.topology import Topology
from resnext_bench.reports.store.files import reserve, writing

NODE_VARIABLE: Final = "RESNEXT_BENCH_NODE"
"""Variable for the planned node of an agent: torchrun's node rank depends on who joins first."""


Part = Literal["train", "load"]
"""What the steps of a session do: train, or only copy batches to the device."""


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """The place where ranks meet that another launcher has started."""

    address: str
    port: int
    hosted: bool
    """Whether the launcher runs the store; otherwise rank 0 does."""
    prefix: str
    """Prefix of this session's keys, as the store may have been used by others."""
    images: str
    """Digest of the images this rank will read; empty for synthetic batches."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One session's work order, read by every rank."""

    run_id: str
    session: int
    config: RunConfig
    topology: Topology
    images: str | None
    """Folder the image files are relative to; none for synthetic batches."""
    timeout_s: float
    """Longest wait of one rank for another before the process group gives up."""
    room: int = 0
    """Steps that the rank files hold besides warm-up, where blocks decide; 0: those of `config`."""
    root: str = ""
    """The runs folder of this rank's node, where its traces stay."""
    meeting: Meeting | None = None
    """Where the ranks meet; None where the program has launched them, and their variables say
    it."""
    block_room: int = 0
    """The most steps of one block, including the dropped one; 0 where there are no blocks."""
    part: Part = "train"
    other_threads: int = 0
    """Threads of a second loader, from which some blocks take their batches; 0: none."""
    spare_gib: float = 0.0
    """GPU memory that a rank takes and does not use, GiB; 0 but in trial training."""


class ImageList(msgspec.Struct, frozen=True, kw_only=True):
    """The checked image files that a loader reads, with their class numbers."""

    files: list[str]
    labels: list[int]
    ranges: Ranges | None = None
    """Their places in shards; None where each has a file of its own."""


def _named(images: ImageList, form: Callable[[str], str]) -> ImageList:
    """Return the list with its names in another form, as JSON holds only UTF-8."""
    ranges = images.ranges
    if ranges:
        ranges = replace(ranges, paths=tuple(map(form, ranges.paths)))
    return msgspec.structs.replace(images, files=list(map(form, images.files)), ranges=ranges)


_MARK_BYTES: Final = 40
"""Bytes of a step in a rank's file (resnext_bench/rankfile.py)."""
_STEP_BYTES: Final = 128
"""Most bytes of a rank's step in the result."""
_RANK_BYTES: Final = 4096
"""Further bytes of a rank in the result."""
MOST_BYTES: Final = 1 << 20
"""Most bytes to reserve for results: where blocks decide, ranks have room for far more steps than
are needed."""
MOST_HELD: Final = 8
"""Most batches that a rank keeps until its GPU has read them."""


class SessionFolder:
    """The files of one session, by name; all its processes share this folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job = path / "job.json"
        self.image_list = path / "images.json"
        self.result = path / "result.msgpack"
        self.ranks = path / "ranks"
        self.logs = path / "logs"
        self.room = path / ".room"

    def create(self, job: Job, images: ImageList | None) -> None:
        """Make the folders and write the work order."""
        for folder in (self.path, self.ranks, self.logs):
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
        if images:
            with writing(self.image_list):
                self.image_list.write_bytes(msgspec.json.encode(_named(images, storable)))
        with writing(self.job):
            self.job.write_bytes(msgspec.json.encode(job))
        self._reserve(job)

    def _reserve(self, job: Job) -> None:
        """Check that the disk has room for what the ranks will write, and reserve some for results.

        So a full disk is reported before anything is measured, and a rank that fails can say why.
        """
        steps, ranks = job.room or job.config.steps, job.config.world_size
        marks = (job.config.warm_up + steps) * _MARK_BYTES
        results = min(steps * _STEP_BYTES, MOST_BYTES) + _RANK_BYTES
        reserve(self.room, ranks * (marks + results))
        with writing(self.room):
            os.truncate(self.room, ranks * results)

    def free_room(self) -> None:
        """Release the room that was reserved for the ranks' results and errors."""
        with suppress(OSError):
            self.room.unlink(missing_ok=True)

    def read_job(self) -> Job:
        """Read the work order of this session."""
        try:
            return msgspec.json.decode(self.job.read_bytes(), type=Job)
        except (OSError, msgspec.MsgspecError) as error:
            raise CannotHere(f"cannot read the work order {self.job}: {error}") from error

    def read_images(self) -> ImageList:
        """Read the list of image files of this session."""
        found = msgspec.json.decode(self.image_list.read_bytes(), type=ImageList)
        return _named(found, restored)

    def rank_file(self, rank: int) -> Path:
        """Return the file with the crash copy and heartbeat of one rank."""
        return self.ranks / f"rank-{rank}.bin"

    def error_file(self, rank: int) -> Path:
        """Return the file in which a rank writes why it ended."""
        return self.ranks / f"rank-{rank}.error.json"

    def loader_error_file(self, rank: int) -> Path:
        """Return the file in which a loader process of a rank writes why it ended."""
        return self.ranks / f"rank-{rank}.loader.json"

    def rank_log(self, rank: int) -> Path:
        """Return the file with standard output and error of one rank."""
        return self.logs / f"rank-{rank}.log"

    def node_log(self, node: int) -> Path:
        """Return the file with standard output and error of one node's agent."""
        return self.logs / f"node-{node}.log"


class Unwritable(msgspec.Struct, frozen=True, kw_only=True):
    """A system error of a file that was to be written."""

    number: int
    why: str
    path: str


class RankError(msgspec.Struct, frozen=True, kw_only=True):
    """A rank's own report of how it ended."""

    rank: int
    kind: str
    """Name of the exception's class; empty where the message says all."""
    message: str
    time_ns: int
    """Wall clock, so that the ranks of one host can be put in order."""
    hint: str = ""
    unwritten: Unwritable | None = None
    """The file error, where that was the reason."""
    said: tuple[str, ...] = ()
    """The last lines of its log before it wrote down why it ended."""
    cause: FailureKind = "error"
    follows: bool = False
    """Whether it may have ended because another rank did."""

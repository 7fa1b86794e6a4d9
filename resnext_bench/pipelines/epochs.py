"""Decides which sample goes to which rank and batch, in the same way for every loader.

All ranks shuffle the same sequence with the same seed, again for each epoch, and rank r of n takes
every n-th sample from position r on. So no two ranks read the same sample, none gets ahead of
another, and all make the same number of steps, whether or not samples, ranks and batches divide
evenly.

Samples in shards form runs that are read from front to back, and an order that jumps among all of
them would defeat the purpose of shards. There whole runs are shuffled; each rank takes as many
samples as above but consecutive ones, and shuffles them in pieces: a piece's samples are read in
the order in which they are stored, while those of the piece before are used.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import torch

from resnext_bench.pipelines.errors import DataError

LastBatch = Literal["wrap", "drop", "pad"]
"""What happens to the last samples of an epoch where they do not fill a batch of all ranks.

- wrap: the next epoch goes on in the same batch. Every sample comes once an epoch, for ever.
- drop: the last samples are left out; shuffling makes them different ones each time.
- pad: the batch is filled with samples from the start of the same epoch, which come twice.
"""

PIECE: Final = 4096
"""Number of samples that become Python numbers at once, as a whole large epoch would stall a step.
Samples in shards are also shuffled in pieces of this size."""
RUN: Final = 256
"""Number of samples of a shard that stay together, unless it has fewer."""


class Sample(NamedTuple):
    """One sample of one epoch."""

    item: int
    seed: int
    """Seed of its augmentation, where the loader draws it in Python."""
    soon: int = -1
    """A sample in a shard that the rank will need a piece later, so that reading can begin; -1 for
    none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one rank takes of a data set."""

    count: int
    batch_size: int
    seed: int
    rank: int = 0
    world_size: int = 1
    last: LastBatch = "wrap"
    shards: tuple[int, ...] = ()
    """Numbers of samples in each shard, one shard after another; empty where samples have files of
    their own."""

    def __post_init__(self) -> None:
        """Refuse a share that does not fill a single batch."""
        if self.count < 1:
            raise ValueError("an epoch needs at least one sample")
        if self.shards and sum(self.shards) != self.count:
            raise ValueError(
                f"there are {sum(self.shards)} samples in shards, but {self.count} in all"
            )
        if not self.steps:
            raise ValueError(
                f"{self.count} samples do not fill one batch of {self.world_size} ranks x "
                f"{self.batch_size}; lower the batch size, or wrap or pad the last batch"
            )

    @property
    def global_batch(self) -> int:
        """The samples of one step over all ranks."""
        return self.batch_size * self.world_size

    @property
    def steps(self) -> int:
        """The steps that begin in an epoch; with wrap, in the first epoch."""
        if self.last == "drop":
            return self.count // self.global_batch
        return -(-self.count // self.global_batch)

    @property
    def left_out(self) -> int:
        """The samples of an epoch that are not read."""
        return self.count % self.global_batch if self.last == "drop" else 0

    @property
    def repeated(self) -> int:
        """The samples of an epoch that are read twice, or more often if the batch is larger."""
        return -self.count % self.global_batch if self.last == "pad" else 0


def samples(share: Share) -> Iterator[Sample]:
    """Yield the samples of one rank, for ever."""
    if share.shards:
        return _in_runs(share)
    return _anywhere(share)


def _anywhere(share: Share) -> Iterator[Sample]:
    generator = torch.Generator().manual_seed(share.seed)
    first = share.rank
    while True:
        row = _whole(share, torch.randperm(share.count, generator=generator))
        # Seeds are drawn for the whole row: what a sample looks like depends on no rank.
        seeds = _seeds(row, generator)
        mine = slice(first, None, share.world_size)
        for part, its_seeds in zip(row[mine].split(PIECE), seeds[mine].split(PIECE), strict=True):
            yield from map(Sample, part.tolist(), its_seeds.tolist())
        first = (first - len(row)) % share.world_size


def _in_runs(share: Share) -> Iterator[Sample]:
    """Yield shuffled pieces; each sample comes with one of the next piece to read ahead."""
    for (items, seeds, mixed), (coming, _, _) in pairwise(_pieces(share)):
        soon = coming.repeat(-(-len(items) // len(coming)))[: len(items)]
        yield from map(Sample, items[mixed].tolist(), seeds[mixed].tolist(), soon.tolist())


Piece = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Samples as they are stored, their seeds, and the order in which they are used."""


def _pieces(share: Share) -> Iterator[Piece]:
    """Yield what one rank takes, for ever."""
    generator = torch.Generator().manual_seed(share.seed)
    begins = _run_begins(share)
    dealt = 0
    while True:
        row = _whole(share, _runs(share, begins, generator))
        seeds, keys = _seeds(row, generator), torch.rand(len(row), generator=generator)
        mine = _stretch(share, dealt, len(row))
        # Pieces of one size: while one is used, as much of the next is begun to be read.
        count = -(-(mine.stop - mine.start) // PIECE)
        parts = (column[mine].tensor_split(max(1, count)) for column in (row, seeds, keys))
        for items, its_seeds, its_keys in zip(*parts, strict=True):
            if len(items):
                yield items, its_seeds, its_keys.argsort()
        dealt += len(row)


def _stretch(share: Share, dealt: int, length: int) -> slice:
    """Return the consecutive positions that a rank takes: as many as if dealt in turn."""
    begin = 0
    for rank in range(share.rank + 1):
        first = (rank - dealt) % share.world_size
        count = len(range(first, length, share.world_size))
        begin += count
    return slice(begin - count, begin)


def _run_begins(share: Share) -> torch.Tensor:
    """Return the first sample of each run: shards are split into parts of about the same size."""
    begins: list[int] = []
    at = 0
    for samples_there in share.shards:
        parts = -(-samples_there // RUN)
        begins += [at + samples_there * part // parts for part in range(parts)]
        at += samples_there
    return torch.tensor(begins)


def _runs(share: Share, begins: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return all samples, with whole runs shuffled."""
    ends = torch.cat([begins[1:], torch.tensor([share.count])])
    order = torch.randperm(len(begins), generator=generator)
    lengths = (ends - begins)[order]
    starts = lengths.cumsum(0) - lengths
    return torch.arange(share.count) + (begins[order] - starts).repeat_interleave(lengths)


def _seeds(row: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(2**62, (len(row),), generator=generator)


def _whole(share: Share, row: torch.Tensor) -> torch.Tensor:
    """Return one epoch over all ranks: with wrap all samples, otherwise whole batches."""
    if share.last == "drop":
        return row[: share.count - share.left_out]
    times = -(-(share.count + share.repeated) // share.count)
    return row.repeat(times)[: share.count + share.repeated]


class Orders:
    """The endless batches of one rank, without samples that were found to be bad.

    In place of a bad sample the rank takes its next one: all ranks still make the same steps, but
    this rank's epochs end one sample earlier than those of others.
    """

    def __init__(self, share: Share) -> None:
        self.bad: set[int] = set()
        self._share = share
        self._samples = samples(share)
        self._back: deque[Sample] = deque()

    def __iter__(self) -> "Orders":
        return self

    def __next__(self) -> list[Sample]:
        return [self._next() for _ in range(self._share.batch_size)]

    def put_back(self, taken: list[Sample]) -> None:
        """Put samples back, to be yielded again before all others."""
        self._back.extendleft(reversed(taken))

    def _next(self) -> Sample:
        while len(self.bad) < self._share.count:  # else no epoch would bring a good one
            sample = self._back.popleft() if self._back else next(self._samples)
            if sample.item not in self.bad:
                return sample
        raise DataError(f"none of the {self._share.count} samples decodes any more")

"""Samples in shards: which shard, from which byte on, and how many bytes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from resnext_bench.pipelines.images.file_verdicts import Stamp

Part = tuple[int, int]
"""Offset and length in bytes of a part of a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranges:
    """The place of each sample; `shard[i]` indexes `paths` for sample i; samples are in order.

    These are plain numbers, as they go to the ranks in JSON and are read one at a time.
    """

    paths: tuple[str, ...]
    """Paths of the shards, relative to their root."""
    stamps: tuple[Stamp, ...]
    """The stamp of each shard as it was indexed."""
    shard: tuple[int, ...]
    offset: tuple[int, ...]
    length: tuple[int, ...]

    def part(self, index: int) -> Part:
        """Return the part of one sample in its shard."""
        return self.offset[index], self.length[index]

    def path(self, index: int) -> str:
        """Return the shard of one sample."""
        return self.paths[self.shard[index]]

    def counts(self) -> tuple[int, ...]:
        """Return how many samples are in each shard."""
        found = [0] * len(self.paths)
        for shard in self.shard:
            found[shard] += 1
        return tuple(found)

    def only(self, indices: Iterable[int]) -> "Ranges":
        """Return some of the samples, in the order given; shards stay as they are."""
        kept = list(indices)
        return replace(
            self,
            shard=tuple(self.shard[index] for index in kept),
            offset=tuple(self.offset[index] for index in kept),
            length=tuple(self.length[index] for index in kept),
        )

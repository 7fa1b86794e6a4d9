"""Samples that lie in shards: which shard, from which byte on, and how many bytes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from resnext_bench.pipelines.images.file_verdicts import Stamp

Part = tuple[int, int]
"""Offset and length in bytes of a part of a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranges:
    """Where each sample lies; `shard[i]` indexes `paths` for sample i, which go from front to back.

    Plain numbers, as they travel to the ranks in JSON and are taken one at a time.
    """

    paths: tuple[str, ...]
    """The shards, relative to their root."""
    stamps: tuple[Stamp, ...]
    """Of each shard as it was indexed."""
    shard: tuple[int, ...]
    offset: tuple[int, ...]
    length: tuple[int, ...]

    def part(self, index: int) -> Part:
        """Of one sample in its shard."""
        return self.offset[index], self.length[index]

    def path(self, index: int) -> str:
        """The shard of one sample."""
        return self.paths[self.shard[index]]

    def counts(self) -> tuple[int, ...]:
        """How many samples lie in each shard."""
        found = [0] * len(self.paths)
        for shard in self.shard:
            found[shard] += 1
        return tuple(found)

    def only(self, indices: Iterable[int]) -> "Ranges":
        """Some of the samples, in the order given; shards stay as they are."""
        kept = list(indices)
        return replace(
            self,
            shard=tuple(self.shard[index] for index in kept),
            offset=tuple(self.offset[index] for index in kept),
            length=tuple(self.length[index] for index in kept),
        )

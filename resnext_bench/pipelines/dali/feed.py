"""Feeds DALI with what to load: samples in order, as paths or as bytes of mapped shards."""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from resnext_bench.pipelines.batches import BatchSpec
from resnext_bench.pipelines.epochs import Orders, Sample
from resnext_bench.pipelines.shards.mapped import Mapped
from resnext_bench.pipelines.shards.ranges import Ranges


@dataclass(frozen=True, kw_only=True, slots=True)
class DaliSource:
    """Checked files (relative to `root`) with their class numbers, and how to decode them."""

    root: str
    files: Sequence[str]
    labels: Sequence[int]
    decode: Literal["cpu", "mixed"]
    threads: int
    skip_bad: bool = False
    """Whether a file that turns bad is left out from then on; otherwise it is an error."""
    ranges: Ranges | None = None
    """Places of the samples in shards; None where each has a file of its own."""


class Feed:
    """The order of a rank's samples, and what became of them."""

    def __init__(self, spec: BatchSpec, source: DaliSource, held: int) -> None:
        """Make a feed; DALI may still look at the memory of `held` batches."""
        self._source = source
        shards = source.ranges.counts() if source.ranges else ()
        self._orders = Orders(spec.share(len(source.files), shards))
        self._mapped = Mapped(source.root, source.ranges) if source.ranges else None
        self._held: deque[object] = deque(maxlen=held)
        """Memory that DALI was given and has not copied."""
        self._begun: deque[list[Sample]] = deque()
        """Batches that were not delivered yet, in order."""

    @property
    def is_mapped(self) -> bool:
        """Whether it gives contents rather than paths."""
        return self._mapped is not None

    @property
    def begun(self) -> int:
        """Batches that were requested and not delivered yet."""
        return len(self._begun)

    def pull(self) -> tuple[list[NDArray[np.uint8]], NDArray[np.int64]]:
        """Return contents, or paths as bytes, and labels [batch, 1], of the next batch."""
        order = next(self._orders)
        self._begun.append(order)
        labels = np.array([[self._source.labels[one.item]] for one in order], np.int64)
        if self._mapped:
            self._mapped.will_need(order)
        given = [self.given(one.item) for one in order]
        if self._mapped:
            self._held.append((given, labels))
        return given, labels

    def given(self, index: int) -> NDArray[np.uint8]:
        """Return what DALI is given of one sample: its content, or its path as bytes."""
        if self._mapped:
            return self._mapped.bytes_of(index)
        path = os.path.join(self._source.root, self._source.files[index])  # noqa: PTH118
        return np.frombuffer(os.fsencode(path), np.uint8)

    def got(self) -> None:
        """Note that the oldest batch was delivered."""
        self._begun.popleft()

    def unmade(self) -> list[Sample]:
        """Return the samples of batches that were not delivered."""
        return [sample for order in self._begun for sample in order]

    def again_without(self, bad: set[int]) -> None:
        """Feed these batches again, without the bad samples, from now on."""
        self._orders.bad |= bad
        self._orders.put_back([sample for sample in self.unmade() if sample.item not in bad])
        self._begun.clear()

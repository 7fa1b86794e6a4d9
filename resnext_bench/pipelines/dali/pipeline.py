"""JPEG files through NVIDIA DALI: read, decode, random crop, resize, mirror, normalise.

DALI is told which files make the next batch, and reads them itself, in its threads: so its batches
hold the same files as those of torchvision, and a file that turns bad can be found and left out.
Of shards it is given the bytes themselves, as views of mapped memory that its decoders look into.
On a GPU the whole graph is DALI's; on a CPU it decodes crops, of which
`resnext_bench/pipelines/dali/finishing.py` makes batches.
"""

import re
import weakref
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from nvidia.dali.plugin.pytorch import DALIGenericIterator

from resnext_bench.pipelines.batches import FLOATS, Batch, Batches, BatchSpec
from resnext_bench.pipelines.dali.feed import DaliSource, Feed
from resnext_bench.pipelines.dali.finishing import CROPS_AHEAD, Finisher
from resnext_bench.pipelines.dali.graphs import (
    GIVEN,
    crops_graph,
    is_rows,
    picture_graph,
    whole_graph,
)
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.file_verdicts import Verdict
from resnext_bench.pipelines.images.pictures import examine, strict_decoding
from resnext_bench.pipelines.images.pixels import Normalise
from resnext_bench.pipelines.names import printable

_SAID: Final = re.compile(r"encountered:\s*(.+)")
"""DALI's own words, which stand behind the trace of the graph."""


class Running(Protocol):
    """A pipeline at work."""

    def take(self) -> Batch:
        """The next batch, before it is normalised by PyTorch; RuntimeError of what DALI met."""

    def close(self) -> None:
        """End its threads; once more does nothing."""


class DaliBatches:
    """Endless batches of this rank's shard; every batch is full, epochs follow without a seam."""

    def __init__(self, spec: BatchSpec, source: DaliSource) -> None:
        self._spec, self._source = spec, source
        self._feed = Feed(spec, source, held=_held_batches(spec))
        self._builds = 0
        self.left_out: list[str] = []
        """Files that turned bad, or that DALI refuses, as they are told."""
        on_cpu = spec.device.type == "cpu"
        self._normalise = _normaliser(spec) if on_cpu and spec.pixels != "uint8" else None
        self._running = self._built()

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        while True:
            try:
                images, labels = self._running.take()
            except RuntimeError as error:
                self._mend(error)
            else:
                break
        self._feed.got()
        return self._normalise(images) if self._normalise else images, labels

    def close(self) -> None:
        """End DALI's threads."""
        self._running.close()

    def _built(self) -> Running:
        """At work; its threads end with whom they make batches for, and before the interpreter."""
        running = self._begun()
        weakref.finalize(self, running.close)
        return running

    def _begun(self) -> Running:
        spec, source = self._spec, self._source
        on_cpu, mapped = spec.device.type == "cpu", self._feed.is_mapped
        how = {
            "batch_size": spec.batch_size,
            "num_threads": source.threads,
            "device_id": None if on_cpu else spec.device.index,
            "seed": (spec.seed * 1_000_003 + spec.rank + 7919 * self._builds) % 2**31,
            "prefetch_queue_depth": CROPS_AHEAD if on_cpu else spec.prefetch,
        }
        self._builds += 1
        if on_cpu:
            graph = crops_graph(spec, self._feed.pull, mapped=mapped, **how)
            graph.build()
            return Finisher(graph, spec, source.threads)
        return _OnGpu(whole_graph(spec, source.decode, self._feed.pull, mapped=mapped, **how), spec)

    def _mend(self, error: RuntimeError) -> None:
        """Build the pipeline anew without what it failed at: DALI stops for good at one bad file.

        What nobody has got yet is begun once more.
        """
        unmade = {sample.item for sample in self._feed.unmade()}
        bad = self._damaged(unmade) or self._refused(unmade)
        if not bad:
            raise error
        if not self._source.skip_bad:
            index, why = next(iter(bad.items()))
            path = Path(self._source.root) / self._source.files[index]
            raise DataError(f"{printable(path)} {why}") from error
        self.left_out += [printable(self._source.files[index]) for index in bad]
        self._feed.again_without(set(bad))
        self._running.close()
        self._running = self._built()

    def _damaged(self, indices: set[int]) -> dict[int, str]:
        """Those of the samples that do not decode as they did when they were checked."""
        with strict_decoding():
            found = {index: self._verdict(index).why for index in sorted(indices)}
        return {
            index: f"does not decode ({why}), but was sound when it was checked"
            for index, why in found.items()
            if why
        }

    def _refused(self, indices: set[int]) -> dict[int, str]:
        """Those that DALI alone does not decode."""
        trial = Trial(mapped=self._feed.is_mapped)
        found = {index: trial.refusal(self._feed.given(index)) for index in sorted(indices)}
        return {
            index: f"cannot be decoded by DALI ({said}), but by PIL, which checked it; convert it,"
            " or use --pipeline torchvision or --bad-files skip"
            for index, said in found.items()
            if said
        }

    def _verdict(self, index: int) -> Verdict:
        root, ranges = Path(self._source.root), self._source.ranges
        if ranges is None:
            return examine(root / self._source.files[index])
        return examine(root / ranges.path(index), ranges.part(index))


class Trial:
    """Samples through DALI's decoders one at a time, on the CPU: which of them does it refuse?"""

    def __init__(self, *, mapped: bool) -> None:
        self._mapped = mapped
        self._graph = self._built()

    def refusal(self, given: NDArray[np.uint8]) -> str:
        """What DALI says of a path, or of content; nothing where it decodes."""
        try:
            self._graph.run(**{GIVEN: [given]})
        except RuntimeError as error:
            self._graph = self._built()  # it stops for good
            said = _SAID.search(str(error))
            return said[1] if said else "it does not say why"
        return ""

    def _built(self) -> Any:
        graph = picture_graph(
            mapped=self._mapped,
            batch_size=1,
            num_threads=1,
            device_id=None,
            prefetch_queue_depth=1,
            exec_async=False,  # what fails is what was given last
            exec_pipelined=False,
        )
        graph.build()
        return graph


class _OnGpu:
    """DALI's own iterator, which goes on for ever."""

    def __init__(self, graph: Any, spec: BatchSpec) -> None:
        self._is_rows = is_rows(spec)
        # The first batch is asked for where errors are met.
        self._iterator = DALIGenericIterator(
            [graph], ["images", "labels"], size=-1, prepare_first_batch=False
        )

    def take(self) -> Batch:
        """In the layout of the model, or as NHWC rows."""
        batch = next(self._iterator)[0]
        images = batch["images"]
        if self._is_rows:
            images = images.permute(0, 3, 1, 2)  # NHWC rows seen as NCHW: a view, not a copy
        return images, batch["labels"].view(-1)

    def close(self) -> None:
        """DALI ends its threads with its pipeline."""
        self._iterator = None


def _held_batches(spec: BatchSpec) -> int:
    """How many batches' memory DALI may still look at.

    Those in its queues, one that was just got, and that of the one before, which a GPU may decode.
    """
    return 2 * max(spec.prefetch, CROPS_AHEAD) + 4


def _normaliser(spec: BatchSpec) -> Normalise:
    """On a CPU PyTorch's: 3 ms for 64 images of 224 px, where DALI's own operator takes 20 ms."""
    return Normalise(
        width=spec.image_size,
        device=torch.device("cpu"),
        dtype=FLOATS[spec.pixels],
        layout=spec.memory_format,
    )

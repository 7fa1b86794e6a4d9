"""JPEG files through NVIDIA DALI: read, decode, random crop, resize, mirror, normalise.

DALI is given the files of the next batch, and reads them in its own threads: so its batches hold
the same files as those of torchvision, and a file that turns bad can be found and left out. Of
shards it is given the bytes themselves, as views of mapped memory that its decoders read. On a GPU
the whole graph is DALI's; on a CPU it decodes crops, of which
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
"""DALI's own message, which follows the trace of the graph."""

_NO_MEMORY: Final = re.compile(r"Can't allocate \d+ bytes|CUDA allocation failed")
"""DALI's words for a lack of memory, of which no file is the cause."""


class Running(Protocol):
    """A running pipeline."""

    def take(self) -> Batch:
        """Return the next batch before PyTorch normalises it; raise RuntimeError if DALI fails."""

    def close(self) -> None:
        """End its threads; a second call does nothing."""


class DaliBatches:
    """Endless batches of this rank's share; every batch is full, and epochs follow seamlessly."""

    def __init__(self, spec: BatchSpec, source: DaliSource) -> None:
        self._spec, self._source = spec, source
        self._feed = Feed(spec, source, held=_held_batches(spec))
        self._builds = 0
        self.left_out: list[str] = []
        """Files that turned bad, or that DALI refuses, as they are reported."""
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
        """Build and start it; its threads end with its owner, and before the interpreter."""
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
        """Rebuild the pipeline without what it failed at, as DALI stops for good at a bad file.

        Batches that were not delivered yet are started again.
        """
        if _NO_MEMORY.search(str(error)):
            raise error
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
        """Return the samples that no longer decode as they did when they were checked."""
        with strict_decoding():
            found = {index: self._verdict(index).why for index in sorted(indices)}
        return {
            index: f"cannot be decoded ({why}), although it was good when it was checked"
            for index, why in found.items()
            if why
        }

    def _refused(self, indices: set[int]) -> dict[int, str]:
        """Return the samples that only DALI cannot decode."""
        trial = Trial(mapped=self._feed.is_mapped)
        found = {index: trial.refusal(self._feed.given(index)) for index in sorted(indices)}
        return {
            index: f"cannot be decoded by DALI ({said}), although PIL can; convert it, or use "
            "--pipeline torchvision or --bad-files skip"
            for index, said in found.items()
            if said
        }

    def _verdict(self, index: int) -> Verdict:
        root, ranges = Path(self._source.root), self._source.ranges
        if ranges is None:
            return examine(root / self._source.files[index])
        return examine(root / ranges.path(index), ranges.part(index))


class Trial:
    """Runs samples through DALI's decoders one at a time, on the CPU, to find those it refuses."""

    def __init__(self, *, mapped: bool) -> None:
        self._mapped = mapped
        self._graph = self._built()

    def refusal(self, given: NDArray[np.uint8]) -> str:
        """Return DALI's error for a path, or content; nothing where it decodes."""
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
    """DALI's own iterator, which never ends."""

    def __init__(self, graph: Any, spec: BatchSpec) -> None:
        self._is_rows = is_rows(spec)
        # The first batch is asked for where errors are met.
        self._iterator = DALIGenericIterator(
            [graph], ["images", "labels"], size=-1, prepare_first_batch=False
        )

    def take(self) -> Batch:
        """Return a batch in the layout of the model, or as NHWC rows."""
        batch = next(self._iterator)[0]
        images = batch["images"]
        if self._is_rows:
            images = images.permute(0, 3, 1, 2)  # NHWC rows seen as NCHW: a view, not a copy
        return images, batch["labels"].view(-1)

    def close(self) -> None:
        """Do nothing: DALI ends its threads with its pipeline."""
        self._iterator = None


def _held_batches(spec: BatchSpec) -> int:
    """Return how many batches' memory DALI may still look at.

    These are those in its queues, one that was just delivered, and the one before, which a GPU may
    be decoding.
    """
    return 2 * max(spec.prefetch, CROPS_AHEAD) + 4


def _normaliser(spec: BatchSpec) -> Normalise:
    """Return PyTorch's normaliser on a CPU: 3 ms for 64 images of 224 px, 20 ms with DALI's."""
    return Normalise(
        width=spec.image_size,
        device=torch.device("cpu"),
        dtype=FLOATS[spec.pixels],
        layout=spec.memory_format,
    )

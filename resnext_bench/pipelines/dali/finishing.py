"""On a CPU, turns crops that DALI has decoded into batches, in threads besides DALI's.

DALI decodes a crop faster than torchvision an image, but its resize on a CPU takes 1.2 ms where
PyTorch's, of bytes with antialiasing, takes 0.16 ms. So DALI reads and decodes, and PyTorch resizes
and mirrors right into the batch.
"""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import torch
from torch.utils.dlpack import from_dlpack

from resnext_bench.pipelines.batches import Batch, BatchSpec
from resnext_bench.pipelines.images.pixels import resize_into

CROPS_AHEAD: Final = 2
"""Batches of crops that DALI holds: one is finished while the next is decoded."""
CROPS_A_THREAD: Final = 4
"""Decoding threads per resizing thread: a crop takes 0.67 ms to decode and 0.17 ms to resize."""
_LOOK_S: Final = 0.1


class Finisher:
    """Runs a pipeline of crops ahead of the consumer, by `spec.prefetch` batches."""

    def __init__(self, pipeline: Any, spec: BatchSpec, threads: int) -> None:
        self._pipeline, self._spec = pipeline, spec
        self._workers = max(1, round(threads / CROPS_A_THREAD))
        self._pool = one_thread_each(self._workers)
        self._ready: queue.Queue[Batch | Exception] = queue.Queue(spec.prefetch)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="finisher", daemon=True)
        self._thread.start()

    def take(self) -> Batch:
        """Return the next batch: bytes [batch, 3, size, size] in NHWC memory, and labels [batch].

        After all finished batches, it raises the error that ended the pipeline.
        """
        found = self._ready.get()
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """End the threads."""
        self._ended.set()
        self._thread.join()
        self._pool.shutdown()
        self._pipeline = None

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                crops, labels, mirrored = self._pipeline.run()
                self._put(self._batch(crops, labels, mirrored))
        except Exception as error:  # told where batches are asked for
            # Without its frames, which would keep the pipeline alive after its end.
            self._put(error.with_traceback(None))

    def _put(self, made: Batch | Exception) -> None:
        while not self._ended.is_set():
            with suppress(queue.Full):
                self._ready.put(made, timeout=_LOOK_S)
                break

    def _batch(self, crops: Any, labels: Any, mirrored: Any) -> Batch:
        size, count = self._spec.image_size, len(crops)
        rows = torch.empty((count, size, size, 3), dtype=torch.uint8)
        images = rows.permute(0, 3, 1, 2)  # NHWC rows seen as NCHW
        flags = [bool(flag) for flag in from_dlpack(mirrored.as_tensor())]

        def finish(first: int) -> None:
            for place in range(first, count, self._workers):
                crop = from_dlpack(crops[place]).permute(2, 0, 1)[None]
                resize_into(images[place : place + 1], crop, mirror=flags[place])

        list(self._pool.map(finish, range(self._workers)))  # all, so that any error is raised
        return images, from_dlpack(labels.as_tensor()).view(-1).clone()


def one_thread_each(workers: int) -> ThreadPoolExecutor:
    """Make threads in which PyTorch does not split its operations.

    PyTorch keeps its number of threads per thread, and new threads get the value that was set last:
    so all of them start here, and then the caller sets its own number again.
    """
    own, met = torch.get_num_threads(), threading.Barrier(workers)

    def begin() -> None:
        torch.get_num_threads()  # takes what was set last, which would be too late afterwards
        torch.set_num_threads(1)
        met.wait()

    pool = ThreadPoolExecutor(workers, thread_name_prefix="resize", initializer=begin)
    list(pool.map(_nothing, range(workers)))
    torch.set_num_threads(own)
    return pool


def _nothing(_: int) -> None:
    """Do nothing, which starts a thread."""

"""The GPUs are watched while sides train on them, and one that goes away is named."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.gpu.monitor import monitor
from resnext_bench.machine.gpu.watch import GpuWatch, open_watch
from resnext_bench.reports.render.notes import sentences


@contextmanager
def watching(indices: Sequence[int]) -> Iterator[GpuWatch]:
    """Watch these GPUs; who computes there before the body starts anything is somebody else.

    The window begins where the body calls `start`. Without GPUs or a driver it watches nothing.
    """
    with monitor() as found:
        watch = open_watch(found, indices)
        with _lost_gpus_named(watch):
            watch.note_residents()
            yield watch


@contextmanager
def _lost_gpus_named(watch: GpuWatch) -> Iterator[None]:
    """Name the lost GPU before what the ranks died of: to them it is an error of CUDA like any."""
    try:
        yield
    except SessionFailed as failed:
        if not (lost := watch.seek_lost()):
            raise
        what = "; ".join((*sentences(lost), failed.failure.what))
        failure = msgspec.structs.replace(failed.failure, kind="lost_gpu", what=what)
        raise SessionFailed(failure) from failed

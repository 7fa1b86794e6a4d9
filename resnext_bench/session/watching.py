"""Watches the GPUs while sides train on them, and names one that goes away."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.gpu.monitor import monitor
from resnext_bench.machine.gpu.watch import GpuWatch, open_watch
from resnext_bench.reports.render.notes import sentences


@contextmanager
def watching(indices: Sequence[int]) -> Iterator[GpuWatch]:
    """Watch these GPUs; processes that compute there before the body starts count as other tenants.

    The window begins where the body calls `start`. Without GPUs or a driver it watches nothing.
    """
    with monitor() as found:
        watch = open_watch(found, indices)
        with _lost_gpus_named(watch):
            watch.note_residents()
            yield watch


@contextmanager
def _lost_gpus_named(watch: GpuWatch) -> Iterator[None]:
    """Name the lost GPU before the ranks' error, which is any CUDA error to them."""
    try:
        yield
    except SessionFailed as failed:
        if not (lost := watch.seek_lost()):
            raise
        what = "; ".join((*sentences(lost), failed.failure.what))
        failure = msgspec.structs.replace(failed.failure, kind="lost_gpu", what=what)
        raise SessionFailed(failure) from failed

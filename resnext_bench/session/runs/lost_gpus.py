"""A GPU that went away is the cause of whatever the ranks say of their end."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.gpu.watch import GpuWatch
from resnext_bench.reports.render.notes import sentences


@contextmanager
def lost_gpus_named(watch: GpuWatch) -> Iterator[None]:
    """Name the lost GPU before what the ranks died of: to them it is an error of CUDA like any."""
    try:
        yield
    except SessionFailed as failed:
        if not (lost := watch.seek_lost()):
            raise
        what = "; ".join((*sentences(lost), failed.failure.what))
        failure = msgspec.structs.replace(failed.failure, kind="lost_gpu", what=what)
        raise SessionFailed(failure) from failed

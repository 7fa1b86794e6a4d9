"""Opens the pipeline that a configuration names."""

import torch

from resnext_bench.config.memory import require_room_for_sockets
from resnext_bench.job import Job, SessionFolder
from resnext_bench.pipelines.batches import Batches, BatchSpec
from resnext_bench.pipelines.dali.finishing import CROPS_AHEAD
from resnext_bench.pipelines.synthetic import host_batches, synthetic_batches
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.worker.loader_processes import beginner


def wanted(config: RunConfig, device: torch.device, rank: int) -> BatchSpec:
    """Return what one rank wants of its batches."""
    return BatchSpec(
        batch_size=config.batch_size,
        image_size=config.image_size,
        classes=config.classes,
        channels_last=config.channels_last,
        device=device,
        seed=config.seed,
        rank=rank,
        world_size=config.world_size,
        pixels=config.pixels,
        prefetch=config.prefetch,
        last_batch=config.last_batch,
    )


def open_batches(job: Job, folder: SessionFolder, device: torch.device, rank: int) -> Batches:
    """Open the endless batches of one rank."""
    config, spec = job.config, wanted(job.config, device, rank)
    if config.pipeline == "synthetic":
        return synthetic_batches(spec)
    if config.pipeline == "host":
        return host_batches(spec)
    read = _torchvision_batches if config.pipeline == "torchvision" else _dali_batches
    return read(job, folder, spec)


def close_batches(batches: Batches) -> None:
    """End what makes the batches, where it does not end with this process by itself."""
    close = getattr(batches, "close", None)
    if close:
        close()


def most_ready(config: RunConfig) -> int:
    """Return the most batches that a loader holds, ready or begun, while none are taken.

    In a pause DALI fills the one queue of its executor, wherever it decodes. On a CPU finished
    batches wait in a queue of their own, with one more before it, and crops after them. Each
    process of a DataLoader makes what was ordered from it, and batches are ordered only when one is
    taken.
    """
    if not config.reads_images:
        return 0
    if config.pipeline == "torchvision":
        return config.prefetch * config.loader_threads
    if config.device == "cpu":
        return config.prefetch + 1 + CROPS_AHEAD
    return config.prefetch


def _torchvision_batches(job: Job, folder: SessionFolder, spec: BatchSpec) -> Batches:
    # A second to import: only where it is used.
    from resnext_bench.pipelines.torchvision import TorchvisionBatches, TorchvisionSource  # noqa: PLC0415

    require_room_for_sockets()  # of this node, too
    images = folder.read_images()
    return TorchvisionBatches(
        spec,
        TorchvisionSource(
            root=job.images or "",
            files=images.files,
            labels=images.labels,
            ranges=images.ranges,
            processes=job.config.loader_threads,
            begin=beginner(job, folder, spec.rank),
            skip_bad=job.config.bad_files == "skip",
        ),
    )


def _dali_batches(job: Job, folder: SessionFolder, spec: BatchSpec) -> Batches:
    # An extra, and a second to import: only where it is used.
    from resnext_bench.pipelines.dali.feed import DaliSource  # noqa: PLC0415
    from resnext_bench.pipelines.dali.pipeline import DaliBatches  # noqa: PLC0415

    images = folder.read_images()
    return DaliBatches(
        spec,
        DaliSource(
            root=job.images or "",
            files=images.files,
            labels=images.labels,
            ranges=images.ranges,
            decode="mixed" if job.config.decode == "mixed" else "cpu",
            threads=job.config.loader_threads,
            skip_bad=job.config.bad_files == "skip",
        ),
    )

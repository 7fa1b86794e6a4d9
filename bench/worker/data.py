"""Opens the pipeline that a configuration names."""

import torch

from bench.job import Job, SessionFolder
from pipelines.batches import PREFETCHED, Batches, BatchSpec
from pipelines.synthetic import synthetic_batches
from reports.schema.config import RunConfig


def open_batches(job: Job, folder: SessionFolder, device: torch.device, rank: int) -> Batches:
    """The endless batches of one rank."""
    config = job.config
    spec = BatchSpec(
        batch_size=config.batch_size,
        image_size=config.image_size,
        classes=config.classes,
        channels_last=config.channels_last,
        device=device,
        seed=config.seed,
        rank=rank,
        world_size=config.world_size,
    )
    if config.pipeline == "synthetic":
        return synthetic_batches(spec)
    return _dali_batches(job, folder, spec)


def most_ready(config: RunConfig) -> int:
    """The most batches that a loader holds ready, or begun, while nobody takes any.

    In a pause DALI fills the queue behind each of its stages, one on a CPU and two where it decodes
    on a GPU, and begins one batch more.
    """
    if config.pipeline == "synthetic":
        return 0
    return 1 + PREFETCHED * (2 if config.decode == "mixed" else 1)


def _dali_batches(job: Job, folder: SessionFolder, spec: BatchSpec) -> Batches:
    # An extra, and a second to import: only where it is used.
    from pipelines.dali import DaliBatches, DaliSource  # noqa: PLC0415

    images = folder.read_images()
    return DaliBatches(
        spec,
        DaliSource(
            root=job.images or "",
            files=images.files,
            labels=images.labels,
            decode="mixed" if job.config.decode == "mixed" else "cpu",
            threads=job.config.loader_threads,
        ),
    )

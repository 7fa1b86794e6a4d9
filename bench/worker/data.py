"""Opens the pipeline that a configuration names."""

import torch

from bench.job import Job, SessionFolder
from pipelines.batches import Batches, BatchSpec
from pipelines.synthetic import synthetic_batches


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

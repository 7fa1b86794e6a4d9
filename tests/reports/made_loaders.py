"""A sweep of loaders made by hand."""

import msgspec
import numpy as np

from resnext_bench.reports.figures.loaders import knees_of, rate_of
from resnext_bench.reports.schema.loaders import LoaderBench, LoaderRate, Setting


def setting(
    threads: int, *, pipeline: str = "dali", decode: str = "cpu", depth: int = 2
) -> Setting:
    return Setting(
        pipeline=pipeline,  # type: ignore[arg-type]
        decode=decode,  # type: ignore[arg-type]
        loader_threads=threads,
        prefetch=depth,
    )


def rate(images_per_s: float, where: Setting) -> LoaderRate:
    """Of batches of 100 images, in six rounds that differ a little."""
    step_ms = 1e5 / images_per_s * np.array([0.999, 1.001] * 3)
    return rate_of(where, step_ms, 100, float(where.loader_threads))


def made_bench(**changes: object) -> LoaderBench:
    """DALI's knee is at 4 of 8 threads, torchvision's lies beyond 8."""
    dali = {1: 500.0, 2: 990.0, 4: 1900.0, 8: 1950.0}
    torchvision = {1: 300.0, 2: 600.0, 4: 1200.0, 8: 2400.0}
    rates = [rate(value, setting(threads)) for threads, value in dali.items()]
    rates += [
        rate(value, setting(threads, pipeline="torchvision"))
        for threads, value in torchvision.items()
    ]
    bench = LoaderBench(
        folder="/data/made",
        images=512,
        mean_bytes=69_000,
        batch_size=64,
        image_size=224,
        ranks=1,
        rank_cores=16,
        device="cpu",
        pixels="uint8",
        confidence_percent=99.0,
        hardware="Example CPU, 16 cores",
        versions={"torch": "2.15.0"},
        date="2026-03-01T10:15:00+00:00",
        threads=tuple(rates),
        knees=knees_of(rates),
        prefetch=(rate(1900, setting(4, depth=1)), rate(1950, setting(4, depth=4))),
        notes=("settings took turns in 2 groups",),
        invalid=(),
    )
    return msgspec.structs.replace(bench, **changes)

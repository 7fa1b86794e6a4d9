"""Rates of loaders without training: all stay loaded, in turn, on the same files and cores.

    python -m resnext_bench.lab.campaigns.loaders [--data FOLDER] [--rounds N] [--json FILE]

Each line is images/s of a block of batches, after as many as a loader holds ready were thrown away;
`decode` is DALI's own decode + crop + resize, without mirror and normalisation; `by hand` is as in
users' scripts (jpegs_by_hand.py), in fp32. Prints ratios within a round with 99 % intervals. `nox
-s campaign -- loaders` writes docs/results/loaders.json, and `nox -s docs` the table.
"""

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator

from resnext_bench.lab.bench import jpegs_by_hand
from resnext_bench.lab.campaigns.loaders_table import SIDES
from resnext_bench.lab.kept import Kept, hardware, parser_for, store, today, versions
from resnext_bench.pipelines.batches import Batches, BatchSpec, Pixels
from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.pipelines.dali.feed import DaliSource
from resnext_bench.pipelines.dali.pipeline import DaliBatches
from resnext_bench.pipelines.images.folder import ImageFolder, scan
from resnext_bench.pipelines.making.made_images import ensure_made
from resnext_bench.pipelines.torchvision import TorchvisionBatches, TorchvisionSource
from resnext_bench.reports.stats.effects import t_interval, to_percent
from resnext_bench.session.turns.blocks import Block, in_turn

BATCH, SIZE, WORKERS, PREFETCH = 64, 224, 2, 2
READY: Final = 2 * PREFETCH + 2
"""Number of batches thrown away before a block: more than any of the loaders holds ready."""
BLOCK: Final = 10
RATIOS: Final = (
    ("dali fp32", "torchvision fp32"),
    ("dali fp32", "dali by hand"),
    ("dali fp32", "torchvision by hand"),
    ("dali by hand", "torchvision by hand"),
    ("torchvision fp32", "torchvision by hand"),
    ("dali uint8", "torchvision uint8"),
    ("dali uint8", "decode"),
)
CONFIDENCE: Final = 0.99


def main() -> None:
    """Let all loaders take turns, and print rates and ratios."""
    options = _options()
    torch.set_num_threads(1)
    folder = scan(options.data or ensure_made(cache_dir(), workers=WORKERS))
    # Loaders that fork come first: a fork beside DALI's threads may wait for ever.
    made = {name: _opened(name, folder) for name in sorted(SIDES, reverse=True)}
    blocks = [_block(made[name]) for name in SIDES]
    lengths = in_turn(blocks, 1 + options.rounds)[1:]
    rates = [[BLOCK * BATCH / took for took in row] for row in lengths]
    found = _facts(folder, options.rounds) | {
        "images_per_s": [[round(rate, 1) for rate in row] for row in rates],
        "ratios": {f"{a} / {b}": _ratio(rates, a, b) for a, b in RATIOS},
    }
    for name, rate in zip(SIDES, np.median(rates, axis=0), strict=True):
        print(f"{name:<18} {rate:7.0f} images/s")
    for name, ratio in found["ratios"].items():
        print(f"{name}: {ratio['estimate']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f})")
    store(options.json, found)
    os._exit(0)  # loader processes and threads have nothing left to say


def _opened(name: str, folder: ImageFolder) -> Iterator[object]:
    if name == "decode":
        return iter(DALIGenericIterator([_decode(folder)], ["images", "labels"], size=-1))
    loader, pixels = name.split(maxsplit=1)
    if pixels == "by hand":
        by_hand = jpegs_by_hand.dali_batches
        if loader == "torchvision":
            by_hand = jpegs_by_hand.torchvision_batches
        found: Iterator[object] = by_hand(**_files(folder), size=SIZE, batch=BATCH, workers=WORKERS)
        next(found)
        return found
    spec = _spec("uint8" if pixels == "uint8" else "fp32")
    batches: Batches
    if loader == "dali":
        batches = DaliBatches(spec, DaliSource(**_files(folder), decode="cpu", threads=WORKERS))
    else:
        source = TorchvisionSource(**_files(folder), processes=WORKERS, begin=_nothing)
        batches = TorchvisionBatches(spec, source)
        next(batches)  # its processes are there before anything else begins
    return batches


def _files(folder: ImageFolder) -> dict[str, Any]:
    return {"root": str(folder.root), "files": folder.files, "labels": folder.labels}


def _nothing() -> None:
    """Do nothing: the processes end with this one."""


def _spec(pixels: Pixels) -> BatchSpec:
    return BatchSpec(
        batch_size=BATCH,
        image_size=SIZE,
        classes=8,
        channels_last=True,
        device=torch.device("cpu"),
        seed=0,
        rank=0,
        world_size=1,
        pixels=pixels,
        prefetch=PREFETCH,
    )


def _decode(folder: ImageFolder) -> object:
    @pipeline_def(  # type: ignore[untyped-decorator]
        batch_size=BATCH, num_threads=WORKERS, device_id=None, seed=1
    )
    def graph() -> tuple[object, object]:
        jpegs, labels = fn.readers.file(
            file_root=str(folder.root),
            files=list(folder.files),
            labels=list(folder.labels),
            random_shuffle=True,
        )
        images = fn.decoders.image_random_crop(
            jpegs, random_area=[0.08, 1.0], random_aspect_ratio=[3 / 4, 4 / 3]
        )
        linear = types.INTERP_LINEAR
        return fn.resize(images, size=SIZE, interp_type=linear, antialias=True), labels

    return graph()


def _block(batches: Iterator[object]) -> Block:
    def played() -> float:
        for _ in range(READY):
            next(batches)
        start = time.perf_counter()
        for _ in range(BLOCK):
            next(batches)
        took = time.perf_counter() - start
        time.sleep(1)  # its queues fill before another's turn
        return took

    return played


def _ratio(rates: list[list[float]], a: str, b: str) -> dict[str, float]:
    one, other = (list(SIDES).index(name) for name in (a, b))
    logs = np.array([math.log(row[one] / row[other]) for row in rates])
    found = t_interval(logs, CONFIDENCE)
    told: Callable[[float], float] = lambda x: round(1 + to_percent(x) / 100, 4)  # noqa: E731
    return {
        "estimate": told(found.estimate),
        "low": told(found.low),
        "high": told(found.high),
    }


def _facts(folder: ImageFolder, rounds: int) -> Kept:
    sizes = [(folder.root / file).stat().st_size for file in folder.files]
    return {
        "what": "images/s of loaders alone [rounds][sides]; ratios of a round, t over rounds",
        "date": today(),
        "hardware": hardware(),
        "versions": versions("resnext-bench", "torch", "torchvision", "nvidia-dali-cuda130"),
        "seed": 0,
        "images": len(folder.files),
        "mean_bytes": round(sum(sizes) / len(sizes)),
        "batch": BATCH,
        "size": SIZE,
        "workers": WORKERS,
        "n": rounds,
        "confidence": CONFIDENCE,
        "sides": list(SIDES),
    }


def _options() -> argparse.Namespace:
    parser = parser_for("campaigns.loaders", __doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    return parser.parse_args()


if __name__ == "__main__":
    main()

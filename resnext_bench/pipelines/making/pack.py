"""Packs the good files of a folder into shards that are read in order, shuffled once."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from resnext_bench.data_formats import ShardFormat
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import DESCRIPTION
from resnext_bench.pipelines.images.proof import Proof
from resnext_bench.pipelines.making.staging import aside, taken
from resnext_bench.pipelines.shards.writing import (
    RecordWriter,
    Sample,
    Shard,
    ShardWriter,
    TarWriter,
)
from resnext_bench.pipelines.workers import chunks

Progress = Callable[[int, int], None]

NAME: Final = DESCRIPTION
VERSION: Final = 1
READ_AHEAD: Final = 64
_WRITERS: Final[dict[ShardFormat, type[ShardWriter]]] = {
    "webdataset": TarWriter,
    "tfrecord": RecordWriter,
}
_EXTENSIONS: Final = {"JPEG": "jpg", "PNG": "png", "BMP": "bmp", "WEBP": "webp"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """The description next to the shards; `classes[label]` is the name of a class."""

    version: int
    format: ShardFormat
    images: int
    left_out: int
    seed: int
    extensions: dict[str, int]
    classes: tuple[str, ...]
    images_per_class: tuple[int, ...]
    shards: tuple[Shard, ...]


def pack(
    proof: Proof,
    out: Path,
    *,
    format: ShardFormat,
    shard_bytes: int,
    seed: int,
    readers: int,
    progress: Progress | None = None,
) -> Packed:
    """Write the shards of the good files, their indices and dataset.json: all of them or none."""
    if taken(out):
        raise DataError(f"{out} exists and is not empty; name a folder that does not exist yet")
    with aside(out) as fresh:
        samples = _watched(_samples(proof, seed, readers), len(proof.good.files), progress)
        extensions: Counter[str] = Counter()
        shards = tuple(_shards(fresh, samples, _WRITERS[format], shard_bytes, extensions))
        packed = _packed(proof, shards, extensions, format=format, seed=seed)
        (fresh / NAME).write_bytes(msgspec.json.format(msgspec.json.encode(packed)))
    return packed


def _packed(
    proof: Proof,
    shards: tuple[Shard, ...],
    extensions: Counter[str],
    *,
    format: ShardFormat,
    seed: int,
) -> Packed:
    counts = Counter(proof.good.labels)
    return Packed(
        version=VERSION,
        format=format,
        images=len(proof.good.files),
        left_out=len(proof.bad),
        seed=seed,
        extensions=dict(sorted(extensions.items())),
        # JSON has no other names; the order is what labels go by.
        classes=tuple(os.fsencode(name).decode(errors="replace") for name in proof.good.classes),
        images_per_class=tuple(counts[label] for label in range(len(proof.good.classes))),
        shards=shards,
    )


def _shards(
    folder: Path,
    samples: Iterator[Sample],
    kind: type[ShardWriter],
    shard_bytes: int,
    extensions: Counter[str],
) -> Iterator[Shard]:
    """Write samples to one shard after another; a shard ends before it would be too large."""
    number, writer = 0, kind(folder, 0)
    try:
        for sample in samples:
            if not writer.add(sample, shard_bytes):
                yield writer.close()
                number, writer = number + 1, kind(folder, number + 1)
                writer.add(sample, shard_bytes)
            extensions[sample.extension] += 1
        yield writer.close()
    finally:
        writer.abandon()


def _samples(proof: Proof, seed: int, readers: int) -> Iterator[Sample]:
    """Yield the files in an order given by the seed, some of them read ahead."""
    order = np.random.default_rng([seed, 5]).permutation(len(proof.good.files)).tolist()
    with ThreadPoolExecutor(readers) as pool:
        for part in chunks(list(enumerate(order)), READ_AHEAD):
            yield from pool.map(lambda place: _sample(proof, *place), part)


def _sample(proof: Proof, number: int, index: int) -> Sample:
    """Return a file as it is, named by its content."""
    path = proof.good.files[index]
    try:
        content = (proof.good.root / path).read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {proof.good.root / path}: {error.strerror}; it was good when it was "
            "checked"
        ) from error
    extension = _EXTENSIONS[proof.verdicts[path].kind.partition(" ")[0]]
    return Sample(
        number=number, content=content, extension=extension, label=proof.good.labels[index]
    )


def _watched(samples: Iterator[Sample], total: int, progress: Progress | None) -> Iterator[Sample]:
    for done, sample in enumerate(samples, 1):
        yield sample
        if progress:
            progress(done, total)

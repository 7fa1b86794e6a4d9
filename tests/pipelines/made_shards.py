"""Shards as `data pack` writes them and as others do: tar files of tarfile, TFRecord by hand."""

import io
import struct
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from resnext_bench.data_formats import ShardFormat
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import ImageFolder, scan
from resnext_bench.pipelines.images.proof import prove
from resnext_bench.pipelines.making.pack import pack
from resnext_bench.pipelines.shards.found import Found
from resnext_bench.pipelines.shards.records import masked_crc32c
from resnext_bench.pipelines.shards.sharded import scan_any
from tests.pipelines.loaders import Wanted

FORMATS: tuple[ShardFormat, ...] = ("webdataset", "tfrecord")


def packed(root: Path, out: Path, format: ShardFormat, *, shard_bytes: int = 10**6) -> Path:
    """The folder as shards."""
    proof = prove(scan(root), cache=out.parent / "cache", workers=1)
    pack(proof, out, format=format, shard_bytes=shard_bytes, seed=0, readers=1)
    return out


def listed(root: Path, workers: int = 1) -> ImageFolder:
    """What lies in a folder, by its shards themselves."""
    return scan_any(root, cache=root / "no cache", keep=False, workers=workers)


def wanted(root: Path, plain: Wanted) -> Wanted:
    """The same of shards."""
    folder = listed(root)
    return replace(
        plain,
        root=root,
        files=list(folder.files),
        labels=list(folder.labels),
        ranges=folder.ranges,
    )


def write_tar(
    path: Path, members: Iterable[tuple[str, bytes]], format: int = tarfile.PAX_FORMAT
) -> None:
    with tarfile.open(path, "w", format=format) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def write_records(path: Path, examples: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for data in examples:
            length = struct.pack("<Q", len(data))
            file.write(length + struct.pack("<I", masked_crc32c(length)))
            file.write(data + struct.pack("<I", masked_crc32c(data)))


def indexed(index: Callable[[Path], Found], path: Path) -> tuple[Found | None, str]:
    """What is found, or what is said."""
    try:
        return index(path), ""
    except DataError as error:
        return None, str(error)

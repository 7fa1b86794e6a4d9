"""Writes shards of samples, WebDataset's tar files or TFRecord files, with DALI's index.

Their bytes depend on the samples alone, not on a clock, user or library.
"""

import hashlib
import struct
import tarfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from resnext_bench.pipelines.shards.records import masked_crc32c

BLOCK: Final = tarfile.BLOCKSIZE
END: Final = bytes(2 * BLOCK)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One image as it is in its file."""

    number: int
    content: bytes
    extension: str
    label: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A file as it was written, and the index next to it."""

    name: str
    index: str
    images: int
    bytes: int
    sha256: str


class ShardWriter(ABC):
    """Writes one shard; `close` writes its index too."""

    suffix: str

    def __init__(self, folder: Path, number: int) -> None:
        self._path = folder / f"shard-{number:06d}{self.suffix}"
        self._file: BinaryIO = self._path.open("xb")
        self._digest = hashlib.sha256()
        self._index: list[str] = []
        self.size = 0

    @property
    def images(self) -> int:
        """The number of samples in it."""
        return len(self._index)

    def add(self, sample: Sample, most_bytes: int) -> bool:
        """Write one sample; return False if the file would be too large, unless it is the first."""
        begin, record = self.size, self._record(sample)
        end = begin + len(record)
        if self._index and end + len(self._end(end)) > most_bytes:
            return False
        self._write(record)
        self._index.append(self._line(sample, begin, len(record)))
        return True

    def close(self) -> Shard:
        """End the file and write the index."""
        self._write(self._end(self.size))
        self.abandon()
        index = self._path.with_suffix(".idx")
        index.write_text("".join(f"{line}\n" for line in (*self._head(), *self._index)))
        return Shard(
            name=self._path.name,
            index=index.name,
            images=self.images,
            bytes=self.size,
            sha256=self._digest.hexdigest(),
        )

    def abandon(self) -> None:
        """Close the file without completing it."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def _end(self, size: int) -> bytes:
        """Return what follows this many bytes of samples."""
        return b""

    def _head(self) -> tuple[str, ...]:
        return ()

    @abstractmethod
    def _record(self, sample: Sample) -> bytes: ...

    @abstractmethod
    def _line(self, sample: Sample, begin: int, length: int) -> str: ...


class TarWriter(ShardWriter):
    """WebDataset: the members KEY.jpg (or what the content is) and KEY.cls, the class number."""

    suffix = ".tar"

    def _record(self, sample: Sample) -> bytes:
        return _member(self._name(sample), sample.content) + _member(
            f"{sample.number:09d}.cls", str(sample.label).encode()
        )

    def _line(self, sample: Sample, begin: int, length: int) -> str:
        """Return a line as DALI's wds2idx writes it: extension, content offset, size and name."""
        label = str(sample.label)
        image = f"{sample.extension} {begin + BLOCK} {len(sample.content)} {self._name(sample)}"
        return f"{image} cls {begin + length - BLOCK} {len(label)} {sample.number:09d}.cls"

    def _name(self, sample: Sample) -> str:
        return f"{sample.number:09d}.{sample.extension}"

    def _end(self, size: int) -> bytes:
        """Return the end of a tar file: two empty blocks, padded to a record of 20."""
        return END + bytes(-(size + len(END)) % tarfile.RECORDSIZE)

    def _head(self) -> tuple[str, ...]:
        return (f"v1.2 {self.images}",)


def _member(name: str, content: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % BLOCK)


class RecordWriter(ShardWriter):
    """TFRecord: a tf.train.Example with image/encoded and image/class/label for each picture."""

    suffix = ".tfrecord"

    def _record(self, sample: Sample) -> bytes:
        data = example(sample.content, sample.label)
        length = struct.pack("<Q", len(data))
        sums = (struct.pack("<I", masked_crc32c(part)) for part in (length, data))
        return length + next(sums) + data + next(sums)

    def _line(self, sample: Sample, begin: int, length: int) -> str:
        return f"{begin} {length}"


def example(content: bytes, label: int) -> bytes:
    """Return a tf.train.Example in protobuf's encoding."""
    features = {
        # Feature{bytes_list: BytesList{value}} and Feature{int64_list: Int64List{value}}, packed.
        b"image/encoded": _field(1, _field(1, content)),
        b"image/class/label": _field(3, _field(1, _varint(label))),
    }
    entries = (_field(1, _field(1, name) + _field(2, value)) for name, value in features.items())
    return _field(1, b"".join(entries))


def _field(number: int, data: bytes) -> bytes:
    """Return a field with a length."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])

"""TFRecord: finds the samples in a file of tf.train.Example, skipping the images.

A record is a length, its checksum, the data and its checksum. The data are protobuf, of which all
legal forms are accepted: fields in any order, unknown ones, numbers packed or not, and parts that
occur twice and are joined.
"""

import mmap
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.shards.found import (
    Entry,
    Found,
    Kinds,
    found_words,
    require_label,
    require_labels,
    require_plain,
)
from resnext_bench.pipelines.shards.ranges import Part

IMAGE: Final = b"image/encoded"
LABEL: Final = b"image/class/label"
TFDS: Final = (b"image", b"label")
"""TFDS's names of the features; its class numbers begin at 0."""
_LISTS: Final = {1: "bytes", 2: "floats", 3: "ints"}
"""Lists of a Feature, by the number of the field."""
_HEAD: Final = struct.Struct("<QI")
_TAIL_BYTES: Final = 4
_MASK_DELTA: Final = 0xA282EAD8
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
"""Wire types; the others, groups, are obsolete."""


class _Malformed(ValueError):
    """The bytes are not protobuf, or not of this message."""


class _Field(NamedTuple):
    number: int
    wire: int
    begin: int
    """Where the content begins; for a varint its value."""
    end: int


def index(path: Path) -> Found:
    """Index the samples of a TFRecord file; raise DataError if it is not one, or is truncated."""
    with path.open("rb") as file:
        if not _is_head(head := file.read(_HEAD.size)):  # a length may look like a packer's sign
            require_plain(str(path), head)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            view.madvise(mmap.MADV_RANDOM)  # images are not read
            return _found(str(path), view)


def _found(shard: str, view: mmap.mmap) -> Found:
    entries: list[Entry] = []
    unlabelled: list[str] = []
    kinds, without_image, of_tfds = Kinds(", "), 0, 0
    for number, (begin, end) in enumerate(_records(shard, view)):
        name = f"record {number}"
        try:
            features = _features(view, begin, end)
            image, label = _chosen_of(view, features)
            if image is None or label is None:
                kinds.see(_named(view, features))
        except _Malformed as error:
            raise DataError(
                f"{shard}: {name} at byte {begin} is not a tf.train.Example ({error})"
            ) from error
        if image is None:
            without_image += 1
        elif label is None:
            unlabelled.append(name)
        else:
            of_tfds += IMAGE not in features
            entries.append(Entry(name, *image, require_label(shard, name, label)))
    total = len(entries) + len(unlabelled)
    expected = "the feature image/class/label, an int64, or label beside TFDS's image"
    require_labels(shard, unlabelled, total, found_words(kinds.most), expected)
    return Found(
        entries=tuple(entries),
        without_image=without_image,
        made_of=kinds.most,
        of_tfds=of_tfds,
    )


def masked_crc32c(data: bytes) -> int:
    """Return the checksum of a record: masked, so that checksums of data with checksums work."""
    import google_crc32c  # noqa: PLC0415  (of all formats, TFRecord alone needs it)

    value: int = google_crc32c.value(data)
    return (((value >> 15) | (value << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _is_head(head: bytes) -> bool:
    """Return whether the length of a record is followed by its checksum."""
    return len(head) == _HEAD.size and masked_crc32c(head[:8]) == _HEAD.unpack(head)[1]


def _records(shard: str, view: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Yield where the data of each record begin and end."""
    at, size = 0, len(view)
    while at < size:
        begin = at + _HEAD.size
        if begin > size:
            raise DataError(
                _early(
                    shard,
                    at,
                    (f"the remaining {size - at} bytes are too few for the head of a record"),
                )
            )
        length = _HEAD.unpack_from(view, at)[0]
        if not _is_head(view[at:begin]):
            raise DataError(
                f"{shard}: the length of the record at byte {at} has a wrong checksum; the file is "
                "damaged or not a TFRecord file: write or copy it again"
            )
        at = begin + length + _TAIL_BYTES
        if at > size:
            what = f"a record of {length} bytes has {max(0, size - begin)} left"
            raise DataError(_early(shard, begin - _HEAD.size, what))
        yield begin, begin + length


def _early(shard: str, at: int, what: str) -> str:
    return f"{shard} ends too early: at byte {at} {what}; write or copy it again"


def read_example(view: mmap.mmap | bytes, begin: int, end: int) -> tuple[Part | None, int | None]:
    """Return where the image is in the view, and the class number; None for what is missing."""
    return _chosen_of(view, _features(view, begin, end))


_Spans = list[tuple[int, int]]


def _features(view: mmap.mmap | bytes, begin: int, end: int) -> dict[bytes, _Spans]:
    """Return where values are, by names of features; for a repeated name, the last."""
    found = {}
    for features in _of(view, [(begin, end)], 1):
        for entry in _of(view, [features], 1):
            parts = list(_fields(view, *entry))
            keys = [view[part.begin : part.end] for part in parts if _is(part, 1)]
            if keys:
                found[keys[-1]] = [(part.begin, part.end) for part in parts if _is(part, 2)]
    return found


def _chosen_of(
    view: mmap.mmap | bytes, features: dict[bytes, _Spans]
) -> tuple[Part | None, int | None]:
    """Choose the usual names, or TFDS's if its image is there and the usual one is not."""
    is_tfds = TFDS[0] in features and IMAGE not in features
    image, label = TFDS if is_tfds else (IMAGE, LABEL)
    return _first_bytes(view, features.get(image, [])), _first_int(view, features.get(label, []))


def _named(view: mmap.mmap | bytes, features: dict[bytes, _Spans]) -> list[str]:
    """Describe the features of a record: "image (bytes)"."""
    return [
        f"{name.decode(errors='replace')[:60]} ({_list_of(view, spans)})"
        for name, spans in sorted(features.items())
    ]


def _list_of(view: mmap.mmap | bytes, spans: _Spans) -> str:
    fields = [field.number for span in spans for field in _fields(view, *span)]
    return next((_LISTS[number] for number in reversed(fields) if number in _LISTS), "nothing")


def _is(field: _Field, number: int) -> bool:
    return field.number == number and field.wire == _LENGTH


def _of(
    view: mmap.mmap | bytes, spans: Iterable[tuple[int, int]], number: int
) -> Iterator[tuple[int, int]]:
    """Return the spans of one field of a message, which may itself have several spans."""
    for span in spans:
        for field in _fields(view, *span):
            if _is(field, number):
                yield field.begin, field.end


def _chosen(
    view: mmap.mmap | bytes, values: list[tuple[int, int]], number: int
) -> list[tuple[int, int]]:
    """Return the lists of the kind of a Feature, which has one kind: the last that is given."""
    kept: list[tuple[int, int]] = []
    for span in values:
        for field in _fields(view, *span):
            if _is(field, number):
                kept.append((field.begin, field.end))
            elif field.number in (1, 2, 3):
                kept.clear()
    return kept


def _first_bytes(view: mmap.mmap | bytes, values: list[tuple[int, int]]) -> Part | None:
    """Return the first bytes of a BytesList."""
    found = next(_of(view, _chosen(view, values, 1), 1), None)
    return (found[0], found[1] - found[0]) if found else None


def _first_int(view: mmap.mmap | bytes, values: list[tuple[int, int]]) -> int | None:
    """Return the first number of an Int64List, packed or not."""
    for span in _chosen(view, values, 3):
        for field in _fields(view, *span):
            if field.number != 1:
                continue
            if field.wire == _VARINT:
                return _signed(field.begin)
            if field.wire == _LENGTH and field.begin < field.end:
                return _signed(_varint(view, field.begin, field.end)[0])
    return None


def _fields(view: mmap.mmap | bytes, at: int, end: int) -> Iterator[_Field]:
    """Yield the fields of a message in order."""
    while at < end:
        tag, at = _varint(view, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(view, at, end)
            yield _Field(number, wire, value, value)
            continue
        if wire == _LENGTH:
            length, at = _varint(view, at, end)
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if wire == _EIGHT_BYTES else 4
        else:
            raise _Malformed(f"wire type {wire}")
        if at + length > end:
            raise _Malformed(f"a field of {length} bytes has {end - at} left")
        yield _Field(number, wire, at, at + length)
        at += length


def _varint(view: mmap.mmap | bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number of 64 bits, and where it ends."""
    value = shift = 0
    while at < end and shift < 70:
        byte = view[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise _Malformed("a number without an end")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value

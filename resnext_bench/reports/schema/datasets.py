"""Reports on data sets: how one was made, what is good and bad in it, and how it was packed."""

import msgspec

from resnext_bench.data_formats import DataFormat, ShardFormat


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A data set that was made, or that was already there and complete to the last byte."""

    folder: str
    images: int
    classes: int
    bytes: int
    seed: int
    photos: int | None
    """Number of photographs that it was cut from; None where it was painted."""
    left_out: list["Bad"]
    """Photographs that do not decode."""
    loose: int
    """Number of photographs next to class folders, which are left out."""
    already_there: bool
    seconds: float
    notes: list[str] = []
    """How the folder of photographs was interpreted."""


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a run could not use."""

    path: str
    why: str
    seems: str
    """What the file seems to be instead, if that can be seen: "HTML", "12000 x 20000", "FIFO"."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The distribution of a size over the good pictures."""

    p5: float
    median: float
    p95: float
    mean: float


class ClassCount(msgspec.Struct, frozen=True, kw_only=True):
    """A class and the number of its good pictures."""

    name: str
    images: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The number of classes, and the smallest, median and largest of them."""

    classes: int
    smallest: ClassCount
    median: ClassCount
    largest: ClassCount


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the sample; without figures if the page cache was not in that state."""

    resident_percent: float
    """Share of the sample's pages that were in the page cache before this pass, per cent."""
    files: int
    bytes: int
    seconds: float
    bytes_per_s: float | None
    images_per_s: float | None
    """Images/s that this rate can feed, by the mean size of all good files."""


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """The rate of reading whole files, or pieces of shards, with several threads at once."""

    files: int
    bytes: int
    threads: int
    cold: Pass
    warm: Pass


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The full check of a folder of images."""

    folder: str
    good: int
    decoded_now: int
    known_before: int
    """Number of files with a stored verdict. What is not a regular file is counted neither here nor
    in `decoded_now`."""
    bad: list[Bad]
    skipped: dict[str, int]
    """Number of files by extension that are not named like images and do not belong to the set."""
    loose: int
    """Number of images next to the class folders, which belong to no class."""
    kinds: dict[str, int]
    """Number of good pictures by format and mode, such as "JPEG RGB"."""
    misnamed: dict[str, int]
    """Number of good pictures named like another format, such as "PNG named .jpg"."""
    width: Spread | None
    height: Spread | None
    megapixels: Spread | None
    file_bytes: Spread | None
    total_bytes: int
    balance: Balance
    storage: Storage | None
    format: DataFormat = "folder"
    shards: int = 0
    notes: list[str] = []
    """How the folder was interpreted."""


class ShardRow(msgspec.Struct, frozen=True, kw_only=True):
    """One shard of a packed set."""

    name: str
    index: str
    images: int
    bytes: int
    sha256: str


class PackedSet(msgspec.Struct, frozen=True, kw_only=True):
    """A packed set and its shards."""

    folder: str
    out: str
    format: ShardFormat
    images: int
    classes: int
    extensions: dict[str, int]
    left_out: list[Bad]
    seed: int
    bytes: int
    shards: list[ShardRow]
    seconds: float
    notes: list[str] = []
    """How the folder was interpreted."""

"""What is said of a data set: how it was made, what is good and bad in it, how it was packed."""

import msgspec

from resnext_bench.reports.schema.record import DataFormat


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A set that was made, or that was there to its last byte."""

    folder: str
    images: int
    classes: int
    bytes: int
    seed: int
    photos: int | None
    """How many photographs it was cut from; None where it was painted."""
    left_out: list["Bad"]
    """Photographs that do not decode."""
    loose: int
    """Photographs beside class folders, which are left out."""
    already_there: bool
    seconds: float
    notes: list[str] = []
    """What the folder of photographs was taken to mean."""


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a run could not use."""

    path: str
    why: str
    seems: str
    """What it is instead, as far as that is seen: "HTML", "12000 x 20000", "FIFO"."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How a size is distributed over the good pictures."""

    p5: float
    median: float
    p95: float
    mean: float


class ClassCount(msgspec.Struct, frozen=True, kw_only=True):
    """A class and its good pictures."""

    name: str
    images: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """All classes, and three of them by size."""

    classes: int
    smallest: ClassCount
    median: ClassCount
    largest: ClassCount


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """Reading the sample once. Without figures where the page cache was not as the name says."""

    resident_percent: float
    """Of the sample's pages, in the page cache before it."""
    files: int
    bytes: int
    seconds: float
    bytes_per_s: float | None
    images_per_s: float | None
    """What that feeds: by the mean size of all good files."""


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """Whole files, read by several threads at once."""

    files: int
    bytes: int
    threads: int
    cold: Pass
    warm: Pass


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of images, in full."""

    folder: str
    good: int
    decoded_now: int
    known_before: int
    """Files whose verdicts were kept; what is no file at all is neither."""
    bad: list[Bad]
    skipped: dict[str, int]
    """Files by extension that are not named like images, and are no part of the set."""
    loose: int
    """Images beside the class folders, which belong to no class."""
    kinds: dict[str, int]
    """Good pictures by format and mode: "JPEG RGB"."""
    misnamed: dict[str, int]
    """Good pictures whose name says another format: "PNG named .jpg"."""
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
    """What the folder was taken to mean."""


class ShardRow(msgspec.Struct, frozen=True, kw_only=True):
    """One shard."""

    name: str
    index: str
    images: int
    bytes: int
    sha256: str


class PackedSet(msgspec.Struct, frozen=True, kw_only=True):
    """The shards of a set."""

    folder: str
    out: str
    format: str
    images: int
    classes: int
    extensions: dict[str, int]
    left_out: list[Bad]
    seed: int
    bytes: int
    shards: list[ShardRow]
    seconds: float
    notes: list[str] = []
    """What the folder was taken to mean."""

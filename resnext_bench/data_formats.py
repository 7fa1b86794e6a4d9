"""The formats in which a set of images may lie on a disk, and what each is called.

Pipelines read and write them, and records and reports name them without knowing pipelines.
"""

from typing import Final, Literal, NamedTuple

ShardFormat = Literal["webdataset", "tfrecord"]
DataFormat = Literal["folder", ShardFormat]
"""Images in class folders, or in shards of a format."""


class Shards(NamedTuple):
    """One format of shards. It is not a dataclass, which would slow every `--help`."""

    title: str
    """Its name in help texts."""
    file: str
    """The noun for one file."""
    shards: str
    """The noun for all of them."""
    expected: str
    """What a sample has to consist of, for errors."""
    has_names: bool
    """Whether samples have names, whose extension says what they should be."""
    packed: str = ""
    """What `data pack` writes, in help texts; empty where it does not write this format."""
    holds: str = ""
    """What a packed set consists of; {extensions} are those of its images."""


SHARDS: Final[dict[ShardFormat, Shards]] = {
    "webdataset": Shards(
        title="WebDataset (.tar)",
        file="tar file",
        shards="tar shards",
        expected=(
            "KEY.jpg (.jpeg, .png, .bmp, .webp) and KEY.cls, where KEY ends at the first dot of "
            "the name"
        ),
        has_names=True,
        packed="tar files of KEY.jpg and KEY.cls",
        holds="WebDataset: {extensions} and .cls, the class number",
    ),
    "tfrecord": Shards(
        title="TFRecord",
        file="TFRecord file",
        shards="TFRecord shards",
        expected=(
            "tf.train.Example with image/encoded and image/class/label, or TFDS's image and label"
        ),
        has_names=False,
        packed="records of image/encoded and image/class/label",
        holds="TFRecord: image/encoded, image/class/label",
    ),
}
"""Formats of shards; the indexer of each is named in `pipelines/shards/sharded.py`, what writes it
in `pipelines/making/pack.py` if `data pack` does."""


def written() -> dict[ShardFormat, Shards]:
    """Return the formats that `data pack` writes."""
    return {name: one for name, one in SHARDS.items() if one.packed}


def file_of(format: DataFormat) -> str:
    """Return the noun for one file of a set."""
    return "file" if format == "folder" else SHARDS[format].file

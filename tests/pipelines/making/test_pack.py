"""Shards hold the bytes and labels of their folder: read by DALI, tarfile and TensorBoard."""

import hashlib
import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from nvidia.dali import fn, pipeline_def, tfrecord, types
from PIL import Image
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

from resnext_bench.data_formats import ShardFormat
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import scan
from resnext_bench.pipelines.images.proof import Proof, prove
from resnext_bench.pipelines.making.pack import Packed, pack
from resnext_bench.pipelines.shards.records import masked_crc32c

SHARD_BYTES = 40_000
Pairs = Counter[tuple[bytes, int]]


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    """Three classes of 20 files of three formats, one bad and another beside; names with dots."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for number in range(60):
        folder = root / ("ant", "b.e.e", "cat")[number % 3]
        folder.mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        name = f"{number}.x.{('jpg', 'JPEG', 'png', 'jpg', 'webp')[number % 5]}"
        Image.fromarray(pixels).save(folder / name, lossless=True)
    (root / "ant" / "0.x.jpg").write_bytes(b"")
    (root / "cat" / "note.jpg").write_text("text")
    return prove(scan(root), cache=root / "cache", workers=1)


def packed(proof: Proof, out: Path, format: ShardFormat, seed: int = 0) -> Packed:
    return pack(proof, out, format=format, shard_bytes=SHARD_BYTES, seed=seed, readers=2)


def pairs(proof: Proof) -> Pairs:
    """What the folder holds."""
    files = zip(proof.good.files, proof.good.labels, strict=True)
    return Counter(((proof.good.root / path).read_bytes(), label) for path, label in files)


def tar_samples(out: Path) -> Iterator[tuple[bytes, int]]:
    """By Python's tarfile, in order."""
    for shard in sorted(out.glob("*.tar")):
        with tarfile.open(shard) as archive:
            members = archive.getmembers()
            for image, label in zip(members[::2], members[1::2], strict=True):
                assert image.name.partition(".")[0] == label.name.removesuffix(".cls")
                contents = [archive.extractfile(one) for one in (image, label)]
                assert contents[0] is not None
                assert contents[1] is not None
                yield contents[0].read(), int(contents[1].read())


def by_dali(reader: object, count: int) -> Pairs:
    """What a pipeline of a reader alone gives in one epoch."""

    @pipeline_def(batch_size=1, num_threads=1, device_id=None, prefetch_queue_depth=1)
    def pipeline() -> object:
        return reader()  # type: ignore[operator]

    made = pipeline()
    made.build()
    found: Pairs = Counter()
    for _ in range(count):
        image, label = (np.asarray(one[0]) for one in made.run())
        raw = label.tobytes()
        number = int(raw) if label.dtype == np.uint8 else int(label.item())
        found[(image.tobytes(), number)] += 1
    return found


def test_tar_shards_hold_the_folder(proof: Proof, tmp_path: Path) -> None:
    told = packed(proof, tmp_path / "out", "webdataset")
    assert Counter(tar_samples(tmp_path / "out")) == pairs(proof)
    assert (told.images, told.left_out, told.images_per_class) == (59, 2, (19, 20, 20))
    assert told.classes == ("ant", "b.e.e", "cat")
    assert sum(shard.images for shard in told.shards) == 59
    assert len(told.shards) > 2
    assert told.extensions == {"jpg": 35, "png": 12, "webp": 12}


def test_dali_reads_tar_shards_through_their_indices(proof: Proof, tmp_path: Path) -> None:
    told = packed(proof, tmp_path / "out", "webdataset")
    found = by_dali(
        lambda: tuple(
            fn.readers.webdataset(
                paths=[str(tmp_path / "out" / shard.name) for shard in told.shards],
                index_paths=[str(tmp_path / "out" / shard.index) for shard in told.shards],
                ext=["jpg;png;webp", "cls"],
                missing_component_behavior="error",
            )
        ),
        told.images,
    )
    assert found == pairs(proof)


def test_indices_are_what_dalis_own_tool_writes(proof: Proof, tmp_path: Path) -> None:
    told = packed(proof, tmp_path / "out", "webdataset")
    for shard in told.shards:
        made = tmp_path / "its.idx"
        tool = Path(sys.executable).with_name("wds2idx")
        subprocess.run((tool, tmp_path / "out" / shard.name, made), check=True, capture_output=True)
        assert (tmp_path / "out" / shard.index).read_text() == made.read_text()


def test_dali_reads_records_through_their_indices(proof: Proof, tmp_path: Path) -> None:
    told = packed(proof, tmp_path / "out", "tfrecord")

    def reader() -> tuple[object, object]:
        read = fn.readers.tfrecord(
            path=[str(tmp_path / "out" / shard.name) for shard in told.shards],
            index_path=[str(tmp_path / "out" / shard.index) for shard in told.shards],
            features={
                "image/encoded": tfrecord.FixedLenFeature((), tfrecord.string, ""),
                "image/class/label": tfrecord.FixedLenFeature([1], tfrecord.int64, -1),
            },
        )
        return read["image/encoded"], fn.cast(read["image/class/label"], dtype=types.INT64)

    assert by_dali(reader, told.images) == pairs(proof)


def test_record_indices_are_what_dalis_own_tool_writes(proof: Proof, tmp_path: Path) -> None:
    told = packed(proof, tmp_path / "out", "tfrecord")
    for shard in told.shards:
        made = tmp_path / "its.idx"
        tool = Path(sys.executable).with_name("tfrecord2idx")
        subprocess.run((tool, tmp_path / "out" / shard.name, made), check=True, capture_output=True)
        assert (tmp_path / "out" / shard.index).read_text() == made.read_text()


def test_record_checksums_hold_by_tensorboards_reader(proof: Proof, tmp_path: Path) -> None:
    told = packed(proof, tmp_path / "out", "tfrecord")
    shard = tmp_path / "out" / told.shards[0].name
    assert records(shard) == told.shards[0].images
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    with pytest.raises(Exception, match=r"(?i)crc|corrupt|data ?loss"):
        records(shard)


def records(shard: Path) -> int:
    """How many records TensorBoard reads; it checks the sums of each."""
    reader = pywrap_tensorflow.PyRecordReader_New(str(shard))
    count = 0
    while True:
        try:
            reader.GetNext()
        except pywrap_tensorflow.errors.OutOfRangeError:
            return count
        count += 1


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 255, 256, 257, 512, 513, 1000, 4097, 70_001])
def test_sums_are_those_of_another_reader(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    assert masked_crc32c(data) == pywrap_tensorflow.masked_crc32c(data)


@pytest.mark.parametrize(
    ("data", "crc32c"),
    [
        (b"123456789", 0xE3069283),  # the catalogue's check of RFC 3720's polynomial
        (bytes(32), 0x8A9136AA),  # RFC 3720, B.4
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_sums_of_the_standards(data: bytes, crc32c: int) -> None:
    turned = (crc32c >> 15) | (crc32c << 17) & 0xFFFFFFFF
    assert masked_crc32c(data) == (turned + 0xA282EAD8) % 2**32


@pytest.mark.parametrize("format", ["webdataset", "tfrecord"])
def test_the_seed_decides_every_byte(proof: Proof, tmp_path: Path, format: ShardFormat) -> None:
    first, again = (packed(proof, tmp_path / name, format) for name in ("one", "two"))
    other = packed(proof, tmp_path / "three", format, seed=1)
    assert first == again
    assert {shard.sha256 for shard in first.shards}.isdisjoint(
        shard.sha256 for shard in other.shards
    )
    for shard in first.shards:
        content = (tmp_path / "one" / shard.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == shard.sha256
        assert len(content) == shard.bytes


def test_classes_are_mixed_within_shards(proof: Proof, tmp_path: Path) -> None:
    told = packed(proof, tmp_path / "out", "webdataset")
    labels = [label for _, label in tar_samples(tmp_path / "out")]
    first = labels[: told.shards[0].images]
    assert set(first) == {0, 1, 2}
    assert labels != sorted(labels)


def test_the_description_is_what_was_told(proof: Proof, tmp_path: Path) -> None:
    told = packed(proof, tmp_path / "out", "tfrecord")
    text = (tmp_path / "out" / "dataset.json").read_bytes()
    assert msgspec.json.decode(text, type=Packed) == told
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()}
    assert modes == {0o666 & ~umask()}


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


@pytest.mark.parametrize("format", ["webdataset", "tfrecord"])
def test_no_shard_is_larger_than_asked(proof: Proof, tmp_path: Path, format: ShardFormat) -> None:
    for most in (20_480, 23_000, 40_000, 40_960):
        told = pack(proof, tmp_path / f"{most}", format=format, shard_bytes=most, seed=0, readers=1)
        assert max(shard.bytes for shard in told.shards) <= most
        assert sum(shard.images for shard in told.shards) == 59
        files = (tmp_path / f"{most}" / shard.name for shard in told.shards)
        assert max(file.stat().st_size for file in files) <= most


def test_a_shard_holds_one_picture_at_least(proof: Proof, tmp_path: Path) -> None:
    told = pack(proof, tmp_path / "out", format="webdataset", shard_bytes=1, seed=0, readers=1)
    assert [shard.images for shard in told.shards] == [1] * 59


def test_a_file_that_vanished_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "set" / "a").mkdir(parents=True)
    for name in "01":
        Image.new("RGB", (8, 8)).save(tmp_path / "set" / "a" / f"{name}.jpg")
    proof = prove(scan(tmp_path / "set"), cache=tmp_path / "cache", workers=1)
    (tmp_path / "set" / "a" / "1.jpg").unlink()
    with pytest.raises(DataError, match=r"cannot read .*1.jpg: No such file"):
        packed(proof, tmp_path / "out", "webdataset")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "set"]


def test_a_folder_with_something_in_it_is_refused(proof: Proof, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(DataError, match="exists and is not empty"):
        packed(proof, tmp_path, "webdataset")

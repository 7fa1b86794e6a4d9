"""Folders of shards: ours and those of others, and what is said of folders that are neither."""

import os
from pathlib import Path
from unittest import mock

import pytest
from PIL import Image

from resnext_bench.data_formats import ShardFormat
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import scan
from resnext_bench.pipelines.images.proof import prove, require_good
from resnext_bench.pipelines.shards import indices, sharded
from resnext_bench.pipelines.shards.writing import example
from tests.pipelines.made_shards import FORMATS, listed, packed, write_records, write_tar
from tests.pipelines.shards.test_records import field

SUFFIX = {"webdataset": "tar", "tfrecord": "tfrecord"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes of five pictures, each of another brightness and two kinds."""
    root = tmp_path / "photos"
    for number in range(15):
        folder = root / ("cat", "dog", "emu")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        kind = ("jpg", "png")[number % 2]
        Image.new("RGB", (40, 30), (10 + 15 * number,) * 3).save(folder / f"{number}.{kind}")
    return root


def contents(root: Path) -> set[tuple[bytes, str]]:
    """Bytes and class names of all samples."""
    folder = listed(root)
    found = set()
    for index, label in enumerate(folder.labels):
        path, part = folder.place(index)
        data = path.read_bytes()
        found.add((data[part[0] : sum(part)] if part else data, folder.classes[label]))
    return found


@pytest.mark.parametrize("format", FORMATS)
def test_a_packed_folder_is_the_folder(photos: Path, tmp_path: Path, format: ShardFormat) -> None:
    out = packed(photos, tmp_path / "out", format, shard_bytes=3000)
    folder = listed(out)
    assert folder.format == format
    assert folder.classes == ("cat", "dog", "emu")
    assert folder.ranges
    assert len(folder.ranges.paths) > 1
    assert sum(folder.ranges.counts()) == 15
    assert contents(out) == contents(photos)
    first = {"webdataset": "shard-000000.tar: 000000000.", "tfrecord": "0.tfrecord: record 0"}
    assert first[format] in folder.files[0]
    assert folder.notes == ()


def test_a_folder_of_files_is_as_it_was(photos: Path) -> None:
    assert listed(photos) == scan(photos)
    assert listed(photos).place(0) == (photos / scan(photos).files[0], None)


def test_shards_of_others_have_numbers_for_names(tmp_path: Path) -> None:
    write_tar(tmp_path / "b-01.tar", [("x.jpg", b"1"), ("x.cls", b"4")])
    write_tar(tmp_path / "b-00.tar", [("y.png", b"2"), ("y.cls", b"0"), ("z.json", b"{}")])
    folder = listed(tmp_path)
    assert folder.files == ("b-00.tar: y.png", "b-01.tar: x.jpg")
    assert (folder.labels, folder.classes) == ((0, 4), ("0", "1", "2", "3", "4"))
    assert folder.notes == ("samples without an image, which are skipped: 1",)


@pytest.mark.parametrize(
    ("labels", "found", "classes"),
    [((1, 3, 2), (0, 2, 1), 3), ((0, 3, 1), (0, 3, 1), 4), ((2, 3, 2), (2, 3, 2), 4)],
)
def test_class_numbers_that_begin_at_1(
    tmp_path: Path, labels: tuple[int, ...], found: tuple[int, ...], classes: int
) -> None:
    for at, label in enumerate(labels):
        write_records(tmp_path / f"train-{at:05d}-of-00003", [example(b"1", label)])
    folder = listed(tmp_path)
    assert (folder.labels, len(folder.classes)) == (found, classes)
    assert bool(folder.notes) is (min(labels) == 1)


def say(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        listed(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_could_mean_either_is_not_guessed(photos: Path, tmp_path: Path) -> None:
    shard = [("1.jpg", b"1"), ("1.cls", b"0")]
    write_tar(photos / "train-0.tar", shard)
    assert "holds both the shard train-0.tar and images in class folders (cat)" in say(photos)
    root = tmp_path / "root"
    (root / "indices").mkdir(parents=True)
    write_tar(root / "train-0.tar", shard)
    assert len(listed(root).files) == 1, "a folder without images is none of classes"
    write_tar(root / "val-0.tar", shard)
    (root / "val-0.tar").rename(root / "val-0.tfrecord")
    assert "holds 1 tar file and 1 TFRecord file; name a folder with" in say(root)
    assert f"holds no images, but {root} holds shards" in say_above(root)


def say_above(root: Path) -> str:
    (root / "val-0.tfrecord").unlink()
    above = root.parent / "above"
    above.mkdir()
    root.rename(above / root.name)
    return say(above).replace(str(above / root.name), str(root))


def test_folders_without_a_sample(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").touch()
    assert "holds compressed shards (a.tar.gz)" in say(tmp_path)
    write_tar(tmp_path / "a.tar", [("1.txt", b"")])
    assert f"no image in the 1 tar file of {tmp_path}; found: txt (1 sample); exp" in say(tmp_path)
    assert say(tmp_path / "a.tar") == (
        f"{tmp_path / 'a.tar'} is a shard, not a folder; name the folder that holds it, {tmp_path}"
    )


@pytest.mark.parametrize(
    ("members", "found"),
    [
        (["1.input.jpg", "1.outputs.txt"], "found: input.jpg;outputs.txt (1 sample); expected KEY"),
        (["1.left.png", "1.right.png", "1.cls"], "found: left.png;right.png;cls (1 sample)"),
        (["1.tif", "1.cls", "2.gif"], "found: tif;cls (1 sample), gif (1 sample)"),
        (["README"], "found: nothing that belongs to a sample"),
        ([f"train.{at}.jpg" for at in range(9)], "found: 0.jpg;1.jpg;2.jpg;3.jpg;4.jpg;5.jpg;… (1"),
    ],
)
def test_shards_without_an_image_say_what_they_hold(
    tmp_path: Path, members: list[str], found: str
) -> None:
    write_tar(tmp_path / "a.tar", [(name, b"1") for name in members])
    assert found in say(tmp_path)


def test_several_images_of_one_sample_are_told(tmp_path: Path) -> None:
    members = [("1.png", b""), ("1.jpg", b"")]
    write_tar(tmp_path / "a.tar", [*members, ("1.cls", b"0")])
    folder = listed(tmp_path)
    assert folder.files == ("a.tar: 1.jpg",)
    assert folder.notes == ("1 sample holds several images (png;jpg;cls): jpg is used",)


def record(features: dict[str, bytes | int | float]) -> bytes:
    """A tf.train.Example of one value each."""

    def feature(value: bytes | float) -> bytes:
        if isinstance(value, bytes):
            return field(1, field(1, value))
        return field(3, field(1, bytes([value]))) if isinstance(value, int) else field(2, b"")

    entries = [field(1, field(1, key.encode()) + field(2, feature(value)))
               for key, value in features.items()]  # fmt: skip
    return field(1, b"".join(entries))


@pytest.mark.parametrize("labels", [(0, 3), (1, 3)])
def test_tfds_is_read_with_its_numbers_as_stored(tmp_path: Path, labels: tuple[int, ...]) -> None:
    name = tmp_path / "imagenet2012-train.tfrecord-00000-of-00001"
    write_records(name, [record({"image": b"1", "file_name": b"x", "label": at}) for at in labels])
    folder = listed(tmp_path)
    assert (folder.labels, len(folder.classes)) == (labels, 4)
    assert folder.notes == (
        "TFDS's features image and label were read: class numbers are as stored, from 0",
    )


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (
            {"image": b"1", "size": 3},
            "no class number: record 0; found: image (bytes), size (ints)",
        ),
        ({"image": 1.0, "label": 3}, "no image in the 1 TFRecord file "),
        ({"image_raw": b"1", "class": 3}, "found: class (ints), image_raw (bytes) (1 sample); exp"),
        ({"image/encoded": b"1", "label": 3}, "found: image/encoded (bytes), label (ints)"),
    ],
    ids=["as DLIO writes", "floats", "other names", "mixed"],
)
def test_records_say_which_features_they_have(
    tmp_path: Path, features: dict[str, bytes | int | float], said: str
) -> None:
    write_records(tmp_path / "a.tfrecord", [record(features)])
    assert said in say(tmp_path)


@pytest.mark.parametrize("format", FORMATS)
def test_shards_that_are_not_those_of_dataset_json(
    photos: Path, tmp_path: Path, format: ShardFormat
) -> None:
    out = packed(photos, tmp_path / "out", format, shard_bytes=3000)
    first, second = sorted(out.glob(f"*.{SUFFIX[format]}"))[:2]
    content = first.read_bytes()
    first.write_bytes(content[:1200])
    assert f"has 1200 bytes where dataset.json says {len(content)}" in say(out)
    (out / "dataset.json").rename(tmp_path / "aside")
    assert "ends too early" in say(out)
    first.write_bytes(content)
    assert len(listed(out).files) == 15
    (tmp_path / "aside").rename(out / "dataset.json")
    second.rename(tmp_path / "elsewhere")
    assert f"does not describe the shards next to it: {second.name} is missing" in say(out)
    (out / "dataset.json").write_text('{"labels": []}')
    assert len(listed(out).files) < 15, "another program's says nothing"


def test_a_shard_that_is_closed(photos: Path, tmp_path: Path) -> None:
    out = packed(photos, tmp_path / "out", "webdataset")
    refuse = mock.Mock(side_effect=PermissionError(13, "Permission denied"))
    with mock.patch.dict(sharded._INDEX, {"webdataset": refuse}):
        assert say(out) == f"cannot read {out / 'shard-000000.tar'}: Permission denied"


@pytest.mark.parametrize("format", FORMATS)
def test_only_new_and_changed_shards_are_indexed_again(
    photos: Path, tmp_path: Path, format: ShardFormat
) -> None:
    out, cache = packed(photos, tmp_path / "out", format, shard_bytes=3000), tmp_path / "kept"
    plain = sharded.scan_any(out, cache=cache, keep=False)
    assert not cache.exists()
    index = mock.Mock(side_effect=sharded._INDEX[format])
    with mock.patch.dict(sharded._INDEX, {format: index}):
        seen: list[tuple[int, int]] = []
        first = sharded.scan_any(out, cache=cache, progress=lambda *counts: seen.append(counts))
        total = index.call_count
        again = sharded.scan_any(out, cache=cache)
        assert index.call_count == total == len(seen) == seen[-1][0] == seen[-1][1] > 1
        os.utime(next(iter(out.glob(f"*.{SUFFIX[format]}"))), ns=(1, 1))
        changed = sharded.scan_any(out, cache=cache)
        assert index.call_count == total + 1
        (cached,) = cache.iterdir()
        cached.write_bytes(b"damaged")
        assert sharded.scan_any(out, cache=cache) == changed
        assert index.call_count == 2 * total + 1
    assert plain == first == again
    assert (changed.files, changed.labels) == (plain.files, plain.labels)


def test_large_sets_are_indexed_by_several_processes(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = packed(photos, tmp_path / "out", "tfrecord", shard_bytes=3000)
    monkeypatch.setattr(indices, "MANY_BYTES", 0)
    assert listed(out, workers=2) == listed(out)


@pytest.mark.parametrize("format", FORMATS)
def test_bad_samples_are_found_named_and_known(
    photos: Path, tmp_path: Path, format: ShardFormat
) -> None:
    out, cache = packed(photos, tmp_path / "out", format, shard_bytes=3000), tmp_path / "kept"
    folder = listed(out)
    spoil(out, 3, b"<html>")
    spoil(out, 7, b"")
    first = prove(listed(out), cache=cache, workers=1)
    names = [folder.files[3], folder.files[7]]
    assert [(one.path, one.why, one.seems) for one in first.bad] == [
        (names[0], "not an image", "HTML"),
        (names[1], "not an image", "zeros"),
    ]
    second = prove(listed(out), cache=cache, workers=1)
    assert (first.decoded, second.decoded, second.bad) == (15, 0, first.bad)
    with pytest.raises(DataError, match=f"2 of 15 files .* {names[0]} .not an image: HTML.*skip"):
        require_good(second, skip=False)
    good = require_good(second, skip=True)
    assert len(good.files) == len(good.labels) == 13
    assert good.ranges
    assert good.place(3) == folder.place(4)
    assert good.classes == folder.classes
    assert folder.ranges
    os.utime(out / folder.ranges.path(3), ns=(1, 1))
    third = prove(listed(out), cache=cache, workers=2)
    assert (third.bad, third.decoded) == (first.bad, folder.ranges.counts()[folder.ranges.shard[3]])


def spoil(root: Path, index: int, content: bytes) -> None:
    """Write over the bytes of a sample."""
    path, part = listed(root).place(index)
    assert part
    data = bytearray(path.read_bytes())
    data[part[0] : sum(part)] = content.ljust(part[1], b"\0")
    path.write_bytes(data)

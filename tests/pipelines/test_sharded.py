"""Folders of shards: ours and those of others, and what is said of folders that are neither."""

import os
from pathlib import Path
from unittest import mock

import pytest
from PIL import Image

from pipelines import indices, sharded
from pipelines.errors import DataError
from pipelines.folder import scan
from pipelines.pack import Format
from pipelines.proof import prove, require_good
from pipelines.shards import example
from tests.pipelines.made_shards import FORMATS, listed, packed, write_records, write_tar

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
def test_a_packed_folder_is_the_folder(photos: Path, tmp_path: Path, format: Format) -> None:
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
    assert folder.notes == ("samples without an image, passed over: 1",)


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
    assert "holds the shard train-0.tar and images in class folders (cat), so" in say(photos)
    root = tmp_path / "root"
    (root / "indices").mkdir(parents=True)
    write_tar(root / "train-0.tar", shard)
    assert len(listed(root).files) == 1, "a folder without images is none of classes"
    write_tar(root / "val-0.tar", shard)
    assert "holds shards of train and val in one folder; name a folder with" in say(root)
    (root / "val-0.tar").rename(root / "val-0.tfrecord")
    assert "holds 1 tar files and 1 TFRecord files; name a folder with" in say(root)
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
    assert f"no image in the 1 tar files of {tmp_path}; expected KEY.jpg" in say(tmp_path)
    assert say(tmp_path / "a.tar") == (
        f"{tmp_path / 'a.tar'} is a shard, not a folder; name {tmp_path}, where it lies"
    )


@pytest.mark.parametrize("format", FORMATS)
def test_shards_that_are_not_those_of_dataset_json(
    photos: Path, tmp_path: Path, format: Format
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
    assert f"does not describe the shards beside it: {second.name} is not there" in say(out)
    (out / "dataset.json").write_text('{"labels": []}')
    assert len(listed(out).files) < 15, "another program's says nothing"


def test_a_shard_that_is_closed(photos: Path, tmp_path: Path) -> None:
    out = packed(photos, tmp_path / "out", "webdataset")
    refuse = mock.Mock(side_effect=PermissionError(13, "Permission denied"))
    with mock.patch.dict(sharded._INDEX, {"webdataset": refuse}):
        assert say(out) == f"cannot read {out / 'shard-000000.tar'}: Permission denied"


@pytest.mark.parametrize("format", FORMATS)
def test_only_new_and_changed_shards_are_indexed_again(
    photos: Path, tmp_path: Path, format: Format
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
    photos: Path, tmp_path: Path, format: Format
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

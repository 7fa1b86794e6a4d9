"""The made data set: the same from its seed, whole at each use, and as costly as photographs."""

import errno
import hashlib
import io
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import scan
from resnext_bench.pipelines.images.proof import prove
from resnext_bench.pipelines.making import made_images
from resnext_bench.pipelines.making.made_images import ensure_made
from resnext_bench.pipelines.making.made_spec import MadeSpec

SMALL = MadeSpec(images=12, classes=2)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set that users get."""
    return ensure_made(tmp_path_factory.mktemp("cache"), workers=2)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A set that is made in a moment."""
    return ensure_made(tmp_path, SMALL, workers=1)


def digests(root: Path) -> dict[str, str]:
    """Each picture and what is in it."""
    paths = sorted(root.glob("*/*.jpg"))
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def sizes_px(root: Path) -> list[tuple[int, int]]:
    """Width and height of each picture."""
    return [size_px(path.read_bytes()) for path in sorted(root.glob("*/*.jpg"))]


def size_px(content: bytes) -> tuple[int, int]:
    """Width and height of a picture."""
    return Image.open(io.BytesIO(content)).size


def test_the_set_is_an_image_folder_of_8_even_classes_that_decodes(full: Path) -> None:
    folder = scan(full)
    assert len(folder.classes) == 8
    assert [folder.labels.count(label) for label in range(8)] == [64] * 8
    assert prove(folder, cache=full.parent, workers=1).good == folder


def test_sizes_vary_about_500_by_375_both_ways_up(full: Path) -> None:
    sizes = sizes_px(full)
    long_px = [max(size) for size in sizes]
    short_px = [min(size) for size in sizes]
    assert 485 < statistics.mean(long_px) < 515
    assert 355 < statistics.mean(short_px) < 395
    assert statistics.stdev(long_px) > 30
    assert 0.15 < sum(height > width for width, height in sizes) / len(sizes) < 0.35
    assert len(set(sizes)) > 450


def test_no_two_pictures_are_alike(full: Path) -> None:
    assert len(set(digests(full).values())) == 512


def test_hues_of_classes_are_apart_even_in_small_crops(full: Path) -> None:
    folder = scan(full)
    rng = np.random.default_rng(0)
    hues: list[list[complex]] = [[] for _ in folder.classes]
    for path, label in list(zip(folder.files, folder.labels, strict=True))[::4]:
        with Image.open(full / path) as picture:
            left, top = rng.integers(0, (picture.width - 110, picture.height - 110))
            crop = picture.convert("YCbCr").crop((left, top, left + 110, top + 110))
        _, blue, red = np.asarray(crop, dtype=float).mean(axis=(0, 1)) - 128
        hues[label].append(complex(blue, red))
    centres = np.array([np.mean(own) for own in hues])
    for label, own in enumerate(hues):
        distances = np.abs(
            np.array(own)[:, None] / np.abs(own)[:, None] - centres / np.abs(centres)
        )
        assert (distances.argmin(axis=1) == label).mean() == 1.0


def test_the_same_spec_gives_the_same_bytes_for_any_number_of_workers(
    small: Path, tmp_path: Path
) -> None:
    again = ensure_made(tmp_path / "two", SMALL, workers=2)
    assert digests(again) == digests(small)
    assert len(digests(small)) == 12


def test_another_seed_gives_other_pictures(small: Path) -> None:
    other = ensure_made(small.parent, MadeSpec(images=12, classes=2, seed=1), workers=1)
    assert other != small
    assert not set(digests(other).values()) & set(digests(small).values())


def test_the_manifest_holds_spec_libraries_and_files(small: Path) -> None:
    manifest = msgspec.json.decode((small / "manifest.json").read_bytes())
    assert manifest["spec"] == msgspec.to_builtins(SMALL)
    assert set(manifest["libraries"]) == {"numpy", "pillow"}
    assert {file["path"]: file["sha256"] for file in manifest["files"]} == digests(small)


def test_a_whole_set_is_not_made_again(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_images, "make", pytest.fail)
    assert ensure_made(small.parent, SMALL, workers=1) == small


def flip_a_bit(root: Path) -> None:
    """Change one file without changing its size."""
    path = next(root.glob("*/*.jpg"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(root: Path) -> None:
    """Leave half of one file."""
    path = next(root.glob("*/*.jpg"))
    os.truncate(path, path.stat().st_size // 2)


def change_spec(root: Path) -> None:
    """Let the manifest speak of an older generator."""
    path = root / "manifest.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 0'))


def forget_a_file(root: Path) -> None:
    """Take a file out of both the manifest and the folder."""
    path = root / "manifest.json"
    content = msgspec.json.decode(path.read_bytes())
    (root / content["files"].pop()["path"]).unlink()
    path.write_bytes(msgspec.json.encode(content))


@pytest.mark.parametrize(
    "tamper",
    [
        flip_a_bit,
        cut,
        change_spec,
        forget_a_file,
        lambda root: next(root.glob("*/*.jpg")).unlink(),
        lambda root: (root / "violet" / "extra.jpg").write_bytes(b"extra"),
        lambda root: (root / "manifest.json").unlink(),
        lambda root: (root / "manifest.json").write_text("{"),
    ],
)
def test_a_set_that_differs_is_made_again(small: Path, tamper: Callable[[Path], object]) -> None:
    before = digests(small)
    tamper(small)
    ensure_made(small.parent, SMALL, workers=1)
    assert digests(small) == before
    assert [path.name for path in small.parent.iterdir()] == [small.name]


def test_an_interrupted_making_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_made(tmp_path, SMALL, workers=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_is_swept_in_time(tmp_path: Path) -> None:
    old, young = tmp_path / ".making-old", tmp_path / ".making-young"
    for left in (old, young):
        (left / "fresh").mkdir(parents=True)
    os.utime(old, (time.time() - 7200,) * 2)
    ensure_made(tmp_path, SMALL, workers=1)
    assert not old.exists()
    assert young.exists()


def test_the_faster_of_two_processes_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, first = made_images.make, [True]

    def make(root: Path, spec: MadeSpec, **options: int) -> None:
        real(root, spec, workers=1)
        if first.pop():
            first.append(False)
            ensure_made(tmp_path, SMALL, workers=1)
            marks.append((tmp_path / SMALL.folder_name).stat().st_ino)

    marks: list[int] = []
    monkeypatch.setattr(made_images, "make", make)
    root = ensure_made(tmp_path, SMALL, workers=1)
    assert marks == [root.stat().st_ino]
    assert len(digests(root)) == 12


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(DataError) as caught:
        ensure_made(tmp_path, SMALL, workers=1)
    message = str(caught.value)
    assert f"cannot make the data set in {tmp_path}" in message
    assert "Read-only file system; set RESNEXT_BENCH_CACHE" in message
    assert "--data" in message


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": 1001, "images": 2000},
        {"long_px": 601},
        {"classes": 0},
        {"images": 7},
        {"quality_low": 96},
        {"quality_high": 101},
    ],
)
def test_a_spec_that_cannot_be_drawn_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="made data: "):
        MadeSpec(**wrong)


Encoded = list[tuple[bytes, int]]


def photographs() -> Encoded:
    """Random crops of two photographs as JPEGs of the same qualities, and their pixels."""
    rng = np.random.default_rng(0)
    photos = load_sample_images().images
    crops: Encoded = []
    for number in range(64):
        photo = photos[number % 2]
        width, height = (375, 427) if number % 8 >= 6 else (500, 375)
        top = rng.integers(0, photo.shape[0] - height + 1)
        left = rng.integers(0, photo.shape[1] - width + 1)
        buffer = io.BytesIO()
        crop = Image.fromarray(photo[top : top + height, left : left + width])
        crop.save(buffer, "JPEG", quality=90 + number // 2 % 6)
        crops.append((buffer.getvalue(), width * height))
    return crops


def made_pictures(root: Path, step: int) -> Encoded:
    """Every so many pictures of the set, and their pixels."""
    contents = [path.read_bytes() for path in sorted(root.glob("*/*.jpg"))[::step]]
    return [(content, math.prod(size_px(content))) for content in contents]


def bytes_per_pixel(pictures: Encoded) -> float:
    """Over all pictures."""
    return sum(len(content) for content, _ in pictures) / sum(pixels for _, pixels in pictures)


def decode_ns_per_pixel(pictures: Encoded) -> float:
    """CPU time, as others may be using the cores."""
    start_ns = time.process_time_ns()
    for content, _ in pictures:
        Image.open(io.BytesIO(content)).load()
    return (time.process_time_ns() - start_ns) / sum(pixels for _, pixels in pictures)


def test_pictures_cost_the_bytes_of_photographs(full: Path) -> None:
    ratio = bytes_per_pixel(made_pictures(full, 1)) / bytes_per_pixel(photographs())
    assert 0.9 < ratio < 1.1


def test_pictures_cost_the_decode_time_of_photographs(full: Path) -> None:
    ours, theirs = made_pictures(full, 7), photographs()
    rounds = [decode_ns_per_pixel(ours) / decode_ns_per_pixel(theirs) for _ in range(9)]
    assert 0.75 < statistics.median(rounds) < 1.25

"""Sets cut from photographs: the same from their seed, in usual sizes, never scaled up."""

import errno
import hashlib
import statistics
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import ImageFolder, scan
from resnext_bench.pipelines.making import manifest, photos
from resnext_bench.pipelines.making import staging as asides
from resnext_bench.pipelines.making.photos import PhotoSpec, find, make, picture, spec_of
from resnext_bench.pipelines.making.staging import aside, taken


def photo(width: int = 1000, height: int = 750) -> Image.Image:
    """Red says how far right a pixel is, green how far down."""
    right, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([right, down, right * 0], axis=2).astype(np.uint8))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two class folders, one of them deep, and a photograph beside them."""
    root = tmp_path / "photos"
    for path in ("cat/1.jpg", "cat/2.png", "dog/old/deep.jpg"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        photo(800, 600).save(root / path)
    photo(80, 60).save(root / "loose.jpg")
    return root


def spec(folder: ImageFolder, images: int = 30, seed: int = 0) -> PhotoSpec:
    return spec_of(folder, images=images, seed=seed, quality=90, long_px=500)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.glob("*/*.jpg"))
    }


def cut(root: Path, folder: ImageFolder, wanted: PhotoSpec) -> dict[str, str]:
    root.mkdir()
    make(root, folder, wanted, workers=1)
    assert manifest.holds(root, wanted, wanted.images)
    return digests(root)


def test_folders_become_classes_and_each_gets_its_share(source: Path, tmp_path: Path) -> None:
    folder = find(source, None)
    assert folder.files == ("cat/1.jpg", "cat/2.png", "dog/old/deep.jpg")
    cut(tmp_path / "set", folder, spec(folder))
    made = scan(tmp_path / "set")
    assert made.classes == ("cat", "dog")
    assert [made.labels.count(label) for label in (0, 1)] == [15, 15]


def test_the_seed_decides_every_byte(source: Path, tmp_path: Path) -> None:
    folder = find(source, None)
    first = cut(tmp_path / "one", folder, spec(folder))
    with mock.patch.object(photos, "CHUNK_PICTURES", 4):
        assert cut(tmp_path / "two", folder, spec(folder)) == first
    other = cut(tmp_path / "three", folder, spec(folder, seed=1))
    assert not set(other.values()) & set(first.values())
    assert len(set(first.values())) == 30


def test_other_photographs_are_another_spec(source: Path) -> None:
    before = spec(find(source, None))
    photo(81, 60).save(source / "cat" / "1.jpg")
    assert spec(find(source, None)) != before


def test_sizes_are_usual_and_parts_keep_their_shape() -> None:
    whole = photo()
    parts = [picture(whole, np.random.default_rng(seed), 500) for seed in range(150)]
    longer = [max(part.size) for part in parts]
    assert 485 < statistics.mean(longer) < 515
    assert 0.15 < statistics.mean(part.height > part.width for part in parts) < 0.35
    for part in parts:
        pixels = np.asarray(part).astype(float)
        across = (pixels[0, -1, 0] - pixels[0, 0, 0]) * 1000 / 255
        down = (pixels[-1, 0, 1] - pixels[0, 0, 1]) * 750 / 255
        assert across / down == pytest.approx(part.width / part.height, rel=0.03)
        fits = min(1000 / part.width, 750 / part.height)
        assert 0.48 < across / part.width / fits < 1.02  # a quarter of the area at least


def test_small_photographs_are_not_scaled_up() -> None:
    tiny = photo(100, 80)
    parts = [picture(tiny, np.random.default_rng(seed), 500) for seed in range(50)]
    assert max(part.width for part in parts) <= 100
    assert max(part.height for part in parts) <= 80
    dot = picture(Image.new("RGB", (1, 1)), np.random.default_rng(0), 500)
    assert dot.size == (1, 1)


def test_photographs_of_16_bits_are_not_white(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    (root / "grey").mkdir(parents=True)
    Image.new("I;16", (80, 60), 90 * 257).save(root / "grey" / "deep.png")
    folder = find(root, None)
    cut(tmp_path / "set", folder, spec(folder, images=1))
    with Image.open(tmp_path / "set" / "grey" / "000000.jpg") as made:
        assert np.abs(np.asarray(made).astype(int) - 90).max() < 3


def test_loose_photographs_are_dealt_out(tmp_path: Path) -> None:
    for number in range(5):
        photo(8, 6).save(tmp_path / f"{number}.jpg")
    dealt = find(tmp_path, 2)
    assert (dealt.classes, dealt.labels) == (("class-0000", "class-0001"), (0, 1, 0, 1, 0))
    assert len(find(tmp_path, None).classes) == 5
    with pytest.raises(DataError, match="6 classes cannot be made of the 5 photographs"):
        find(tmp_path, 6)


def test_classes_of_folders_cannot_be_chosen(source: Path) -> None:
    assert find(source, 2) == find(source, None)
    with pytest.raises(DataError, match="has 2 class folders, not 3"):
        find(source, 3)


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "new" / "set"

    def interrupted() -> None:
        with aside(place) as fresh:
            (fresh / "half").write_text("made")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(place.parent.iterdir()) == []
    with aside(place) as fresh:
        (fresh / "all").write_text("made")
        assert not place.exists()
    assert [path.name for path in place.parent.iterdir()] == ["set"]
    assert (place / "all").read_text() == "made"


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    assert not taken(tmp_path / "set")
    assert not taken(tmp_path / "none")
    refused = pytest.raises(DataError, match="Directory not empty; nothing was left")
    with refused, aside(tmp_path / "set"):
        (tmp_path / "set" / "meanwhile").write_text("of another")
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "meanwhile"]
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").touch()
    assert all(taken(tmp_path / name) for name in ("set", "link", "file"))


@pytest.fixture(params=["folder", "link"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An empty folder that is there, or a link to it."""
    (tmp_path / "there" / "set").mkdir(parents=True)
    (tmp_path / "link").symlink_to("there/set")
    return tmp_path / ("link" if request.param == "link" else "there/set")


def test_an_empty_folder_is_filled_and_stays_what_it_is(empty: Path) -> None:
    """As a mount, or a folder whose parent cannot be written, cannot be replaced."""
    empty.chmod(0o750)
    before = empty.stat().st_ino
    with aside(empty) as fresh:
        assert fresh.is_relative_to(empty.resolve())
        (fresh / "class").mkdir()
        (fresh / "class" / "0.jpg").write_text("made")
        (fresh / "manifest.json").write_text("all")
        assert not taken(empty)
    assert (empty.stat().st_ino, empty.stat().st_mode & 0o777) == (before, 0o750)
    assert sorted(path.name for path in empty.iterdir()) == ["class", "manifest.json"]
    assert (empty / "class" / "0.jpg").read_text() == "made"
    assert sorted(path.name for path in empty.resolve().parent.iterdir()) == ["set"]


def test_filling_a_folder_ends_with_all_or_nothing(empty: Path) -> None:
    real, moves = Path.rename, iter((None, KeyboardInterrupt()))

    def rename(path: Path, target: Path) -> Path:
        if end := next(moves, None):
            raise end
        return real(path, target)

    stopped = pytest.raises(KeyboardInterrupt)
    with mock.patch.object(Path, "rename", rename), stopped, aside(empty) as fresh:
        for name in "abc":
            (fresh / name).mkdir()
    assert list(empty.iterdir()) == []


def test_what_a_killed_process_left_takes_no_folder(empty: Path) -> None:
    with aside(empty) as fresh:
        left = empty / f"{fresh.parent.name}-of-another"
        (left / ".fresh" / "class").mkdir(parents=True)
        (fresh / "0.jpg").touch()
    assert sorted(path.name for path in empty.iterdir()) == [left.name, "0.jpg"]
    (empty / "0.jpg").unlink()
    assert not taken(empty)


def test_a_full_disk_is_told_and_left_clean(tmp_path: Path) -> None:
    told = pytest.raises(DataError, match="No space left on device; nothing was left")
    with told, aside(tmp_path / "set"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_writers_that_are_still_at_it_do_not_keep_the_folder(tmp_path: Path) -> None:
    real, left = asides.shutil.rmtree, [2]

    def beaten(folder: Path, *, ignore_errors: bool) -> None:
        real(folder, ignore_errors=ignore_errors)
        if left[0]:
            left[0] -= 1
            (folder / "fresh").mkdir(parents=True)  # a worker's next class folder

    patched = mock.patch.object(asides.shutil, "rmtree", beaten)
    with patched, pytest.raises(KeyboardInterrupt), aside(tmp_path / "set"):
        raise KeyboardInterrupt
    assert (left, list(tmp_path.iterdir())) == ([0], [])

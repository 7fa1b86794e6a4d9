"""Scanning ImageFolders, and what is said where there is none."""

import os
from pathlib import Path

import pytest

from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import scan


def put(root: Path, *paths: str) -> None:
    """Create files, empty, with the folders above them."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_lists_images_of_all_depths_sorted_and_labelled_by_class(tmp_path: Path) -> None:
    put(tmp_path, "dog/b.JPG", "dog/a.png", "cat/deep/x/c.jpeg", "cat/z.webp", "dog/note.txt")
    found = scan(tmp_path)
    assert found.classes == ("cat", "dog")
    assert found.files == ("cat/deep/x/c.jpeg", "cat/z.webp", "dog/a.png", "dog/b.JPG")
    assert found.labels == (0, 0, 1, 1)


def test_skips_hidden_entries_and_folders_named_like_images(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.jpg", "cat/._a.jpg", ".git/b.jpg", "cat/.trash/c.jpg", "cat/d.jpg/e.bmp")
    assert scan(tmp_path).classes == ("cat",)
    assert scan(tmp_path).files == ("cat/a.jpg", "cat/d.jpg/e.bmp")


def test_follows_links_but_not_in_circles(tmp_path: Path) -> None:
    data, far = tmp_path / "data", tmp_path / "far"
    put(data, "cat/a.jpg")
    put(far, "b.jpg")
    (data / "cat" / "linked").symlink_to(far)
    (data / "cat" / "self").symlink_to(data / "cat")
    (data / "cat" / "up").symlink_to(data)
    (data / "cat" / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert scan(data).files == ("cat/a.jpg", "cat/linked/b.jpg")


def test_a_missing_path_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "imagenet").mkdir()
    with pytest.raises(
        DataError, match=r"there is no folder .*imagnet; did you mean .*/imagenet\?"
    ):
        scan(tmp_path / "imagnet")
    with pytest.raises(
        DataError, match=r"there is no folder .*/x/y; expected one folder per class"
    ):
        scan(tmp_path / "x" / "y")


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "data.tar")
    with pytest.raises(DataError, match=r"data\.tar is not a folder"):
        scan(tmp_path / "data.tar")


def test_images_without_class_folders_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.png")
    with pytest.raises(DataError, match=r"holds 2 images but no class folders; .*/CLASS/image"):
        scan(tmp_path)


def test_an_empty_folder_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no class folders; expected one folder per class"):
        scan(tmp_path)


def test_classes_without_images_are_named(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.txt", "dog/b.txt")
    with pytest.raises(DataError, match=r"no images in the 2 class folders of "):
        scan(tmp_path)
    put(tmp_path, "cat/a.jpg")
    with pytest.raises(DataError, match=r"1 of 2 class folders of .* hold no images .*: dog;"):
        scan(tmp_path)


@pytest.mark.parametrize("closed", ["", "cat", "cat/deep"])
def test_a_closed_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    put(tmp_path, "cat/deep/a.jpg")
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path) == tmp_path / closed:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # root may read what is closed to others
    with pytest.raises(DataError) as caught:
        scan(tmp_path)
    assert str(caught.value) == (
        f"cannot read {tmp_path / closed}: Permission denied; check its permissions"
    )


def test_cache_dir_takes_the_nearest_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.setenv("RESNEXT_BENCH_CACHE", "~/own")
    assert cache_dir() == Path("/home/someone/own")
    monkeypatch.delenv("RESNEXT_BENCH_CACHE")
    assert cache_dir() == Path("/caches/resnext-bench")
    for nothing_absolute in ("", "caches"):  # which the XDG specification says to pass over
        monkeypatch.setenv("XDG_CACHE_HOME", nothing_absolute)
        assert cache_dir() == Path("/home/someone/.cache/resnext-bench")

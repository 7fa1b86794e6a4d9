"""Roots that hold splits: train is taken, and a class may be called train among others."""

from pathlib import Path

import pytest

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import ImageFolder
from resnext_bench.pipelines.images.leftovers import beside_shards
from resnext_bench.pipelines.making.photos import find
from resnext_bench.pipelines.shards.sharded import scan_any, scan_split
from resnext_bench.pipelines.shards.writing import example
from tests.pipelines.made_shards import write_records, write_tar

SHARD = [("1.jpg", b"1"), ("1.cls", b"0")]


def made(root: Path, *files: str) -> Path:
    """Names are enough: nothing is decoded here."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".tar"):
            write_tar(path, SHARD)
        else:
            path.touch()
    return root


def read(root: Path, split: str | None = None) -> ImageFolder:
    return scan_any(root, split=split, cache=root / "no cache", keep=False)


def say(root: Path, split: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read(root, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


TWO = ("train/cat/0.jpg", "train/dog/1.jpg")
ROOTS = {
    "torchvision's": (*TWO, "val/cat/2.jpg", "val/dog/3.jpg"),
    "three": (*TWO, "validation/cat/2.jpg", "test/cat/3.jpg"),
    "with a file and the devkit": (*TWO, "val/cat/2.jpg", "words.txt", "devkit/meta.bin"),
    "a test without labels": (*TWO, "test/4.jpg", "test/5.jpg"),
    "train alone": TWO,
    "in capitals": ("Train/cat/0.jpg", "Train/dog/1.jpg", "Valid/cat/2.jpg"),
    "Tiny ImageNet's": (
        *("train/cat/images/0.JPEG", "train/dog/images/1.JPEG"),
        *("val/images/2.JPEG", "val/val_annotations.txt", "test/images/3.JPEG", "wnids.txt"),
    ),
    "STL-10's": (*TWO, "test/cat/2.jpg", "unlabeled/3.jpg"),
    "numbered": ("train2017/cat/0.jpg", "train2017/dog/1.jpg", "val2017/cat/3.jpg"),
    "one folder deeper": tuple(f"mini/{name}" for name in (*TWO, "val/cat/2.jpg")),
    "ImageNet's archive": (
        *(f"ILSVRC/Data/CLS-LOC/{name}" for name in (*TWO, "val/2.JPEG", "test/3.JPEG")),
        *("ILSVRC/Annotations/CLS-LOC/val/2.xml", "ILSVRC/ImageSets/CLS-LOC/val.txt"),
    ),
}


@pytest.mark.parametrize("files", ROOTS.values(), ids=ROOTS)
def test_train_is_taken_and_said(tmp_path: Path, files: tuple[str, ...]) -> None:
    folder = read(made(tmp_path, *files))
    assert folder.classes == ("cat", "dog")
    assert len(folder.files) == 2
    assert folder.split is None, "the root says it"
    (note,) = folder.notes
    assert folder.root.name in note
    assert "taken" in note
    assert "\n" not in note
    assert scan_split(tmp_path, None) == folder
    assert find(tmp_path, None).root == folder.root, "photographs are found alike"


@pytest.mark.parametrize(
    "files",
    [
        ("train/0.jpg", "bus/1.jpg", "plane/2.jpg"),
        ("test/0.jpg", "train/1.jpg", "other/2.jpg"),
        ("test/0.jpg",),
        ("val/0.jpg", "test/1.jpg"),
        ("training-shoes/0.jpg", "trainspotting/1.jpg"),
        ("extra/a/0.jpg",),
    ],
)
def test_classes_that_are_called_like_splits_stay_classes(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    folder = read(made(tmp_path, *files))
    assert folder.root == tmp_path
    assert folder.classes == tuple(sorted({name.split("/")[0] for name in files}))
    assert folder.notes == ()


@pytest.mark.parametrize(
    ("asked", "name"),
    [("val", "validation"), ("validation", "validation"), ("TEST", "test"), ("train", "train")],
)
def test_another_split_is_chosen(tmp_path: Path, asked: str, name: str) -> None:
    made(tmp_path, *ROOTS["three"])
    folder = read(tmp_path, asked)
    assert folder.root == tmp_path / name
    assert folder.notes[0].startswith(f"{name} is used of train, validation and test; --split")


def test_a_split_is_chosen_where_no_rule_sees_one(tmp_path: Path) -> None:
    made(tmp_path, *TWO, "val/cat/2.jpg", "masks/0.png")
    folder = read(tmp_path)
    assert folder.classes == ("masks", "train", "val")
    (note,) = folder.notes
    assert note.startswith("train and val are taken as classes, as other folders hold images too;")
    assert read(tmp_path, "train").classes == ("cat", "dog")


def test_folders_called_like_splits_are_classes_where_that_is_said(tmp_path: Path) -> None:
    folder = read(made(tmp_path, "train/0.jpg", "test/1.jpg"), "none")
    assert (folder.classes, folder.split) == (("test", "train"), "none")


def test_what_cannot_be_chosen(tmp_path: Path) -> None:
    made(tmp_path / "flat", "train/0.jpg", "test/1.jpg")
    said = say(tmp_path / "flat")
    assert f"{tmp_path}/flat/train holds 1 images but no class folders; expected one" in said
    assert said.endswith("add --split none if test and train are classes")
    made(tmp_path / "none", "val/cat/0.jpg", "test/cat/1.jpg")
    assert say(tmp_path / "none").endswith(
        "none holds val and test, but no train; choose one, such as --split val"
    )
    made(tmp_path / "two", *TWO, "val/cat/2.jpg")
    assert say(tmp_path / "two", "foo").endswith("two holds train and val; name one of these")
    assert "holds no such split, but cat and dog; leave" in say(tmp_path / "two" / "train", "val")


def test_shards_of_splits_in_folders(tmp_path: Path) -> None:
    made(tmp_path, "train/0.tar", "train/1.tar", "val/0.tar")
    folder = read(tmp_path)
    assert folder.files == ("0.tar: 1.jpg", "1.tar: 1.jpg")
    assert folder.notes == (
        (f"train is used of train and val; --split chooses another (in {tmp_path})"),
    )
    assert read(tmp_path, "val").root == tmp_path / "val"


def test_shards_of_splits_in_one_folder(tmp_path: Path) -> None:
    made(tmp_path, "imagenet-train-0.tar", "imagenet-train-1.tar", "imagenet-val-0.tar")
    folder = read(tmp_path)
    assert len(folder.files) == 2
    assert folder.split == "train", "the root does not say it"
    assert folder.notes == (
        "train is used of the shards of train and val; --split chooses another (2 of 3 shards)",
    )
    assert beside_shards(folder).by_extension == {}, "another split's are not leftovers"
    assert read(tmp_path, "validation").files == ("imagenet-val-0.tar: 1.jpg",)
    assert len(read(tmp_path, "none").files) == 3
    assert say(tmp_path, "test").endswith("holds shards of train and val")


def test_shards_of_tfds_lie_in_one_folder(tmp_path: Path) -> None:
    for name in ("validation.tfrecord-00000-of-00001", "train.tfrecord-00000-of-00001"):
        write_records(tmp_path / f"imagenet2012-{name}", [example(b"1", 0)])
    assert read(tmp_path).files == ("imagenet2012-train.tfrecord-00000-of-00001: record 0",)
    (tmp_path / "imagenet2012-train.tfrecord-00000-of-00001").unlink()
    assert read(tmp_path).split is None, "where there is one alone, nothing is chosen"
    write_records(tmp_path / "x-test.tfrecord-00000-of-00001", [example(b"1", 0)])
    assert ("shards of val and test, but none of train; choose one, such as --split val") in say(
        tmp_path
    )

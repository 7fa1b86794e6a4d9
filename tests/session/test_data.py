"""What a run reads, as configuration and record see it."""

import dataclasses
import io
import os
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from resnext_bench.config.resolve import DataFacts, resolve
from resnext_bench.errors import UsageError
from resnext_bench.job import ImageList
from resnext_bench.pipelines.making.made_spec import DEFAULT_SPEC
from resnext_bench.pipelines.shards.writing import example
from resnext_bench.reports.schema.config import Request
from resnext_bench.session.data import Data, describe_data, prepare_data, record_of
from tests.pipelines.made_shards import write_records
from tests.worker.made_training import LAPTOP


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("cat", "dog", "emu"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (40, 30), (len(name), 50, 60)).save(tmp_path / name / "one.jpg")
    return tmp_path


def quiet(what: str, done: int, total: int) -> None:
    """Nobody looks."""


def test_synthetic_batches_need_no_data() -> None:
    request: Request = {"pipeline": "synthetic"}
    assert describe_data(request) is None
    assert prepare_data(request, LAPTOP, quiet) is None


def test_a_dry_run_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNEXT_BENCH_CACHE", str(tmp_path / "cache"))
    facts = describe_data({})
    assert facts is not None
    assert (facts.classes, facts.made) == (DEFAULT_SPEC.classes, True)
    assert not (tmp_path / "cache").exists()


def test_own_images(photos: Path) -> None:
    data = prepare_data({"data": str(photos)}, LAPTOP, quiet)
    assert data is not None
    assert data.images == ImageList(
        files=["cat/one.jpg", "dog/one.jpg", "emu/one.jpg"], labels=[0, 1, 2]
    )
    kept = record_of(data)
    assert (kept.images, kept.classes, kept.left_out, kept.made) == (3, 3, 0, False)


def test_a_folder_of_one_class_trains_a_head_of_two(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "cat" / "one.jpg")
    data = prepare_data({"data": str(tmp_path)}, LAPTOP, quiet)
    assert data is not None
    assert data.notes == (
        (
            "all images are of one class: the model has two, as a loss over a single class trains "
            "nothing"
        ),
    )
    assert resolve({"data": str(tmp_path)}, LAPTOP, data.facts).config.classes == 2
    assert record_of(data).classes == 1


def test_the_digest_tells_data_sets_apart(photos: Path) -> None:
    first = prepare_data({"data": str(photos)}, LAPTOP, quiet)
    Image.new("RGB", (40, 30)).save(photos / "cat" / "two.jpg")
    second = prepare_data({"data": str(photos)}, LAPTOP, quiet)
    assert first is not None
    assert second is not None
    assert record_of(first).digest == record_of(first).digest != record_of(second).digest


def test_the_digest_of_names_as_everyone_has_them_stays() -> None:
    images = ImageList(files=["cat/é one.jpg", "dog/one.jpg"], labels=[0, 1])
    data = Data(facts=DataFacts(root="/set", classes=2, made=False), images=images)
    assert record_of(data).digest == "d25c5ff19371ef4b"


def test_names_that_are_no_utf8(photos: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(photos) + b"/caf\xe9"))
    (photos / "cat").rename(odd)
    (odd / "one.jpg").rename(odd / os.fsdecode(b"\xff1.jpg"))
    first = prepare_data({"data": str(photos)}, LAPTOP, quiet)
    assert first is not None
    assert os.fsencode(first.images.files[0]) == b"caf\xe9/\xff1.jpg"
    (odd / os.fsdecode(b"\xff1.jpg")).rename(odd / os.fsdecode(b"\xff2.jpg"))
    second = prepare_data({"data": str(photos)}, LAPTOP, quiet)
    assert second is not None
    assert record_of(first).digest != record_of(second).digest


@pytest.mark.parametrize("through_a_link", [True, False])
def test_a_root_that_is_no_utf8_is_refused(photos: Path, through_a_link: bool) -> None:
    root = Path(os.fsdecode(os.fsencode(photos) + b"/r\xff"))
    root.mkdir()
    (photos / "cat").rename(root / "cat")
    if through_a_link:
        (photos / "link").symlink_to(root)
        root = photos / "link"
    request: Request = {"data": str(root)}
    for ask in (lambda: prepare_data(request, LAPTOP, quiet), lambda: describe_data(request)):
        with pytest.raises(
            UsageError, match="is not valid UTF-8, and records can hold no other"
        ) as error:
            ask()
        assert str(error.value).encode()


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two shards of others, whose class numbers begin at 1."""
    root = tmp_path / "shards"
    root.mkdir()
    for number in range(2):
        content = io.BytesIO()
        Image.new("RGB", (40, 30), (number, 50, 60)).save(content, "PNG")
        records = [example(content.getvalue(), label) for label in (1, 2)]
        write_records(root / f"train-{number:05d}-of-00002", records)
    return root


def test_own_shards(shards: Path) -> None:
    facts = describe_data({"data": str(shards)})
    data = prepare_data({"data": str(shards)}, LAPTOP, quiet)
    assert facts is not None
    assert data is not None
    assert facts == data.facts
    assert (facts.root, facts.classes) == (str(shards), 2)
    assert data.images.labels == [0, 1, 0, 1]
    assert data.notes == ("class numbers in the shards begin at 1, and are counted from there",)
    assert record_of(data).format == "tfrecord"
    sent = msgspec.json.encode(data.images)
    assert msgspec.json.decode(sent, type=ImageList) == data.images, "as the ranks read it"


def test_the_digest_covers_places_in_shards(shards: Path) -> None:
    data = prepare_data({"data": str(shards)}, LAPTOP, quiet)
    assert data is not None
    assert data.images.ranges
    moved = dataclasses.replace(data.images.ranges, offset=(1, *data.images.ranges.offset[1:]))
    other = dataclasses.replace(data, images=msgspec.structs.replace(data.images, ranges=moved))
    assert record_of(data).digest != record_of(other).digest


def test_bad_files_stop_or_are_left_out_and_counted(photos: Path) -> None:
    (photos / "cat" / "bad.jpg").write_text("no image")
    with pytest.raises(UsageError, match=r"1 of 4 files .* cannot be decoded"):
        prepare_data({"data": str(photos)}, LAPTOP, quiet)
    data = prepare_data({"data": str(photos), "bad_files": "skip"}, LAPTOP, quiet)
    assert data is not None
    assert (len(data.images.files), data.left_out) == (3, 1)

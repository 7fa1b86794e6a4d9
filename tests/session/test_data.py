"""What a run reads, as configuration and record see it."""

from pathlib import Path

import pytest
from PIL import Image

from bench.errors import UsageError
from bench.job import ImageList
from bench.session.data import describe_data, prepare_data, record_of
from pipelines.made_spec import DEFAULT_SPEC
from reports.schema.config import Request
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


def test_the_digest_tells_data_sets_apart(photos: Path) -> None:
    first = prepare_data({"data": str(photos)}, LAPTOP, quiet)
    Image.new("RGB", (40, 30)).save(photos / "cat" / "two.jpg")
    second = prepare_data({"data": str(photos)}, LAPTOP, quiet)
    assert first is not None
    assert second is not None
    assert record_of(first).digest == record_of(first).digest != record_of(second).digest


def test_bad_files_stop_or_are_left_out_and_counted(photos: Path) -> None:
    (photos / "cat" / "bad.jpg").write_text("no image")
    with pytest.raises(UsageError, match=r"1 of 4 files .* do(es)? not decode"):
        prepare_data({"data": str(photos)}, LAPTOP, quiet)
    data = prepare_data({"data": str(photos), "bad_files": "skip"}, LAPTOP, quiet)
    assert data is not None
    assert (len(data.images.files), data.left_out) == (3, 1)

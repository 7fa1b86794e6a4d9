"""The commands of `data` as typed."""

import errno
import json
import os
import tarfile
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from resnext_bench.pipelines.images import storage
from resnext_bench.pipelines.images.leftovers import Leftovers, leftovers
from resnext_bench.pipelines.making import made_images
from tests.cli.typed import Typed


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Typed:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("RESNEXT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return Typed(monkeypatch, capsys, "data", after=("--workers", "1"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six good pictures of known sizes in two classes of 2 and 4."""
    for number, width in enumerate((10, 20, 30, 40, 50, 60)):
        path = tmp_path / "set" / ("few" if number < 2 else "many") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return tmp_path / "set"


def spoil(folder: Path) -> None:
    (folder / "few" / "0.jpg").write_bytes(b"")
    (folder / "many" / "page.jpg").write_text("<html>no</html>")
    os.mkfifo(folder / "many" / "pipe.jpg")
    (folder / "many" / "self.jpg").symlink_to("self.jpg")
    (folder / "many" / "notes.txt").touch()


def test_make_then_check_then_pack(typed: Typed, tmp_path: Path) -> None:
    code, out, err = typed("make", "made", "--images", 6, "--classes", 2, "--json")
    told = json.loads(out)
    assert (code, told["images"], told["classes"], told["already_there"]) == (0, 6, 2, False)
    assert "painting JPEGs" in err
    code, out, _ = typed("check", "made", "--json")
    assert (code, json.loads(out)["good"], json.loads(out)["bad"]) == (0, 6, [])
    code, out, _ = typed("pack", "made", "packed", "--json")
    assert (code, json.loads(out)["images"]) == (0, 6)
    with tarfile.open(tmp_path / "packed" / "shard-000000.tar") as archive:
        assert len(archive.getmembers()) == 12


def test_pictures_of_phones_are_jpegs(typed: Typed, folder: Path) -> None:
    more = {"save_all": True, "append_images": [Image.new("RGB", (40, 30))]}
    Image.new("RGB", (40, 30)).save(folder / "few" / "phone.jpg", format="MPO", **more)
    found = json.loads(typed("check", folder, "--json")[1])
    assert (found["kinds"], found["misnamed"]) == ({"JPEG RGB": 7}, {})
    code, out, _ = typed("pack", folder, "packed", "--json")
    assert (code, json.loads(out)["extensions"]) == (0, {"jpg": 7})


def test_a_set_that_is_there_is_made_once(typed: Typed, tmp_path: Path) -> None:
    words = ("make", "made", "--images", 4, "--classes", 2)
    assert "painted from seed 0" in typed(*words)[1]
    with mock.patch.object(made_images, "make", side_effect=AssertionError):
        code, out, _ = typed(*words)
    assert (code, "complete already" in out) == (0, True)
    code, _, err = typed(*words, "--seed", 1)
    assert (code, "exists and holds something else" in err) == (2, True)
    assert len(list((tmp_path / "made").glob("*/*.jpg"))) == 4


@pytest.mark.slow
def test_sizes_and_more_classes(typed: Typed, tmp_path: Path) -> None:
    words = ("--images", 9, "--classes", 9, "--size", 100, "--quality", 50)
    assert typed("make", "made", *words)[0] == 0
    folders = sorted(path.name for path in (tmp_path / "made").iterdir() if path.is_dir())
    assert folders == [f"class-{label:04d}" for label in range(9)]
    found = json.loads(typed("check", "made", "--json", "--no-read")[1])
    assert 60 < found["width"]["median"] < 110
    assert found["balance"]["largest"]["images"] == 1


def test_photographs_that_do_not_decode_are_left_out(typed: Typed, folder: Path) -> None:
    spoil(folder)
    code, out, _ = typed("make", "cut", "--images", 8, "--from", folder)
    assert code == 0
    assert "8 JPEGs in 2 classes, cut from 5 photographs" in out
    assert "left out 2 files that do not decode" in out
    code, out, _ = typed("make", "cut2", "--from", folder, "--json", "--images", 8)
    assert [one["seems"] for one in json.loads(out)["left_out"]] == ["", "HTML"]


def test_all_that_a_check_tells(typed: Typed, folder: Path) -> None:
    code, out, err = typed("check", folder)
    assert (code, err.count("\n")) == (0, 2)
    for part in (
        *("6 JPEG RGB", "median 35 x 20", "p5 12 x 20", "p95 58 x 20"),
        *("smallest 2 (few)", "largest 4 (many)", "6 files at random", "All good"),
    ):
        assert part in out
    assert max(map(len, out.splitlines())) <= 80
    again = typed("check", folder)[1]
    assert "6 of all known from before" in again


def test_bad_files_by_kind_and_name(typed: Typed, folder: Path) -> None:
    spoil(folder)
    code, out, _ = typed("check", folder, "--no-read")
    assert code == 1
    for part in (
        *("1 empty\n  few/0.jpg", "1 not an image\n  many/page.jpg (HTML)"),
        *("1 no regular file\n  many/pipe.jpg (FIFO)", "1 link loop\n  many/self.jpg"),
        "1 .txt",
    ):
        assert part in out
    assert " ".join(out.split()).endswith(
        "4 of 9 bad; run stops because of 2, or leaves them out with --bad-files skip; it ignores "
        "2 that are not regular files"
    )
    assert "from before" not in out
    assert "7 of all known from before" in typed("check", folder, "--no-read")[1]
    found = json.loads(typed("check", folder, "--no-read", "--json")[1])
    assert Counter(one["why"] for one in found["bad"]) == {
        "empty": 1,
        "not an image": 1,
        "no regular file": 1,
        "link loop": 1,
    }
    assert (found["good"], found["decoded_now"], found["storage"]) == (5, 0, None)


def test_what_runs_pass_over_stops_none(typed: Typed, folder: Path) -> None:
    (folder / "many" / "gone.jpg").symlink_to("nowhere.jpg")
    code, out, _ = typed("check", folder, "--no-read")
    assert (code, "1 of 7 bad; run ignores 1 that" in out, "stops" in out) == (1, True, False)


def test_names_beyond_some_are_in_json(typed: Typed, folder: Path) -> None:
    for number in range(9):
        (folder / "many" / f"x{number}.jpg").touch()
    assert "4 more (--json names all)" in typed("check", folder, "--no-read")[1]
    assert len(json.loads(typed("check", folder, "--no-read", "--json")[1])["bad"]) == 9


def test_cold_is_not_told_where_it_was_not(
    typed: Typed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "drop", lambda path: None)
    out = typed("check", folder)[1]
    assert "cannot be measured here (pages stay in the cache: 100 %)" in out
    found = json.loads(typed("check", folder, "--json")[1])["storage"]
    assert found["cold"]["bytes_per_s"] is None
    assert found["warm"]["images_per_s"] == pytest.approx(
        found["warm"]["bytes_per_s"] / (found["bytes"] / 6)
    )


def test_an_image_that_is_gone_is_told_before_measuring(typed: Typed, folder: Path) -> None:
    def gone(root: Path) -> Leftovers:
        (root / "many" / "5.jpg").unlink()
        return leftovers(root)

    with mock.patch("resnext_bench.cli.data.check.leftovers", gone):
        code, out, err = typed("check", folder)
    assert (code, out) == (2, "")
    assert (
        "5.jpg can no longer be read: No such file or directory; leave the files unchanged" in err
    )
    assert "reading the storage" not in err


def test_a_name_that_is_no_utf_8_is_shown(typed: Typed, folder: Path) -> None:
    (folder / "few" / os.fsdecode(b"caf\xe9.jpg")).touch()
    code, out, _ = typed("check", folder, "--no-read", "--json")
    assert (code, json.loads(out)["bad"][0]["path"]) == (1, "few/caf�.jpg")
    assert "caf�.jpg" in typed("check", folder, "--no-read")[1]


def test_packing_stops_or_skips(typed: Typed, folder: Path, tmp_path: Path) -> None:
    spoil(folder)
    code, _, err = typed("pack", folder, "out")
    assert (code, "2 of 7 files" in err, "--bad-files skip" in err) == (2, True, True)
    assert not (tmp_path / "out").exists()
    code, out, _ = typed("pack", folder, "out", "--bad-files", "skip", "--format", "tfrecord")
    assert (code, "5 images of 2 classes" in out, "left out 2 files" in out) == (0, True, True)
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["left_out"] == 2
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(("command", "place"), [("make", "made"), ("pack", "out")])
def test_ctrl_c_leaves_nothing(
    typed: Typed, folder: Path, tmp_path: Path, command: str, place: str
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    words = ("make", place, "--images", 8) if command == "make" else ("pack", folder, place)
    stopped = {
        "make": "resnext_bench.pipelines.making.manifest.describe",
        "pack": "resnext_bench.pipelines.making.pack._packed",
    }[command]
    with mock.patch(stopped, side_effect=KeyboardInterrupt):
        code, out, err = typed(*words)
    assert (code, out) == (130, "")
    assert f"interrupted; nothing was left at {place}" in err
    assert sorted({path.name for path in tmp_path.iterdir()} - {"cache"}) == before


def test_a_place_in_the_source_by_a_link_is_refused(
    typed: Typed, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("set")
    (tmp_path / "circle").symlink_to("circle")
    for words in (("make", "link/x", "--from", "set"), ("pack", "set", "link/x")):
        assert (typed(*words)[0], (folder / "x").exists()) == (2, False)
    for words in (("make", "circle"), ("pack", "set", "circle")):
        code, _, err = typed(*words)
        assert (code, "circle exists and" in err) == (2, True)


@pytest.mark.parametrize("command", ["make", "pack"])
def test_an_empty_mount_is_filled(
    typed: Typed, folder: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which the kernel lets nothing be renamed onto."""
    place, real = tmp_path / "mount", Path.rename

    def rename(path: Path, target: Path) -> Path:
        if target == place:
            raise OSError(errno.EBUSY, "Device or resource busy")
        return real(path, target)

    place.mkdir()
    monkeypatch.setattr(Path, "rename", rename)
    words = ("make", place, "--images", 8) if command == "make" else ("pack", folder, place)
    assert typed(*words)[0] == 0
    assert typed("check", place, "--no-read")[0] == 0
    assert not list(place.glob(".*"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("make", "x", "--images", "0"), "--images 0: a whole number from 1 to"),
        (("make", "x", "--images", "many"), "--images many: a whole number"),
        (("make", "x", "--images", "3", "--classes", "4"), "each class needs at least one image"),
        (("make", "x", "--classes", "1001"), "from 1 to 1,000"),
        (
            ("make", "x", "--size", "601"),
            "--size 601: without --from a whole number from 64",
        ),
        (
            ("make", "x", "--quality", "101"),
            "--quality 101: a whole number from 1 to 100",
        ),
        (("make", "x", "--seed", "-1"), "--seed -1: a whole number"),
        (("make", "x", "--from", "sett"), "there is no folder sett; did you mean set?"),
        (("make", "x", "--from", "set", "--classes", "3"), "has 2 class folders, not 3"),
        (("make", "x", "--from", "set", "--images", "1"), "--images 1: set has 2 classes"),
        (("make", "set/x", "--from", "set"), "name a folder outside it"),
        (("make", "no/../set/x", "--from", "set"), "name a folder outside it"),
        (("make", "set", "--images", "9"), "set exists and holds something else"),
        (("check", "nowhere"), "there is no folder nowhere"),
        (("check", "set/few"), "holds 2 images but no class folders"),
        (("pack", "set", "set/x"), "set/x lies in set, the folder to pack"),
        (("pack", "set", "no/../set/x"), "no/../set/x lies in set, the folder to pack"),
        (("pack", "set", "set2", "--format", "zip"), "choose from webdataset, tfrecord"),
        (("pack", "set", "set2", "--bad-files", "x"), "choose from stop, skip"),
        (("pack", "set", "set2", "--shard-mb", "0.5"), "--shard-mb 0.5: a whole number"),
    ],
)
def test_wrong_arguments_are_told_in_a_line_and_make_nothing(
    typed: Typed, folder: Path, words: tuple[str, ...], told: str
) -> None:
    code, out, err = typed(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in folder.parent.iterdir()) == ["set"]

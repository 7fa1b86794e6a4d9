"""`data check` of shards: what it counts, names and passes over."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from resnext_bench.cli.data.check import check_command
from resnext_bench.pipelines.shards.writing import example
from tests.pipelines.made_shards import write_records, write_tar


def picture(kind: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), (9, 50, 60)).save(content, kind)
    return content.getvalue()


def checked(root: Path, monkeypatch: pytest.MonkeyPatch, *, json: bool) -> int:
    monkeypatch.setenv("RESNEXT_BENCH_CACHE", str(root.parent / "cache"))
    return check_command({"folder": str(root), "workers": 1, "read": True, "json": json})


def test_tar_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    root.mkdir()
    members = [("1.jpg", picture("JPEG")), ("1.cls", b"0"), ("2.jpg", picture("PNG"))]
    write_tar(root / "a.tar", [*members, ("2.cls", b"1"), ("3.png", b"<svg>"), ("3.cls", b"1")])
    (root / "README.md").touch()
    (root / "a.idx").touch()
    (root / "loose.jpg").touch()
    assert checked(root, monkeypatch, json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["good"], found["format"], found["shards"]) == (2, "webdataset", 1)
    assert found["bad"] == [{"path": "a.tar: 3.png", "why": "not an image", "seems": "SVG"}]
    assert (found["skipped"], found["loose"]) == ({".md": 1}, 1)
    assert found["misnamed"] == {"PNG named .jpg": 1}
    assert found["total_bytes"] == len(picture("JPEG")) + len(picture("PNG"))
    assert checked(root, monkeypatch, json=False) == 1
    text = capsys.readouterr().out
    for words in (
        "good samples",
        "1 tar file",
        "next to the shards",
        "a.tar: 3.png (SVG)",
        "1 piece",
    ):
        assert words in text


def test_names_that_come_again_are_no_wrong_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    root.mkdir()
    members = [("a.jpg", picture("JPEG")), ("a.cls", b"0"), ("b.jpg", picture("PNG"))]
    write_tar(root / "a.tar", [*members, ("b.cls", b"0"), *members, ("b.cls", b"0")])
    assert checked(root, monkeypatch, json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["good"], found["misnamed"]) == (4, {"PNG named .jpg": 2})


def test_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    root.mkdir()
    write_records(root / "train-00000-of-00001", [example(picture("JPEG"), 1)] * 2)
    assert checked(root, monkeypatch, json=False) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "1 TFRecord file; class numbers in the shards begin at 1" in text
    assert "All good" in text

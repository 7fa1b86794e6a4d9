"""Proofs that files decode: what is found, what is remembered, what is said."""

import os
import tempfile
from pathlib import Path
from typing import IO
from unittest import mock

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageFile

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images import proof as proofs
from resnext_bench.pipelines.images.file_verdicts import manifest_path
from resnext_bench.pipelines.images.folder import ImageFolder, scan
from resnext_bench.pipelines.images.proof import Proof, prove, require_good


def draw(path: Path, seed: int = 0, **options: object) -> None:
    """Save a picture of noise, whose data runs to the end of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)  # type: ignore[arg-type]


def cut_short(path: Path, keep: float) -> None:
    """Keep the first part of a file only."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


@pytest.fixture
def data(tmp_path: Path) -> ImageFolder:
    """Six good files of all formats in two classes."""
    root = tmp_path / "data"
    for name in ("a/0.jpg", "a/1.png", "a/2.bmp", "b/3.webp", "b/4.jpeg"):
        draw(root / name, seed=int(name[2]))
    draw(root / "b/5.jpg", progressive=True)
    return scan(root)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that does not exist yet."""
    return tmp_path / "cache"


def why(proof: Proof) -> dict[str, str]:
    """The bad files and their reasons."""
    return {file.path: file.why for file in proof.bad}


@pytest.mark.parametrize("workers", [1, 2])
def test_good_files_of_all_formats_pass(data: ImageFolder, cache: Path, workers: int) -> None:
    with mock.patch.object(proofs, "CHUNK_FILES", 2):  # so that there is work for two
        proof = prove(data, cache=cache, workers=workers)
    assert (proof.good, proof.bad, proof.decoded) == (data, (), 6)


def test_each_kind_of_damage_is_told(data: ImageFolder, cache: Path) -> None:
    (data.root / "a/0.jpg").write_bytes(b"")
    cut_short(data.root / "a/1.png", 0.7)
    (data.root / "a/2.bmp").write_text("no picture")
    cut_short(data.root / "b/3.webp", 0.5)
    draw(data.root / "b/4.gif")
    (data.root / "b/4.gif").replace(data.root / "b/4.jpeg")
    cut_short(data.root / "b/5.jpg", 0.9)
    assert why(prove(data, cache=cache, workers=1)) == {
        "a/0.jpg": "empty",
        "a/1.png": "truncated",
        "a/2.bmp": "not an image",
        "b/3.webp": "truncated",
        "b/4.jpeg": "not an image",
        "b/5.jpg": "truncated",
    }


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.99])
def test_a_jpeg_cut_anywhere_is_truncated(data: ImageFolder, cache: Path, keep: float) -> None:
    cut_short(data.root / "a/0.jpg", keep)
    with mock.patch.object(ImageFile, "LOAD_TRUNCATED_IMAGES", True):  # the user's own setting
        assert why(prove(data, cache=cache, workers=1)) == {"a/0.jpg": "truncated"}
        assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_good_files_keep_their_labels(data: ImageFolder, cache: Path) -> None:
    for path in data.files[:3]:
        (data.root / path).write_bytes(b"")
    good = require_good(prove(data, cache=cache, workers=1), skip=True)
    assert good.files == data.files[3:]
    assert (good.classes, good.labels) == (("a", "b"), (1, 1, 1))


def test_only_new_and_changed_files_are_decoded_again(data: ImageFolder, cache: Path) -> None:
    (data.root / "b/5.jpg").write_bytes(b"")
    first = prove(data, cache=cache, workers=1)
    (data.root / "a/0.jpg").write_text("changed")
    draw(data.root / "a/6.jpg")
    with mock.patch.object(proofs, "examine", side_effect=proofs.examine) as examine:
        second = prove(scan(data.root), cache=cache, workers=1)
        tried = [call.args[0].name for call in examine.call_args_list]
        third = prove(scan(data.root), cache=cache, workers=1)
    assert sorted(tried) == ["0.jpg", "6.jpg"]
    assert why(first) == {"b/5.jpg": "empty"}
    assert why(second) == why(third) == {"a/0.jpg": "not an image", "b/5.jpg": "empty"}
    assert (first.decoded, second.decoded, third.decoded) == (6, 2, 0)


def test_a_change_of_time_alone_is_proved_again(data: ImageFolder, cache: Path) -> None:
    prove(data, cache=cache, workers=1)
    os.utime(data.root / "a/0.jpg", ns=(1, 1))
    assert prove(data, cache=cache, workers=1).decoded == 1


def test_verdicts_that_named_jpegs_otherwise_are_made_anew(data: ImageFolder, cache: Path) -> None:
    prove(data, cache=cache, workers=1)
    path = manifest_path(cache, data.root)
    kept = msgspec.json.decode(path.read_bytes())
    kept["verdicts"]["a/0.jpg"][1][3] = "MPO RGB"
    path.write_bytes(msgspec.json.encode(kept | {"version": 2}))
    assert prove(data, cache=cache, workers=1).verdicts["a/0.jpg"].kind == "JPEG RGB"


@pytest.mark.parametrize("content", [b"", b"{", b'{"version":0,"root":"","verdicts":{}}', b"[1]"])
def test_a_useless_manifest_is_replaced(data: ImageFolder, cache: Path, content: bytes) -> None:
    prove(data, cache=cache, workers=1)
    manifest_path(cache, data.root).write_bytes(content)
    assert prove(data, cache=cache, workers=1).decoded == 6
    assert prove(data, cache=cache, workers=1).decoded == 0


def test_two_roots_do_not_share_verdicts(data: ImageFolder, cache: Path, tmp_path: Path) -> None:
    prove(data, cache=cache, workers=1)
    other = data.root.rename(tmp_path / "other")
    assert prove(scan(other), cache=cache, workers=1).decoded == 6
    (tmp_path / "link").symlink_to(other)
    assert prove(scan(tmp_path / "link"), cache=cache, workers=1).decoded == 0


def test_a_read_only_cache_costs_the_memory_only(
    data: ImageFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = mock.Mock(side_effect=OSError(30, "Read-only file system"))
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert prove(data, cache=cache, workers=1).bad == ()
    assert refuse.called
    assert prove(data, cache=cache, workers=1).decoded == 6


def test_a_closed_file_is_unreadable_and_tried_again(
    data: ImageFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def closed(path: Path, mode: str) -> IO[bytes]:
        if path.name == "0.jpg":
            raise PermissionError(13, "Permission denied")
        return real(path, mode)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", closed)
        assert why(prove(data, cache=cache, workers=1)) == {"a/0.jpg": "unreadable"}
    again = prove(data, cache=cache, workers=1)
    assert (why(again), again.decoded) == ({}, 1)


def test_a_file_that_vanished_is_unreadable(data: ImageFolder, cache: Path) -> None:
    (data.root / "a/0.jpg").unlink()
    assert why(prove(data, cache=cache, workers=1)) == {"a/0.jpg": "unreadable"}


def test_an_interrupted_proof_goes_on_where_it_was(data: ImageFolder, cache: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with mock.patch.object(proofs, "CHUNK_FILES", 2):
        with pytest.raises(KeyboardInterrupt):
            prove(data, cache=cache, workers=1, progress=stop)
        assert prove(data, cache=cache, workers=1).decoded == 2


def test_progress_counts_to_the_end(data: ImageFolder, cache: Path) -> None:
    seen: list[tuple[int, int]] = []
    with mock.patch.object(proofs, "CHUNK_FILES", 4):
        prove(data, cache=cache, workers=1, progress=lambda *counts: seen.append(counts))
    assert seen == [(4, 6), (6, 6)]


def test_bad_files_are_named_three_at_most(data: ImageFolder, cache: Path) -> None:
    (data.root / "a/0.jpg").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        require_good(prove(data, cache=cache, workers=1), skip=False)
    assert str(caught.value) == (
        f"1 of 6 files under {data.root} cannot be decoded: a/0.jpg (empty); remove them or pass "
        "--bad-files skip"
    )
    for path in data.files[1:4]:
        (data.root / path).write_text("text")
    with pytest.raises(DataError, match=r"a/0.jpg \(empty\), .*a/2.bmp \(not an image: text\), …;"):
        require_good(prove(data, cache=cache, workers=1), skip=False)


@pytest.mark.parametrize("skip", [True, False])
def test_nothing_left_is_an_error_either_way(data: ImageFolder, cache: Path, skip: bool) -> None:
    for path in data.files:
        (data.root / path).write_bytes(b"")
    with pytest.raises(
        DataError, match=r"none of the 6 files under .* can be decoded: a/0.jpg \(empty\)"
    ):
        require_good(prove(data, cache=cache, workers=1), skip=skip)


def test_names_that_are_no_utf8_are_known_again_and_told(data: ImageFolder, cache: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(data.root) + b"/caf\xe9"))
    for raw in (b"\xff1.jpg", b"\xff2.jpg"):
        draw(folder / os.fsdecode(raw))
    prove(scan(data.root), cache=cache, workers=1)
    assert prove(scan(data.root), cache=cache, workers=1).decoded == 0
    (folder / os.fsdecode(b"\xff1.jpg")).write_bytes(b"")
    again = prove(scan(data.root), cache=cache, workers=1)
    assert again.decoded == 1
    with pytest.raises(DataError, match=r"caf\N{REPLACEMENT CHARACTER}/.1.jpg \(empty\)") as caught:
        require_good(again, skip=False)
    assert str(caught.value).encode()

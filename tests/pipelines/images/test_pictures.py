"""What a file is by its content, and that the loaders see it as the proof does."""

import io
import os
import socket
import struct
import zlib
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nvidia.dali import fn, pipeline_def, types
from PIL import Image, ImageFile

from resnext_bench.pipelines.images.folder import scan
from resnext_bench.pipelines.images.leftovers import leftovers
from resnext_bench.pipelines.images.pictures import (
    MAX_PIXELS,
    PNG_SIGNATURE,
    as_rgb,
    examine,
    has_exif_in_webp,
    is_damaged_png,
    looks_like,
    strict_decoding,
)
from resnext_bench.pipelines.images.proof import prove
from resnext_bench.pipelines.torchvision import decoded


def squares() -> Image.Image:
    """Flat squares, which every decoder renders alike."""
    colours = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(np.kron(colours, np.ones((16, 16, 1), np.uint8)))


MORE = {"save_all": True, "append_images": [squares()]}
"""Another picture behind the first, as phones write it."""


def by_dali(path: Path) -> np.ndarray:
    @pipeline_def(batch_size=1, num_threads=1, device_id=None)
    def pipeline() -> object:
        files, _ = fn.readers.file(files=[str(path)], labels=[0])
        return fn.decoders.image(files, device="cpu", output_type=types.RGB)

    made = pipeline()
    made.build()
    return np.asarray(made.run()[0][0])


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_header(width: int, height: int) -> bytes:
    """A PNG that ends after saying how large it is."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("cmyk.jpg", {"mode": "CMYK"}, "JPEG CMYK"),
        ("grey.jpg", {"mode": "L"}, "JPEG L"),
        ("palette.png", {"mode": "P"}, "PNG P"),
        ("progressive.jpg", {"progressive": True}, "JPEG RGB"),
        ("named.jpg", {"format": "PNG"}, "PNG RGB"),
        ("phone.jpg", {"format": "MPO", **MORE}, "JPEG RGB"),
    ],
)
def test_unusual_pictures_are_good_and_every_loader_sees_them_alike(
    tmp_path: Path, name: str, options: dict[str, object], kind: str
) -> None:
    drawn = squares().convert(str(options.pop("mode", "RGB")))
    drawn.save(tmp_path / name, **options)  # type: ignore[arg-type]
    verdict = examine(tmp_path / name)
    assert (verdict.why, verdict.kind) == (None, kind)
    assert (verdict.width, verdict.height) == (64, 48)
    with Image.open(tmp_path / name) as image:
        pixels = np.asarray(image.convert("RGB")).astype(float)
    seen = decoded(tmp_path / name).permute(1, 2, 0).to(torch.float64).numpy()
    assert np.abs(seen - pixels).mean() < 1.5
    assert np.abs(by_dali(tmp_path / name).astype(float) - pixels).mean() < 1.5


def test_16_bits_are_scaled_down_and_turned() -> None:
    deep = np.arange(65536, dtype=np.uint16).reshape(128, 512)
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(deep).save(buffer, "PNG", exif=exif)
    turned = np.repeat((deep >> 8)[::-1, ::-1, None], 3, axis=2)
    with Image.open(buffer) as image:
        for one in (image, image.convert("I")):
            assert np.array_equal(np.asarray(as_rgb(one)), turned)


@pytest.mark.parametrize("name", ["dot.jpg", "dot.png"])
def test_one_pixel_is_a_picture(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (1, 1), (200, 50, 50)).save(tmp_path / name)
    verdict = examine(tmp_path / name)
    assert (verdict.why, verdict.width, verdict.height) == (None, 1, 1)
    assert decoded(tmp_path / name).shape == (3, 1, 1)
    assert by_dali(tmp_path / name).shape == (1, 1, 3)


def test_the_limit_of_pixels_is_ours_whatever_pil_is_set_to(tmp_path: Path) -> None:
    side = int(MAX_PIXELS**0.5)
    (tmp_path / "large.png").write_bytes(png_header(side + 1, side + 1))
    (tmp_path / "fits.png").write_bytes(png_header(side, side))
    squares().save(tmp_path / "small.jpg")
    with mock.patch.object(Image, "MAX_IMAGE_PIXELS", 10):
        with strict_decoding():
            large = examine(tmp_path / "large.png")
            small = examine(tmp_path / "small.jpg")
        assert Image.MAX_IMAGE_PIXELS == 10
    assert (large.why, large.width, large.kind) == ("too large", side + 1, "PNG RGB")
    assert small.why is None
    with mock.patch.object(ImageFile.ImageFile, "load"), strict_decoding():
        assert examine(tmp_path / "fits.png").why is None  # taken for decoding


def test_a_hundred_megapixels_decode(tmp_path: Path) -> None:
    Image.new("L", (10_400, 10_000)).save(tmp_path / "huge.jpg", quality=1)  # above where PIL warns
    with strict_decoding():
        assert examine(tmp_path / "huge.jpg").why is None


@pytest.mark.parametrize(
    ("content", "seems"),
    [
        (b"<!DOCTYPE html><html><body>403</body></html>", "HTML"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"GIF89a" + bytes(20), "GIF"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC"),
        (b"\0\0\0\x18ftypisom" + bytes(20), "video"),
        (bytes(4000), "zeros"),
        (b"version https://git-lfs.github.com/spec/v1\n", "text"),
        (b"\x01\xfe\x80\x00\x7f", "unknown"),
        (b"\xff\xd8\xff", "JPEG, damaged"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, seems: str) -> None:
    (tmp_path / "x.jpg").write_bytes(content)
    verdict = examine(tmp_path / "x.jpg")
    assert (verdict.why, verdict.kind) == ("not an image", seems)
    assert looks_like(content) == seems


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A set with every name that leads to no file."""
    root = tmp_path / "odd"
    (root / "a" / "deep").mkdir(parents=True)
    squares().save(root / "a" / "0.jpg")
    squares().save(root / "beside.jpg")
    os.mkfifo(root / "a" / "fifo.jpg")
    (root / "a" / "loop.jpg").symlink_to("loop.jpg")
    (root / "a" / "gone.PNG").symlink_to(tmp_path / "nowhere.png")
    (root / "a" / "circle").symlink_to("circle")
    (root / "a" / "deep" / "up").symlink_to(root)
    (root / "a" / "deep" / "notes.TXT").write_text("none")
    (root / "b").symlink_to("b")
    return root


def test_names_that_lead_to_no_file_are_told(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(odd / "a")  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.jpg")
        found = leftovers(odd)
    assert [(one.path, one.why, one.seems) for one in found.strays] == [
        ("a/fifo.jpg", "no regular file", "FIFO"),
        ("a/gone.PNG", "dangling link", ""),
        ("a/loop.jpg", "link loop", ""),
        ("a/socket.jpg", "no regular file", "socket"),
    ]
    assert found.by_extension == {"": 2, ".txt": 1}
    assert found.loose == 1


def test_a_run_passes_over_them(odd: Path, tmp_path: Path) -> None:
    folder = scan(odd)
    assert (folder.classes, folder.files) == (("a",), ("a/0.jpg",))
    assert prove(folder, cache=tmp_path / "cache", workers=1).bad == ()


def test_a_file_that_became_a_fifo_does_not_hang(odd: Path) -> None:
    assert examine(odd / "a" / "fifo.jpg").why == "no regular file"


def test_looks_like_needs_no_whole_file() -> None:
    buffer = io.BytesIO()
    squares().save(buffer, "TIFF")
    assert looks_like(buffer.getvalue()[:8]) == "TIFF"


def sound_png() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


SOUND = sound_png()


def test_a_sound_png() -> None:
    assert not is_damaged_png(SOUND)
    assert not is_damaged_png(SOUND + b"more"), "what follows the end is nobody's"


def test_what_is_no_png_is_not_damaged() -> None:
    assert not is_damaged_png(b"\xff\xd8\xff")
    assert not is_damaged_png(b"")


@given(place=st.integers(len(PNG_SIGNATURE), len(SOUND) - 1), flip=st.integers(1, 255))
def test_any_byte_of_a_png_that_changed(place: int, flip: int) -> None:
    damaged = bytearray(SOUND)
    damaged[place] ^= flip
    assert is_damaged_png(bytes(damaged))


@given(length=st.integers(len(PNG_SIGNATURE), len(SOUND) - 1))
def test_any_cut_of_a_png(length: int) -> None:
    assert is_damaged_png(SOUND[:length])


def test_exif_of_a_webp() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for options, told in (({"exif": exif}, True), ({}, False), ({"lossless": True}, False)):
        file = io.BytesIO()
        Image.new("RGBA", (6, 4), (1, 2, 3, 99)).save(file, "WEBP", **options)
        assert has_exif_in_webp(file.getvalue()) is told
    assert not has_exif_in_webp(file.getvalue()[:18])
    assert not has_exif_in_webp(SOUND)

"""Damage of a PNG and Exif data of a WebP are seen before a decoder sees them."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from resnext_bench.pipelines.images.headers import SIGNATURE, has_exif_in_webp, is_damaged_png


def made() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


SOUND = made()


def test_a_sound_one() -> None:
    assert not is_damaged_png(SOUND)
    assert not is_damaged_png(SOUND + b"more"), "what follows the end is nobody's"


def test_no_png_is_none_of_its_business() -> None:
    assert not is_damaged_png(b"\xff\xd8\xff")
    assert not is_damaged_png(b"")


@given(place=st.integers(len(SIGNATURE), len(SOUND) - 1), flip=st.integers(1, 255))
def test_any_byte_that_changed(place: int, flip: int) -> None:
    damaged = bytearray(SOUND)
    damaged[place] ^= flip
    assert is_damaged_png(bytes(damaged))


@given(length=st.integers(len(SIGNATURE), len(SOUND) - 1))
def test_any_cut(length: int) -> None:
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

"""Examines one file by its content: an image that decodes to its last pixel, or why it is not."""

import io
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from resnext_bench.pipelines.images.file_verdicts import Verdict, Why
from resnext_bench.pipelines.shards.ranges import Part

FORMATS: Final = ("JPEG", "PNG", "BMP", "WEBP")
"""Formats by content, as a GIF that is named .jpg opens in PIL but not in DALI."""
MAX_PIXELS: Final = 178_956_970
"""Most pixels: PIL refuses above twice its warning size; a decoded image takes half a gigabyte."""
# What PIL says of a cut file; the second is for WebP, whose decoder wants the whole at once.
CUT_SIGNS: Final = ("truncated", "could not create decoder object")
HEAD_BYTES: Final = 512
_JPEGS: Final = {"MPO": "JPEG"}
"""What PIL calls a JPEG that holds several images, as phones write it."""
_DEEP: Final = ("I", "I;16")
"""Modes of 16 bits per channel in files of `FORMATS`."""
_SIGNS: Final = (
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"\xff\xd8\xff", "JPEG, damaged"),
    (b"\x89PNG", "PNG, damaged"),
)
_MARKUP: Final = ((b"<svg", "SVG"), (b"<html", "HTML"), (b"<!doctype html", "HTML"))
PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_EXIF: Final = 0x08
"""The Exif bit of a WebP's extended header."""
_BRANDS: Final = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"avif": "AVIF"}


@contextmanager
def strict_decoding() -> Iterator[None]:
    """Make PIL strict, as a proof needs it; its global settings are restored afterwards."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def examine(path: Path, part: Part | None = None) -> Verdict:
    """Decode a file, or a part of it, to the last pixel; return what it is or why that fails."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a FIFO would wait for ever
            return Verdict(why="no regular file")
        with path.open("rb") as file:
            content = _content(file, part) if part else file
            head = content.read(HEAD_BYTES)
            if not head:
                return Verdict(why="empty")
            content.seek(0)
            return _decoded(Image.open(content, formats=FORMATS))
    except UnidentifiedImageError:
        return Verdict(why="not an image", kind=looks_like(head))
    except Exception as error:  # decoders raise nearly anything on damaged input
        return Verdict(why=_why(error))


def _content(file: IO[bytes], part: Part) -> IO[bytes]:
    """Return a part of a shard as a file of its own."""
    offset, length = part
    file.seek(offset)
    return io.BytesIO(file.read(length))


def _decoded(image: ImageFile.ImageFile) -> Verdict:
    """Return the verdict on an image whose header has been read."""
    kind = f"{_JPEGS.get(str(image.format), image.format)} {image.mode}"
    width, height = image.size
    if width * height > MAX_PIXELS:
        return Verdict(why="too large", width=width, height=height, kind=kind)
    image.load()
    return Verdict(width=width, height=height, kind=kind)


def as_rgb(image: Image.Image) -> Image.Image:
    """Convert to three channels of 8 bits, rotated as the Exif data says.

    Of 16 bits the upper 8 are taken, as in torchvision; PIL would turn all above 255 white.
    """
    turned = ImageOps.exif_transpose(image)
    if turned.mode in _DEEP:
        turned = turned.point(lambda value: value * (1 / 256) + 0)
    return turned.convert("RGB")


def looks_like(head: bytes) -> str:
    """Return what a file that is not an image seems to be, by its first bytes."""
    for sign, name in _SIGNS:
        if head.startswith(sign):
            return name
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video")
    lower = head.lower()
    for sign, name in _MARKUP:
        if sign in lower:
            return name
    if not head.strip(b"\0"):
        return "zeros"
    try:
        head.decode("ascii")
    except UnicodeDecodeError:
        return "unknown"
    return "text"


def has_exif_in_webp(content: bytes | memoryview) -> bool:
    """Return whether it begins like a WebP with Exif data (RFC 9649, 2.7).

    Torchvision's decoder does not rotate a WebP, whatever its Exif data says.
    """
    head = bytes(memoryview(content)[:21])
    extended = head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X"
    return extended and len(head) > 20 and bool(head[20] & _EXIF)


def is_damaged_png(content: bytes | memoryview) -> bool:
    """Return whether it is a PNG with a truncated part or a wrong checksum.

    Torchvision's decoder crashes on one. A part, after 4 bytes of length and 4 of name, ends with a
    checksum of name and content (PNG specification, 5.3).
    """
    view = memoryview(content)
    if bytes(view[: len(PNG_SIGNATURE)]) != PNG_SIGNATURE:
        return False
    place = len(PNG_SIGNATURE)
    while place + 12 <= len(view):
        (length,) = struct.unpack_from(">I", view, place)
        end = place + 8 + length
        if end + 4 > len(view):
            return True
        (told,) = struct.unpack_from(">I", view, end)
        if zlib.crc32(view[place + 4 : end]) != told:
            return True
        if bytes(view[place + 4 : place + 8]) == b"IEND":
            return False
        place = end + 4
    return True


def _why(error: Exception) -> Why:
    """Return what an exception of the decoder says about its file."""
    if isinstance(error, OSError) and error.errno is not None:
        return "unreadable"
    text = str(error).lower()
    return "truncated" if any(sign in text for sign in CUT_SIGNS) else "error"

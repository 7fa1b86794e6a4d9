"""Pictures that torchvision's decoder is not given.

It dies of a PNG whose parts do not hold what was written: a part, after 4 bytes of length and 4 of
name, ends in a checksum of name and content (PNG specification, 5.3). And it leaves a WebP as it
lies, whatever its Exif data says; its header tells whether there is any (RFC 9649, 2.7).
"""

import struct
import zlib
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_EXIF: Final = 0x08


def has_exif_in_webp(content: bytes | memoryview) -> bool:
    """Whether it begins as a WebP does that has Exif data."""
    head = bytes(memoryview(content)[:21])
    extended = head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X"
    return extended and len(head) > 20 and bool(head[20] & _EXIF)


def is_damaged_png(content: bytes | memoryview) -> bool:
    """Whether it begins as a PNG does, and a part of it is cut or has another checksum."""
    view = memoryview(content)
    if bytes(view[: len(SIGNATURE)]) != SIGNATURE:
        return False
    place = len(SIGNATURE)
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

"""Whether the parts of a PNG hold what was written, as torchvision's decoder dies where not.

A part, after 4 bytes of length and 4 of name, ends in a checksum of name and content (PNG
specification, 5.3).
"""

import struct
import zlib
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


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

"""Names of files, which need not be UTF-8, for JSON and for people."""

import os
import re
from pathlib import Path
from typing import Final

_ODD: Final = re.compile("[\0\udc80-\udcff]")
"""Characters that Python puts in place of bytes that are not UTF-8, and the one that marks them in
JSON."""
_STORED: Final = re.compile("\0([0-9a-f]{2})")


def storable(name: str) -> str:
    """Return a name for JSON: each byte that is not UTF-8 becomes NUL and two hex digits.

    No file has a NUL in its name, so other names do not change. (A sample's name in a shard may:
    that NUL is written in the same way.)
    """
    return name if name.isprintable() else _ODD.sub(lambda odd: f"\0{ord(odd[0]) & 0xFF:02x}", name)


def printable(name: str | Path) -> str:
    """Return a name for people, with a replacement character for bytes that are not UTF-8."""
    return os.fsencode(name).decode(errors="replace")


def restored(name: str) -> str:
    """Return the name that `storable` was given, as Python has it from the system."""
    if "\0" not in name:
        return name
    return _STORED.sub(
        lambda stored: bytes.fromhex(stored[1]).decode(errors="surrogateescape"), name
    )

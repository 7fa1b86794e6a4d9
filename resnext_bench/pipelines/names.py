"""Names of files, which need not be UTF-8: as JSON keeps them, and as people see them."""

import os
import re
from pathlib import Path
from typing import Final

_ODD: Final = re.compile("[\0\udc80-\udcff]")
"""What Python has in the place of bytes that are no UTF-8, and what marks them in JSON."""
_STORED: Final = re.compile("\0([0-9a-f]{2})")


def storable(name: str) -> str:
    """A name as JSON can hold it: each byte that is no UTF-8 as NUL and two hexadecimal digits.

    No file has a NUL in its name, so other names stay as they are. (In a shard a sample's may: that
    NUL is written in the same way.)
    """
    return name if name.isprintable() else _ODD.sub(lambda odd: f"\0{ord(odd[0]) & 0xFF:02x}", name)


def printable(name: str | Path) -> str:
    """A name for people: a byte that is no UTF-8 as the sign for such."""
    return os.fsencode(name).decode(errors="replace")


def restored(name: str) -> str:
    """The name that `storable` was given, as Python has it from the system."""
    if "\0" not in name:
        return name
    return _STORED.sub(
        lambda stored: bytes.fromhex(stored[1]).decode(errors="surrogateescape"), name
    )

"""Files that are no trace but may hold one: told by their first bytes, with what unpacks them."""

from typing import Final

NEEDED: Final = 512
"""Bytes from which a file is told."""
_BEGINNINGS: Final = (
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it first: zstd -d FILE"),
    (b"\xfd7zXZ\0", "compressed with xz", "unpack it first: xz -dk FILE"),
    (b"BZh", "compressed with bzip2", "unpack it first: bunzip2 -k FILE"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "unpack it first: lz4 -d FILE"),
    (b"PK\x03\x04", "a zip archive", "unpack it first: unzip FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first: 7z x FILE"),
    (b"\x1f\x8b", "compressed twice", "unpack it once first: gunzip -k FILE"),
    (b"SQLite format 3\0", "an SQLite database", "Nsight Systems' exports are not read here"),
    (b"\xff\xfe", "text in UTF-16", "write it as UTF-8 first: iconv -f UTF-16 -t UTF-8 FILE"),
    (b"\xfe\xff", "text in UTF-16", "write it as UTF-8 first: iconv -f UTF-16 -t UTF-8 FILE"),
)
_TAR: Final = (257, b"ustar")


def packed(first: bytes) -> str:
    """Return what a file is and what to do with it, for a message; empty: perhaps a trace."""
    at, mark = _TAR
    if first[at : at + len(mark)] == mark:
        return "a tar archive; unpack it first: tar xf FILE"
    return next(
        (f"{what}; {todo}" for begin, what, todo in _BEGINNINGS if first.startswith(begin)), ""
    )

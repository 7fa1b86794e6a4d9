"""A stand-in for NVIDIA's driver library, which cuDNN from 9.27 on loads even where it only plans.

It is a shared object of six functions that return 100, CUDA's "no device". It is written byte by
byte, so that neither a compiler nor a binary file is needed: one segment that holds the tables of
the dynamic linker and the code. More functions than these would make cuDNN list other plans.
"""

import platform
import struct
from itertools import accumulate
from typing import Final

SONAME: Final = "libcuda.so.1"
FUNCTIONS: Final = (
    *("cuGetErrorString", "cuModuleGetFunction", "cuModuleLoadData", "cuModuleUnload"),
    *("cuTensorMapEncodeIm2col", "cuTensorMapEncodeTiled"),
)
NO_DEVICE: Final = 100
"""What each function returns: CUDA_ERROR_NO_DEVICE."""
MACHINE: Final = "x86_64"
"""The only processor for which it can be written."""

_CODE: Final = b"\xb8" + struct.pack("<I", NO_DEVICE) + b"\xc3"  # mov eax, 100; ret
_X86_64: Final = 62
_SHARED: Final = 3
_LOAD, _DYNAMIC, _STACK = 1, 2, 0x6474E551
_READ, _WRITE, _RUN = 4, 2, 1
_PAGE: Final = 0x1000
_HASH, _STRINGS, _SYMBOLS, _STRINGS_SIZE, _SYMBOL_SIZE, _NAME = 4, 5, 6, 10, 11, 14
_GLOBAL_FUNCTION: Final = 0x12
_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_ENTRY: Final = struct.Struct("<qQ")
_SEGMENTS: Final = 4
_IN_SOME_SECTION: Final = 1


def can_write() -> bool:
    """Return whether there is a stub for this machine's processor."""
    return platform.machine() == MACHINE


def driver_stub() -> bytes:
    """Return the whole shared object."""
    names = (SONAME, *FUNCTIONS)
    starts = list(accumulate((len(name) + 1 for name in names), initial=1))
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    code_at = _HEADER.size + _SEGMENTS * _SEGMENT.size
    code = _CODE * len(FUNCTIONS)
    symbols_at = _even(code_at + len(code))
    symbols = _symbols(starts[1:-1], code_at)
    hash_at = symbols_at + len(symbols)
    hashed = _hash_table(1 + len(FUNCTIONS))
    strings_at = hash_at + len(hashed)
    dynamic_at = _PAGE  # the linker writes to its page, so that nothing else is on it
    dynamic = b"".join(
        _ENTRY.pack(kind, value)
        for kind, value in (
            (_NAME, starts[0]),
            (_HASH, hash_at),
            (_STRINGS, strings_at),
            (_SYMBOLS, symbols_at),
            (_STRINGS_SIZE, len(strings)),
            (_SYMBOL_SIZE, _SYMBOL.size),
            (0, 0),
        )
    )
    fixed = _placed(
        {code_at: code, symbols_at: symbols, hash_at: hashed, strings_at: strings}, dynamic_at
    )
    head = _header() + _segments(len(fixed), dynamic_at, len(dynamic))
    return head + fixed[len(head) :] + dynamic


def _header() -> bytes:
    magic = b"\x7fELF" + bytes((2, 1, 1))  # 64 bits, little-endian, version 1
    sizes = (_HEADER.size, _SEGMENT.size, _SEGMENTS, 0, 0, 0)
    return _HEADER.pack(magic, _SHARED, _X86_64, 1, 0, _HEADER.size, 0, 0, *sizes)


def _segments(fixed: int, dynamic_at: int, dynamic: int) -> bytes:
    """Return what is to be mapped: all that is read or run, and what the linker writes to."""
    return b"".join(
        _SEGMENT.pack(kind, flags, at, at, at, size, size, align)
        for kind, flags, at, size, align in (
            (_LOAD, _READ | _RUN, 0, fixed, _PAGE),
            (_LOAD, _READ | _WRITE, dynamic_at, dynamic, _PAGE),
            (_DYNAMIC, _READ | _WRITE, dynamic_at, dynamic, 8),
            (_STACK, _READ | _WRITE, 0, 0, 16),
        )
    )


def _symbols(names: list[int], code_at: int) -> bytes:
    """Return the table of symbols, whose first entry is none."""
    found = (
        _SYMBOL.pack(name, _GLOBAL_FUNCTION, 0, _IN_SOME_SECTION, code_at + at, len(_CODE))
        for name, at in zip(names, range(0, len(names) * len(_CODE), len(_CODE)), strict=True)
    )
    return _SYMBOL.pack(0, 0, 0, 0, 0, 0) + b"".join(found)


def _hash_table(symbols: int) -> bytes:
    """Return a table of one bucket, in which every symbol leads to the next."""
    chain = (0, *range(2, symbols), 0)
    return struct.pack(f"<{3 + symbols}I", 1, symbols, 1, *chain)


def _placed(parts: dict[int, bytes], size: int) -> bytes:
    found = bytearray(size)
    for at, part in parts.items():
        found[at : at + len(part)] = part
    return bytes(found)


def _even(at: int) -> int:
    """Return the next place that is a multiple of 8."""
    return (at + 7) // 8 * 8

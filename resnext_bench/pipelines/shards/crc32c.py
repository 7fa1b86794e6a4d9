"""CRC-32C (Castagnoli), which TFRecord files carry, by the lanes of numpy.

A byte-wise loop would take a second for a photograph. A CRC without its first and last inversion
is linear, so that equal parts of the data are summed side by side and joined in pairs.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

_POLYNOMIAL: Final = 0x82F63B78
_LANE_BYTES: Final = 256
_MASK_DELTA: Final = 0xA282EAD8


def _byte_table() -> Words:
    """What eight zero bits make of each byte."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


_BYTE: Final = _byte_table()
_LIST: Final[list[int]] = _BYTE.tolist()
_FEW_BYTES: Final = 64
"""Up to here a loop is faster than setting up lanes: 1 us for the length of a record."""


@lru_cache(maxsize=1)
def _pair_table() -> Words:
    """The same for two bytes at once."""
    first = _BYTE[np.arange(65536) & 0xFF] ^ (np.arange(65536, dtype=np.uint32) >> 8)
    table: Words = (_BYTE[first & 0xFF] ^ (first >> 8)).astype(np.uint32)
    return table


@lru_cache(maxsize=32)
def _shift(doublings: int) -> Words:
    """What 2**doublings lanes of zeros make of each byte of a sum, [4, 256]."""
    at = np.arange(256, dtype=np.uint32)
    values = np.stack([at << np.uint32(8 * place) for place in range(4)])
    if doublings:
        before = _shift(doublings - 1)
        return _shifted(_shifted(values, before), before)
    for _ in range(_LANE_BYTES):
        values = _BYTE[values & 0xFF] ^ (values >> 8)
    return values


def _shifted(sums: Words, table: Words) -> Words:
    parts = [table[place][(sums >> np.uint32(8 * place)) & 0xFF] for place in range(4)]
    joined: Words = parts[0] ^ parts[1] ^ parts[2] ^ parts[3]
    return joined


def crc32c(data: bytes) -> int:
    """The checksum as it is stored: 0xE3069283 of b"123456789"."""
    if len(data) < _FEW_BYTES:
        return _byte_wise(data)
    lanes = 1 << max(0, (-(-len(data) // _LANE_BYTES) - 1).bit_length())
    padded = np.zeros(lanes * _LANE_BYTES, dtype=np.uint8)
    padded[-len(data) :] = np.frombuffer(data, dtype=np.uint8)  # zeros in front change nothing
    begin = len(padded) - len(data)
    padded[begin : begin + 4] ^= 0xFF  # the inversion of the start
    sums = _sums(padded.view("<u2").reshape(lanes, -1))
    for doublings in range(lanes.bit_length() - 1):
        sums = _shifted(sums[::2], _shift(doublings)) ^ sums[1::2]
    return int(sums[0]) ^ 0xFFFFFFFF


def _sums(pairs: NDArray[np.uint16]) -> Words:
    """The sum of each row of byte pairs."""
    table, sums = _pair_table(), np.zeros(len(pairs), dtype=np.uint32)
    for column in np.ascontiguousarray(pairs.T):
        sums = table[(sums ^ column) & 0xFFFF] ^ (sums >> np.uint32(16))
    return sums


def _byte_wise(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = _LIST[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    """As TFRecord stores it: turned, so that a sum over data with sums in it stays useful."""
    value = crc32c(data)
    return (((value >> 15) | (value << 17)) + _MASK_DELTA) & 0xFFFFFFFF

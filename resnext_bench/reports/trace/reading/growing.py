"""A column that grows at its end without being copied as a whole."""

from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

_FIRST: Final = 1 << 12
"""Rows that there is room for at first."""


class Growing:
    """Numbers of one type; room grows by an eighth when it ends.

    Large arrays are moved by the kernel's page tables (mremap) and not copied: unlike a list of
    pieces, joined at the end, there never are two of them. (numpy fills new room with zeros, so
    that to double it would take twice the memory.)
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self._room: NDArray[Any] = np.empty(_FIRST, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self._room.dtype

    def add(self, values: NDArray[Any]) -> None:
        """Put these behind what there is."""
        end = self._size + len(values)
        if end > len(self._room):
            self._room.resize(max(end, len(self._room) * 9 // 8), refcheck=False)
        self._room[self._size : end] = values
        self._size = end

    @property
    def values(self) -> NDArray[Any]:
        """Return those that there are so far, to be read and set; not to be kept while it grows."""
        return self._room[: self._size]

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Drop all others."""
        self._room = self._room[: self._size][which]
        self._size = len(self._room)

    def taken(self) -> NDArray[Any]:
        """All of them; nothing is to be added any more."""
        self._room.resize(self._size, refcheck=False)
        return self._room

"""Whether loader processes can hand over their batches in the folder for temporary files."""

import os
import tempfile
from typing import Final

from resnext_bench.errors import CannotHere

SOCKET_PATH: Final = 107
"""Bytes of the path of a socket at most, on Linux (unix(7))."""
_NAME: Final = "/pymp-12345678/listener-12345678"
"""Of multiprocessing's, in that folder."""


def require_room_for_sockets() -> None:
    """Refuse a folder whose path is too long: the first batch would be waited for for ever."""
    folder = tempfile.gettempdir()
    long, most = len(os.fsencode(folder)), SOCKET_PATH - len(_NAME)
    if long > most:
        raise CannotHere(
            f"TMPDIR is {long} bytes long ({folder}): loader processes need sockets in it, which "
            f"allow {most}; set a shorter one, as TMPDIR=/tmp"
        )

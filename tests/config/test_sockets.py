"""The longest folder in which loader processes can be reached, as the kernel has it."""

import socket
import tempfile
from pathlib import Path

import pytest

from resnext_bench.config.sockets import require_room_for_sockets
from resnext_bench.errors import CannotHere


@pytest.mark.parametrize(("long", "allowed"), [(75, True), (76, False)])
def test_a_folder_too_long(monkeypatch: pytest.MonkeyPatch, long: int, allowed: bool) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as root, socket.socket(socket.AF_UNIX) as made:
        folder = Path(root) / ("x" * (long - len(root) - 1))
        (folder / "pymp-12345678").mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        path = f"{folder}/pymp-12345678/listener-12345678"
        if allowed:
            made.bind(path)
            require_room_for_sockets()
            return
        with pytest.raises(OSError, match="too long"):
            made.bind(path)
        with pytest.raises(CannotHere, match=r"TMPDIR is 76 bytes long .* allow 75; set a shorter"):
            require_room_for_sockets()

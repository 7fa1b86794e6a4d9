"""The port where the nodes meet."""

import socket

from bench.errors import CannotHere
from bench.launch.commands import LOOPBACK


def choose_port(wanted: int) -> int:
    """`wanted` if it is free, or any free port for 0."""
    with socket.socket() as probe:
        # A port of a run that ended a moment ago may be taken again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise CannotHere(
                f"--port {wanted}: {error.strerror} ({LOOPBACK}:{wanted}); give another, or "
                "leave it out to take any free port"
            ) from error
        port: int = probe.getsockname()[1]
        return port

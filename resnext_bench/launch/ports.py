"""The address and port where the nodes meet."""

import socket
from typing import Final

from resnext_bench.errors import CannotHere
from resnext_bench.launch.launchers import LOOPBACK

CONNECT_S: Final = 5.0


def choose_port(wanted: int) -> int:
    """Return `wanted` if it is free, or any free port for 0."""
    with socket.socket() as probe:
        # A port of a run that ended a moment ago may be taken again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise CannotHere(
                f"--port {wanted}: {error.strerror} ({LOOPBACK}:{wanted}); give another port, or "
                "leave it out to use any free one"
            ) from error
        port: int = probe.getsockname()[1]
        return port


def require_loopback(launcher: str) -> None:
    """Refuse a host that cannot reach itself, as in a container without a network."""
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            socket.create_connection(server.getsockname(), timeout=CONNECT_S).close()
    except OSError as error:
        raise CannotHere(
            f"--launcher {launcher}: ranks meet at {LOOPBACK}, which does not answer "
            f"({error.strerror or error}); bring the interface up (ip link set lo up), or train "
            "with one rank (--nodes 1 --nproc-per-node 1 --engine none)"
        ) from error

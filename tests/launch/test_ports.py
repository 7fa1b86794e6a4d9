"""Where the nodes meet: a port that is free, or an error that names the one that is not."""

import socket

import pytest

from resnext_bench.errors import CannotHere
from resnext_bench.launch import ports
from resnext_bench.launch.ports import choose_port, require_loopback


def bound() -> socket.socket:
    """Somebody else's port, taken as the rendezvous takes its own."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def test_any_free_port() -> None:
    port = choose_port(0)
    assert 1024 <= port <= 65535
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


def test_the_port_asked_for() -> None:
    free = choose_port(0)
    assert choose_port(free) == free


def test_a_port_in_use_is_named() -> None:
    with bound() as server:
        port = server.getsockname()[1]
        with pytest.raises(CannotHere) as error:
            choose_port(port)
    text = f"--port {port}: Address already in use (127.0.0.1:{port}); give another"
    assert str(error.value).startswith(text)


def test_a_port_just_left_is_free_again() -> None:
    """The next session may use it while the kernel still remembers the last connection."""
    server = bound()
    port = server.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = server.accept()
    accepted.close()  # this end closes first, so it lingers in TIME_WAIT
    server.close()
    client.close()
    assert choose_port(port) == port


def test_a_host_that_cannot_reach_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a namespace of its own, whose loopback is down."""

    def unreachable(*given: object, **how: object) -> None:
        raise OSError(101, "Network is unreachable")

    require_loopback("torchrun")
    monkeypatch.setattr(ports.socket, "create_connection", unreachable)
    with pytest.raises(CannotHere, match=r"127.0.0.1, which does not answer \(Network is unr"):
        require_loopback("torchrun")

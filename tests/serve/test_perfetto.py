"""The server of traces: what it hands out, and to whom."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from resnext_bench.errors import UsageError
from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.serve.perfetto import ORIGIN, Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    names = ("rank0.json.gz", "a<script>.json")
    for name, data in zip(names, (b"\x1f\x8b first", b"second " * 100_000), strict=True):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "secret.json").write_text("secret")
    traces = [TraceFile(path=tmp_path / name, rank=at or None) for at, name in enumerate(names)]
    with Server(traces, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server: Server, path: str, host: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_page_lists_the_traces(server: Server) -> None:
    status, page = get(server, "/")
    assert status == 200
    assert ORIGIN.encode() in page
    assert b"rank0.json.gz" in page
    assert b"/*PAGE*/" not in page


def test_traces_are_handed_out_whole(server: Server) -> None:
    assert get(server, "/trace/0") == (200, b"\x1f\x8b first")
    assert get(server, "/trace/1") == (200, b"second " * 100_000)


@pytest.mark.parametrize(
    "path", ["/trace/2", "/trace/-1", "/trace/", "/trace/../secret.json", "/secret.json", "//0"]
)
def test_nothing_else_is_handed_out(server: Server, path: str) -> None:
    status, said = get(server, path)
    assert status == 404
    assert b"secret" not in said


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "evil.example:80"])
def test_other_names_of_this_machine_are_refused(server: Server, host: str) -> None:
    assert get(server, "/trace/0", host)[0] == 403
    assert get(server, "/trace/0", f"localhost:{server.server_port}")[0] == 200


def test_a_trace_that_went_away(server: Server) -> None:
    server.traces[0].path.unlink()
    assert get(server, "/trace/0")[0] == 410


def test_it_listens_to_this_machine_alone(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken(server: Server) -> None:
    with pytest.raises(UsageError, match=f"--port {server.server_port}: .*in use"):
        Server(server.traces, server.server_port)

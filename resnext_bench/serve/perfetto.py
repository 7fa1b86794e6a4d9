"""Hands traces to Perfetto's page in the user's browser, from a server that only this machine sees.

Perfetto takes a trace in a message between windows, after it has answered PING with PONG ("Deep
linking to the Perfetto UI" in its documentation). Nothing is uploaded: the browser reads the trace
from here and passes it to the other window.
"""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Final

import msgspec

from resnext_bench.errors import UsageError
from resnext_bench.reports.store import archives
from resnext_bench.reports.store.trace_files import TraceFile

ORIGIN: Final = "https://ui.perfetto.dev"
HOST: Final = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """Serves one page, and the traces that it lists by number."""

    daemon_threads = True

    def __init__(self, traces: Sequence[TraceFile], port: int, origin: str = ORIGIN) -> None:
        """Make a server; `port` 0 is any that is free, `origin` is where Perfetto's page is."""
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise UsageError(f"--port {port}: {error}; give 0 to use any free port") from None
        self.traces = traces
        told = {"origin": origin, "traces": [_listed(trace) for trace in traces]}
        # "</" would end the script that the page holds it in.
        data = msgspec.json.encode(told).replace(b"</", b"<\\/")
        template = files("resnext_bench.serve").joinpath("perfetto.html").read_bytes()
        self.page = template.replace(b"/*PAGE*/null", data)

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/"


def _listed(trace: TraceFile) -> dict[str, object]:
    return {"name": trace.path.name, "rank": trace.rank, "size": archives.size_of(trace.path)}


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        """Send the page, or the n-th trace, or 404 for anything else."""
        if self.headers.get("Host") not in self._hosts():
            # Another site's name that leads here (DNS rebinding) must not read traces.
            self.send_error(HTTPStatus.FORBIDDEN, "use the address that was printed")
        elif self.path == "/":
            self._begin(len(self.server.page), "text/html; charset=utf-8")
            self.wfile.write(self.server.page)
        elif (trace := self._trace()) is not None:
            self._send(trace)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _hosts(self) -> tuple[str, str]:
        port = self.server.server_port
        return f"{HOST}:{port}", f"localhost:{port}"

    def _trace(self) -> TraceFile | None:
        number = self.path.removeprefix("/trace/")
        known = {str(at): trace for at, trace in enumerate(self.server.traces)}
        return known.get(number) if self.path.startswith("/trace/") else None

    def _send(self, trace: TraceFile) -> None:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(archives.opened(trace.path))
                size = archives.size_of(trace.path)
            except OSError as error:
                told = f"cannot read the trace: {error.strerror or error}"
                self.send_error(HTTPStatus.GONE, told)
                return
            self._begin(size, "application/octet-stream")
            shutil.copyfileobj(file, self.wfile, 1 << 20)

    def _begin(self, size: int, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()

    def handle(self) -> None:
        """Ignore a reader that goes away, which is no error."""
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *values: object) -> None:
        """Log nothing: the terminal is the user's."""

"""`trace open`: traces in Perfetto or TensorBoard, served until Ctrl-C."""

import os
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from resnext_bench.cli.terminal.output import print_json
from resnext_bench.reports.store.files import temporary_folder, writing
from resnext_bench.reports.store.trace_files import TraceFile, trace_files
from resnext_bench.serve import tensorboard
from resnext_bench.serve.perfetto import Server


def open_command(
    wanted: str, viewer: str, port: int, output: Path | None, *, browse: bool, as_json: bool
) -> int:
    """Serve the traces until the user ends it."""
    traces = trace_files(wanted, output)
    with suppress(KeyboardInterrupt):
        if viewer == "tensorboard":
            _tensorboard(traces, port)
        else:
            _perfetto(traces, port, browse=browse, as_json=as_json)
    return 0


def _perfetto(traces: Sequence[TraceFile], port: int, *, browse: bool, as_json: bool) -> None:
    with Server(traces, port) as server:
        if as_json:
            told = {"url": server.url, "traces": [str(trace.path) for trace in traces]}
            print_json(msgspec.json.encode(told))
        else:
            many = f"{len(traces)} traces" if len(traces) > 1 else traces[0].path.name
            print(f"{many} at {server.url} (from this machine only; Ctrl-C ends it)", flush=True)
        if browse and _has_display():
            webbrowser.open(server.url)
        server.serve_forever()


def _has_display() -> bool:
    """Return whether there is a display: a browser in a terminal would take the terminal over."""
    return sys.platform == "darwin" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def _tensorboard(traces: Sequence[TraceFile], port: int) -> None:
    tensorboard.require()
    with temporary_folder() as folder:
        with writing(folder):
            tensorboard.link(traces, folder)
        tensorboard.serve(folder, port)

"""`trace open` as its users run it: in a browser, with a page in Perfetto's place."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from resnext_bench.reports.store.trace_files import TraceFile
from resnext_bench.serve.perfetto import Server
from tests.reports.trace.made import Made

pytestmark = pytest.mark.system

PERFETTO = b"""<!doctype html><title>In Perfetto's place</title><script>
addEventListener("message", event => {
  if (event.data === "PING") { event.source.postMessage("PONG", event.origin); return; }
  const {buffer, title, fileName} = event.data.perfetto;
  const bytes = Array.from(new Uint8Array(buffer));
  document.body.textContent = JSON.stringify({bytes, title, fileName});
});
</script><body></body>"""


class InPerfettosPlace(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PERFETTO)

    def log_message(self, format: str, *values: object) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), InPerfettosPlace) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def trace(folder: Path) -> Path:
    return Made().step(0, 0, 100).kernel("ampere_sgemm_128x64_nn", 10, 5).write(folder, "r.json.gz")


@pytest.mark.slow
def test_the_page_hands_the_trace_over(tmp_path: Path, origin: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    path = trace(tmp_path)
    with Server([TraceFile(path=path, rank=0)], 0, origin) as server, sync_playwright() as driver:
        threading.Thread(target=server.serve_forever).start()
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(server.url)
        with page.expect_popup() as popup:
            page.get_by_role("button", name="Open rank 0").click()
        popup.value.wait_for_function("document.body.textContent.length > 0")
        told = json.loads(popup.value.inner_text("body"))
        page.get_by_text("is open in the other window").wait_for()
        if shown := os.environ.get("RESNEXT_BENCH_SCREENSHOTS"):
            page.screenshot(path=f"{shown}/trace-open.png")
        browser.close()
        server.shutdown()
    assert bytes(told["bytes"]) == path.read_bytes()
    assert told["title"] == told["fileName"] == "r.json.gz"


def test_it_serves_until_ctrl_c(tmp_path: Path) -> None:
    command = (
        sys.executable,
        "-m",
        "resnext_bench.cli.main",
        "trace",
        "open",
        str(trace(tmp_path)),
    )
    with subprocess.Popen(
        (*command, "--json", "--no-browser"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        with urllib.request.urlopen(f"{told['url']}trace/0") as answer:
            assert answer.read() == (tmp_path / "r.json.gz").read_bytes()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0

"""Traces of several ranks, opened as their users open them."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.program import SMALL, environment, run, started, wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow]
PLUGIN = "data/plugin/pytorch_profiler"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def tensorboard(logs: Path) -> Iterator[str]:
    """Address of a TensorBoard that shows `logs`."""
    port = free_port()
    program = Path(sys.executable).with_name("tensorboard")
    words = (program, "--logdir", logs, "--port", str(port), "--host", "127.0.0.1")
    process = subprocess.Popen(
        words, env=environment({}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def asked(address: str, what: str, **query: str) -> Any:
    """An answer of the plugin; None while it cannot give one."""
    url = f"{address}/{PLUGIN}/{what}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except OSError:
        time.sleep(0.5)
        return None


def test_two_nodes_in_tensorboard(tmp_path: Path) -> None:
    words = ("run", *SMALL, "--pipeline", "synthetic", "--nodes", "2", "--steps", "4")
    done = run(*words, "--profile", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert [one["rank"] for one in record["profiled"]] == [0, 1]
    assert all(Path(one["trace"]).stat().st_size == one["size"] for one in record["profiled"])
    with tensorboard(tmp_path / "runs") as address:
        loaded: list[str] = []

        def is_loaded() -> bool:
            loaded[:] = (asked(address, "runs") or {}).get("runs", [])
            return bool(loaded) and len(workers(address, loaded[0])) == 2

        wait_until(is_loaded, 90)
        assert loaded == [f"{record['id']}/profile"]
        views = asked(address, "views", run=loaded[0])
        assert {"Overview", "Operator", "Trace", "Distributed"} <= set(views)
        first = workers(address, loaded[0])[0]
        overview = asked(address, "overview", run=loaded[0], worker=first, span="1")
        assert [row[0] for row in overview["steps"]["rows"]] == ["3", "4", "5"]
    reported = json.loads(run("trace", "report", record["id"], "--json", cwd=tmp_path).stdout)
    assert [one["rank"] for one in reported["ranks"]] == [0, 1]
    for one in reported["ranks"]:
        assert one["steps"]["number"] == [3, 4, 5]
        # Waiting for the other rank is work of no layer, and lasts as long as a neighbour likes.
        assert one["trust"]["linked_layer"] > 0.05
        assert {"conv forward", "conv backward", "communication", "optimizer"} <= {
            row["class"] for row in one["classes"]
        }


def test_a_profiled_run_ends_in_its_report(tmp_path: Path) -> None:
    done = run("run", *SMALL, "--pipeline", "synthetic", "--profile", cwd=tmp_path)
    assert done.returncode in (0, 3), done.stderr
    run_id = done.stdout.rpartition("resnext-bench trace report ")[2].strip()
    assert (tmp_path / "runs" / run_id / "record.json").is_file()
    for told in ("where a step goes on CPU", "by class", "convolutions by shape", "Full report: "):
        assert told in done.stdout
    port = free_port()
    words = ("trace", "open", run_id, "--with", "tensorboard", "--port", str(port))
    with started(*words, cwd=tmp_path) as program:
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: bool((asked(address, "runs") or {}).get("runs")), 60)
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=20)
        assert program.returncode == 0


def workers(address: str, run_: str) -> list[str]:
    return asked(address, "workers", run=run_, view="Overview") or []

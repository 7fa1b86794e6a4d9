"""Runs TensorBoard on a folder of traces, as a process that ends with this one."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from resnext_bench.errors import CannotHere, RunFailed, UsageError
from resnext_bench.reports.store import archives
from resnext_bench.reports.store.trace_files import TraceFile

HOST = "127.0.0.1"


def require() -> None:
    """Raise an error that says what to install, if TensorBoard or its plugin is missing."""
    for module in ("tensorboard", "torch_tb_profiler"):
        if importlib.util.find_spec(module) is None:
            raise CannotHere(
                f"--with tensorboard: {module} is not installed; install the extra tensorboard: "
                "pip install 'resnext-bench[tensorboard]'"
            )


def link(traces: Sequence[TraceFile], folder: Path) -> None:
    """Put the traces where the plugin finds them, under names that it reads."""
    for number, trace in enumerate(traces):
        if archive := archives.archive_of(trace.path):
            raise UsageError(
                f"--with tensorboard: it reads no archives; unpack {archive} first, and name the "
                "folder"
            )
        rank = number if trace.rank is None else trace.rank
        end = ".pt.trace.json.gz" if trace.path.suffix == ".gz" else ".pt.trace.json"
        # worker.time.pt.trace.json is how the plugin tells workers apart.
        (folder / f"rank{rank}-{number}.1{end}").symlink_to(trace.path.absolute())


def serve(folder: Path, port: int) -> None:
    """Run TensorBoard until it ends or the user ends it; `port` 0 takes any that is free."""
    command = (
        *(sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)),
        *("--host", HOST, "--port", str(port)),
    )
    process = subprocess.Popen(command)
    try:
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code:
        raise RunFailed(f"tensorboard ended with exit code {code}; see its output above")

"""A process that holds torch: it is told its job once, and answers line by line."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from resnext_bench.convs.times.timers import without_onednn
from resnext_bench.errors import CannotHere, RunFailed
from resnext_bench.launch.commands import kept_memory
from resnext_bench.logs import last_line

T = TypeVar("T")


def answers(
    module: str, job: msgspec.Struct, threads: int, kind: type[T], *, on_gpu: bool = False
) -> Iterator[T]:
    """Yield the answers of a process to its job, each as it comes; raise RunFailed where it fails.

    It computes with this many threads, and keeps freed memory, as ranks on a CPU do. It sees a GPU
    only `on_gpu`.
    """
    variables = {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": str(threads), **kept_memory()}
    if not on_gpu:
        variables["CUDA_VISIBLE_DEVICES"] = ""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            (sys.executable, "-P", "-m", module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=without_onednn(os.environ) | variables,
        ) as process,
    ):
        assert process.stdout
        try:
            _give(process, msgspec.json.encode(job))
            for line in process.stdout:
                yield msgspec.json.decode(line, type=kind)
            if process.wait():
                log.seek(0)
                _fail(module, log.read().decode(errors="replace").splitlines())
        finally:
            process.kill()


def _give(process: "subprocess.Popen[bytes]", job: bytes) -> None:
    assert process.stdin
    try:
        process.stdin.write(job)
        process.stdin.close()
    except BrokenPipeError:  # it has ended; why is told when its output has been read
        pass


def _fail(module: str, said: Sequence[str]) -> None:
    words = last_line(said) or "it said nothing"
    if "No module named 'torch'" in words:
        raise CannotHere(
            "PyTorch is not installed, and timing needs it: pip install 'resnext-bench[train]'"
        )
    raise RunFailed(f"a process that times ({module}) ended early: {words}")

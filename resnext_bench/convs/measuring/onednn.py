"""oneDNN as PyTorch uses it on a CPU: on or off, and what its log says of a call."""

import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from resnext_bench.convs.times.onednn_log import Header, header_of


def has_onednn() -> bool:
    """Return whether this torch has oneDNN."""
    return bool(torch.backends.mkldnn.is_available())


@contextmanager
def onednn(*, allowed: bool) -> Iterator[None]:
    """Let PyTorch use oneDNN or not, for the duration of the body."""
    backend: Any = torch.backends.mkldnn  # its stubs say that this is no plain value
    before = backend.enabled
    backend.enabled = allowed
    try:
        yield
    finally:
        backend.enabled = before


def logged(call: Callable[[], object]) -> list[str]:
    """Return the lines that oneDNN writes during a call; none where it keeps no log.

    They go to the descriptor of standard output, whatever Python has made of it.
    """
    if not has_onednn():
        return []
    with _captured() as lines, torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
        call()
    return lines


@contextmanager
def _captured() -> Iterator[list[str]]:
    """Collect what is written to the descriptor of standard output; it is there afterwards."""
    lines: list[str] = []
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 1)
            try:
                yield lines
            finally:
                ctypes.CDLL(None).fflush(None)  # the library writes by C's buffers
                os.dup2(kept, 1)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()
    finally:
        os.close(kept)


def header() -> Header:
    """Return which oneDNN this is, and which instructions it uses; once a process.

    Its first line comes with the first primitive that is logged.
    """
    images, weight = torch.randn(2, 16, 32, 32), torch.randn(16, 16, 3, 3)
    lines = logged(lambda: torch.nn.functional.conv2d(images, weight))
    found = header_of("\n".join(lines))
    built = re.search(r"MKL-DNN v(\S+)", torch.__config__.show())
    return Header(version=found.version or (built[1] if built else ""), isa=found.isa)

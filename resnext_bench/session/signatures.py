"""Signatures of the operators of the torch that is installed, asked once for each release of it."""

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

from resnext_bench.config.answers import is_installed
from resnext_bench.errors import CannotHere
from resnext_bench.logs import last_line
from resnext_bench.pipelines.cache import cache_dir
from resnext_bench.reports.store.files import write_atomically
from resnext_bench.reports.trace.repro.signatures import Signatures

_ASKED: Final = Path(__file__).parents[1] / "worker" / "signatures.py"
PATIENCE_S: Final = 120.0
"""Time that importing torch may take, s."""


def signatures() -> Signatures:
    """Return them from the cache, else from a process that imports torch; CannotHere without it."""
    if not is_installed("torch"):
        raise CannotHere(
            "trace repro asks torch for the arguments of its operators, and torch is not "
            "installed: install the extra train"
        )
    asked = hashlib.sha256(_ASKED.read_bytes()).hexdigest()[:8]  # what tells them may change too
    file = cache_dir() / f"signatures-torch-{version('torch')}-{asked}.txt"
    with suppress(OSError, UnicodeError):
        if text := file.read_text():
            return Signatures.of(text)
    text = _asked()
    _keep(file, text)
    return Signatures.of(text)


def _asked() -> str:
    try:
        done = subprocess.run(
            (sys.executable, "-m", "resnext_bench.worker.signatures"),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env=os.environ | {"PYTHONSAFEPATH": "1", "CUDA_VISIBLE_DEVICES": ""},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotHere(f"torch was not imported within {PATIENCE_S:.0f} s") from error
    if done.returncode:
        words = last_line(done.stderr.splitlines()) or "it said nothing"
        raise CannotHere(f"torch cannot be imported: {words}")
    return done.stdout


def _keep(file: Path, text: str) -> None:
    """Store them for the next time, where that is possible."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, text.encode())

"""What a failing rank advises, and writes down."""

import os
from pathlib import Path

import msgspec
import pytest

from bench.job import RankError, SessionFolder
from bench.worker import entry


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Critical error in pipeline:\nError in CPU operator", "decodes each file"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is", "--shm-size"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is", "a shard was cut"),
        ("DataLoader worker (pid 7) is killed by signal: Killed.", "lacked memory"),
        ("DataLoader worker (pid(s) 7) exited unexpectedly", ""),
        (
            "Expected to have finished reduction in the prior iteration before starting a new one.",
            "--static-graph",
        ),
        ("Wrong image height! Expected 224 but got 64!", "--image-size"),
        ("Input height (64) doesn't match model (224).", "--image-size"),
        ("Input shape indivisible by patch size!", "--image-size"),
        ("Kernel size can't be greater than actual input size (the error", "--image-size"),
        ("The NVIDIA driver on your system\nis too old", "update the NVIDIA driver"),
        ("something else", ""),
    ],
)
def test_hints(message: str, words: str) -> None:
    found = entry._hint(RuntimeError(message))
    assert words in found
    assert bool(found) is bool(words)


def test_an_error_that_names_a_file_in_no_utf8_is_written_down(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path)
    folder.ranks.mkdir()
    entry._report(folder, 0, ValueError(os.fsdecode(b"\xff1.jpg does not decode")), None)
    found = msgspec.json.decode(folder.error_file(0).read_bytes(), type=RankError)
    assert (found.kind, found.message) == ("ValueError", "?1.jpg does not decode")

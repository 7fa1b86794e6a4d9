"""What a failing rank advises."""

import pytest

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

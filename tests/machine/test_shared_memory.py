"""Batches on their way against what /dev/shm has."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.errors import CannotHere
from bench.machine import shared_memory
from bench.machine.shared_memory import require_shared_memory
from tests.reports.made_results import made_config

MIB = 2**20
DOCKER: dict[str, Any] = {
    "pipeline": "torchvision",
    "image_size": 224,
    "batch_size": 96,
    "loader_threads": 2,
    "prefetch": 3,
}
"""101 MB: (3 x 2 + 1) batches of 14.5 MB."""


def has(monkeypatch: pytest.MonkeyPatch, mib: float, *, flags: int = 0) -> None:
    blocks = round(mib * MIB / 4096)
    found = SimpleNamespace(f_bavail=blocks, f_blocks=blocks, f_frsize=4096, f_flag=flags)
    monkeypatch.setattr(shared_memory.os, "statvfs", lambda path: found)


@pytest.mark.parametrize(
    ("mib", "ranks", "fits"), [(64, 1, False), (97, 1, True), (97, 2, False), (200, 2, True)]
)
def test_batches_in_flight(
    monkeypatch: pytest.MonkeyPatch, mib: float, ranks: int, fits: bool
) -> None:
    has(monkeypatch, mib)
    config = made_config(**DOCKER)
    if fits:
        require_shared_memory(config, ranks, Path("/"))
        return
    with pytest.raises(CannotHere, match=rf"/ has {mib} MiB free, and up to 7 batches.*--shm-size"):
        require_shared_memory(config, ranks, Path("/"))


@pytest.mark.parametrize("changes", [{"pipeline": "synthetic"}, {"pipeline": "dali"}])
def test_who_needs_none(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    has(monkeypatch, 0.1)
    require_shared_memory(made_config(**DOCKER | changes), 8, Path("/"))


def test_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotHere, match="No such file or directory; loader processes"):
        require_shared_memory(made_config(**DOCKER), 1, tmp_path / "shm")
    has(monkeypatch, 1e6, flags=os.ST_RDONLY)
    with pytest.raises(CannotHere, match="cannot be written to"):
        require_shared_memory(made_config(**DOCKER), 1, tmp_path)

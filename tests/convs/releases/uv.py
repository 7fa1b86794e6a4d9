"""A scripted uv first on the path, and a cache of the test's own."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("scripted_uv.py")


@dataclass(frozen=True, kw_only=True, slots=True)
class Uv:
    """What it was asked, and how to make it fail."""

    patch: pytest.MonkeyPatch
    log: Path
    cache: Path

    @property
    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @property
    def installed(self) -> list[str]:
        """Return the packages that were installed, in order."""
        return [
            word
            for words in self.asked
            if words[:2] == ["pip", "install"]
            for word in words
            if word.startswith("nvidia-")
        ]

    def fails(self, how: str) -> None:
        self.patch.setenv("SCRIPTED_UV", how)


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Uv:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "uv"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {SCRIPT} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    found = Uv(patch=monkeypatch, log=tmp_path / "uv.log", cache=tmp_path / "cache")
    found.log.touch()
    monkeypatch.setenv("SCRIPTED_UV_LOG", str(found.log))
    monkeypatch.setenv("RESNEXT_BENCH_CACHE", str(found.cache))
    return found

"""The command line on a scripted machine, in this process."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.cli.doctor import command as doctor
from resnext_bench.machine.doctor.findings import Activity
from resnext_bench.machine.host import sources
from tests.cli.typed import Typed
from tests.machine.gpu.scripted import ScriptedMachine, scripted

NOTHING_ELSE = Activity(seconds=1.0)
"""A look at a machine takes a second, and here it is another machine's."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """A build of torch, as its files tell it."""

    version: str
    cuda: str | None = None
    hip: str | None = None
    architectures: str = ""

    def write(self, folder: Path) -> None:
        """Write what is read of it."""
        (folder / "lib").mkdir(parents=True)
        rows = (
            f"__version__ = {self.version!r}",
            f"cuda: str | None = {self.cuda!r}",
            f"hip: str | None = {self.hip!r}",
        )
        (folder / "version.py").write_text("\n".join(rows) + "\n")
        listed = f"\0{self.architectures}\0".encode()
        (folder / "lib" / "libtorch_python.so").write_bytes(listed)


DEFAULT = Build(
    version="2.15.0+cu132", cuda="13.2", architectures="sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"
)
"""What `pip install torch` gives."""
OLDER = Build(
    version="2.14.0+cu126", cuda="12.6", architectures="sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90"
)
"""The build for older boards and drivers."""
ROCM = Build(version="2.15.0+rocm7.1", hip="7.1.25424")


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Its output, where it is JSON."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def places(self) -> list[dict[str, Any]]:
        """Where a plan puts its ranks."""
        found: list[dict[str, Any]] = self.json["topology"]["places"]
        return found

    def findings(self, check: str) -> list[dict[str, Any]]:
        """All that the doctor found in a check."""
        return [one for one in self.json["findings"] if one["check"] == check]


@dataclass(frozen=True, kw_only=True)
class On:
    """A machine to give commands to."""

    typed: Typed

    def doctor(self, *options: object) -> Said:
        """Look at it."""
        return self._said("doctor", *options)

    def plan(self, *options: object) -> Said:
        """Show what a run of noise, in bf16 where there is bf16, would start."""
        return self.run("--dry-run", *options)

    def run(self, *options: object) -> Said:
        """Run it: of what is refused, nothing is started."""
        return self._said("run", "--pipeline", "synthetic", "--amp", *options)

    def _said(self, *words: object) -> Said:
        code, out, err = self.typed(*words)
        return Said(code=code, out=out, err=err)


def on(
    machine: ScriptedMachine,
    monkeypatch: pytest.MonkeyPatch,
    streams: pytest.CaptureFixture[str],
    root: Path,
    build: Build = DEFAULT,
) -> On:
    """Put a machine, on which a build of torch is installed, in the place of this one."""
    scripted(machine, monkeypatch, root)
    build.write(root / "torch")
    monkeypatch.setattr(sources, "_torch", lambda: root / "torch")
    monkeypatch.setenv("COLUMNS", "160")
    examine = partial(doctor.examine, sampler=lambda _: NOTHING_ELSE)
    monkeypatch.setattr(doctor, "examine", examine)
    return On(typed=Typed(monkeypatch, streams))

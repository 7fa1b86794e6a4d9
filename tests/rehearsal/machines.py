"""The command line on a scripted machine, in this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.cli.doctor import command as doctor
from resnext_bench.machine.doctor.findings import Activity
from tests.cli.typed import Typed
from tests.machine.gpu.scripted import ScriptedMachine, scripted

NOTHING_ELSE = Activity(seconds=1.0)
"""A look at a machine takes a second, and here it is another machine's."""


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


@dataclass(frozen=True, kw_only=True)
class On:
    """A machine to give commands to."""

    typed: Callable[..., tuple[int, str, str]]

    def doctor(self, *options: object) -> Said:
        """Look at it."""
        return self._said("doctor", *options)

    def plan(self, *options: object) -> Said:
        """Show what a run of noise in bf16 or fp16 would start."""
        return self._said("run", "--pipeline", "synthetic", "--amp", "--dry-run", *options)

    def _said(self, *words: object) -> Said:
        code, out, err = self.typed(*words)
        return Said(code=code, out=out, err=err)


def on(
    machine: ScriptedMachine,
    monkeypatch: pytest.MonkeyPatch,
    streams: pytest.CaptureFixture[str],
    root: Path,
) -> On:
    """Put a machine in the place of this one."""
    scripted(machine, monkeypatch, root)
    monkeypatch.setenv("COLUMNS", "160")
    examine = partial(doctor.examine, sampler=lambda _: NOTHING_ELSE)
    monkeypatch.setattr(doctor, "examine", examine)
    return On(typed=Typed(monkeypatch, streams))

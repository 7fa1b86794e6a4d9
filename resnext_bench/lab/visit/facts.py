"""The hardware and versions of a measurement, without names of hosts or users."""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec

from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.lab.checkout import ROOT
from resnext_bench.lab.visit.results import Facts
from resnext_bench.lab.visit.sizes import Kind
from resnext_bench.machine.fingerprint import fingerprint
from resnext_bench.machine.inventory import inspect

_SAME: Final = ("python", "torch", "cuda", "cudnn", "triton")
"""Versions that must not differ. Hosts, patches of the driver and other packages may: where they
do, a visit has facts of its own."""
_ALSO: Final = ("resnext-bench", "pytest", "nvidia-cudnn-frontend", "nvidia-ml-py")
_ASKED: Final = """
import json, torch
from resnext_bench.worker.versions import versions
there = torch.cuda.is_available()
name = torch.cuda.get_device_name() if there else ""
print(json.dumps({"name": name, "versions": versions()}))
"""


def read_facts(kind: Kind) -> tuple[Facts, str]:
    """Return the facts of this machine, and the revision of the sources; "" where it is not known.

    Raises CannotHere where a GPU is requested and there is none.
    """
    told = _ask_torch()
    if kind == "cuda" and not told["name"]:
        raise CannotHere(
            "--device cuda: torch sees no CUDA GPU here, so there is nothing to measure; "
            "--device cpu --minutes 2 takes the kit through in miniature"
        )
    machine = inspect()
    found = fingerprint(machine, told["versions"], ROOT)
    also = {name: there for name in _ALSO if (there := _version(name))}
    facts = Facts(
        device=told["name"] if kind == "cuda" else machine.cpu_name,
        kind=kind,
        cpu=machine.cpu_name,
        cores=machine.usable_cores,
        memory_gib=found.memory_gib,
        kernel=found.kernel,
        versions={"python": platform.python_version()} | also | found.versions,
        boards=tuple(msgspec.structs.replace(board, uuids=()) for board in found.boards),
    )
    git = found.git or {}
    return facts, git.get("commit", "")[:12] + ("+" if git.get("dirty") == "true" else "")


def require_same(before: Facts, now: Facts) -> None:
    """Raise UsageError rather than mix results of two devices or of two versions."""
    for name, was, found in _compared(before, now):
        if was != found:
            raise UsageError(
                f"--resume: {name} was {was}, and is now {found}; leave --resume out, and name "
                "another file with --json"
            )


def _compared(before: Facts, now: Facts) -> Iterator[tuple[str, object, object]]:
    """Yield the names of what must be the same, with both values."""
    for name in ("device", "kind", "boards"):
        yield name, getattr(before, name), getattr(now, name)
    for name in _SAME:
        yield name, before.versions.get(name, "none"), now.versions.get(name, "none")


def _ask_torch() -> dict[str, Any]:
    """Ask torch in a process of its own: one that has asked CUDA anything stays on the GPU."""
    done = subprocess.run(
        (sys.executable, "-c", _ASKED), capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason was told"])[-1]
        raise CannotHere(f"torch cannot be used here: {last}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

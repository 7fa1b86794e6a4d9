"""The engines that PyTorch blocks: rules in its CUDA library, or in the user's file instead.

The rules are JSON text in torch's library, which is read as a file: torch is not imported.
"""

import contextlib
import json
import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from resnext_bench.config.errata import VARIABLE, Raw, Rule, raw_rules, read_rules, typed

_LIBRARY: Final = Path("lib/libtorch_cuda.so")
_BEGIN: Final = b'{ "version" : 1,'
_LONGEST: Final = 1 << 16
"""Most bytes that a set of rules takes."""
_OF_A_DEVICE: Final = re.compile(r"sm(\d+)_")
_ON_ONE: Final = {"188288": 86}
"""Rules whose name does not say on which compute capability they hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errata:
    """The rules that hold here."""

    torch: str
    """Version of torch; empty where it is not installed."""
    source: str
    """Where the rules stand: torch, the user's file, or nowhere."""
    raw: tuple[Raw, ...]
    """The rules as they are written."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules as they are asked about plans."""
        return typed(self.raw)

    def holding(self, cudnn: int) -> tuple[Rule, ...]:
        """Return the rules for a version of cuDNN."""
        return tuple(rule for rule in self.rules if rule.holds_for(cudnn))


def errata(capability: int, given: Path | None = None) -> Errata:
    """Return the rules for a device by its compute capability, such as 90.

    A user's file, `given` or named by the variable, holds on every device, as in PyTorch.
    """
    torch = _version()
    if given:
        found = read_rules(given)
        return Errata(torch=torch, source=str(found.path), raw=found.rules)
    if path := os.environ.get(VARIABLE):
        return Errata(
            torch=torch, source=path, raw=read_rules(Path(path), f"{VARIABLE}={path}").rules
        )
    kept = tuple(one for one in raw_of_torch() if _on(one) in (None, capability))
    return Errata(torch=torch, source="torch" if torch else "nowhere", raw=kept)


def rules_of_torch(library: Path | None = None) -> tuple[Rule, ...]:
    """Return all rules in torch's library, whatever the device; none where it has no CUDA."""
    return typed(raw_of_torch(library))


def raw_of_torch(library: Path | None = None) -> tuple[Raw, ...]:
    """Return the same rules as they are written."""
    path = library or _library()
    if path is None or not path.is_file():
        return ()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return tuple(raw_rules(_sets(data)))


def _sets(data: mmap.mmap) -> Iterator[Any]:
    at = data.find(_BEGIN)
    while at >= 0:
        text = data[at : at + _LONGEST].partition(b"\0")[0].decode(errors="replace")
        with contextlib.suppress(ValueError):  # something else that begins in the same way
            found = json.JSONDecoder().raw_decode(text)[0]
            if "rules" in found:
                yield found
        at = data.find(_BEGIN, at + 1)


def _on(rule: Raw) -> int | None:
    """Return the only compute capability on which a rule of torch holds; None: on all."""
    name = str(rule.get("rule_id", ""))
    named = _OF_A_DEVICE.match(name)
    return int(named[1]) if named else _ON_ONE.get(name)


def _library() -> Path | None:
    spec = find_spec("torch")
    return Path(spec.origin).parent / _LIBRARY if spec and spec.origin else None


def _version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""

"""The engines that PyTorch blocks: rules in its CUDA library, or in the user's file instead.

The rules are JSON text in torch's library, which is read as a file: torch is not imported.
"""

import contextlib
import json
import mmap
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from resnext_bench.errors import UsageError
from resnext_bench.resnext.convolutions import Operation

VARIABLE: Final = "CUDNN_ERRATA_JSON_FILE"
"""The variable by which a user's file replaces the rules of PyTorch."""
_LIBRARY: Final = Path("lib/libtorch_cuda.so")
_BEGIN: Final = b'{ "version" : 1,'
_LONGEST: Final = 1 << 16
"""Most bytes that a set of rules takes."""
_OF_A_DEVICE: Final = re.compile(r"sm(\d+)_")
_ON_ONE: Final = {"188288": 86}
"""Rules whose name does not say on which compute capability they hold."""

OPERATIONS: Final[dict[Operation, str]] = {
    "forward": "ConvFwd",
    "input gradient": "ConvBwdData",
    "weight gradient": "ConvBwdFilter",
}
"""The names of operations in rules."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that blocks an engine, or some of its plans."""

    rule_id: str = ""
    operation: str
    engine: int
    cudnn_version_start: int = 0
    cudnn_version_end: int = -1
    """The first version that is not blocked any more; -1: all are."""
    knob: tuple[str, ...] = ()
    """Parts that the tag of a plan must have as well."""
    input_shape: tuple[int, ...] = ()
    shape_format: str = ""

    def holds_for(self, cudnn: int) -> bool:
        """Return whether it holds for a version of cuDNN, given as 92600."""
        return self.cudnn_version_start <= cudnn and (
            self.cudnn_version_end < 0 or cudnn < self.cudnn_version_end
        )

    def blocks(self, operation: Operation, tag: str) -> bool:
        """Return whether it blocks a plan: by operation, engine, and knobs where it names some."""
        return (
            self.operation == OPERATIONS[operation]
            and f"{tag}_".startswith(f"eng{self.engine}_")
            and all(knob in tag for knob in self.knob)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Errata:
    """The rules that hold here."""

    torch: str
    """Version of torch; empty where it is not installed."""
    source: str
    """Where the rules stand: torch, the user's file, or nowhere."""
    rules: tuple[Rule, ...]

    def holding(self, cudnn: int) -> tuple[Rule, ...]:
        """Return the rules for a version of cuDNN."""
        return tuple(rule for rule in self.rules if rule.holds_for(cudnn))


def errata(capability: int) -> Errata:
    """Return the rules for a device by its compute capability, such as 90."""
    torch = _version()
    if path := os.environ.get(VARIABLE):
        return Errata(torch=torch, source=path, rules=_of_file(Path(path)))
    rules = tuple(rule for rule in rules_of_torch() if _on(rule) in (None, capability))
    return Errata(torch=torch, source="torch" if torch else "nowhere", rules=rules)


def rules_of_torch(library: Path | None = None) -> tuple[Rule, ...]:
    """Return all rules in torch's library, whatever the device; none where it has no CUDA."""
    path = library or _library()
    if path is None or not path.is_file():
        return ()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return tuple(_rules(_sets(data)))


def _sets(data: mmap.mmap) -> Iterator[Any]:
    at = data.find(_BEGIN)
    while at >= 0:
        text = data[at : at + _LONGEST].partition(b"\0")[0].decode(errors="replace")
        with contextlib.suppress(ValueError):  # something else that begins in the same way
            yield json.JSONDecoder().raw_decode(text)[0]
        at = data.find(_BEGIN, at + 1)


def _rules(sets: Iterable[Any]) -> Iterator[Rule]:
    for one in sets:
        yield from msgspec.convert(one.get("rules", ()), tuple[Rule, ...])


def _on(rule: Rule) -> int | None:
    """Return the only compute capability on which a rule of torch holds; None: on all."""
    named = _OF_A_DEVICE.match(rule.rule_id)
    return int(named[1]) if named else _ON_ONE.get(rule.rule_id)


def _of_file(path: Path) -> tuple[Rule, ...]:
    try:
        return tuple(_rules([json.loads(path.read_text())]))
    except (OSError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise UsageError(
            f"{VARIABLE}={path}: cannot be read as rules of cuDNN's frontend: {error}; unset it, "
            "or name a file with them"
        ) from error


def _library() -> Path | None:
    spec = find_spec("torch")
    return Path(spec.origin).parent / _LIBRARY if spec and spec.origin else None


def _version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""

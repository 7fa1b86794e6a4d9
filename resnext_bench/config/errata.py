"""A file of rules that block engines of cuDNN, as cuDNN's frontend reads it inside PyTorch.

A user's file replaces PyTorch's own rules. The ranks get it by a variable, which is read once in a
process, before its first convolution.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from resnext_bench.config.answers import Answers
from resnext_bench.config.options import flag
from resnext_bench.errors import UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.resnext.convolutions import Operation

VARIABLE: Final = "CUDNN_ERRATA_JSON_FILE"
"""The variable by which a user's file replaces the rules of PyTorch."""
NAME: Final = "cudnn_errata"
"""The option of training that names such a file."""
FLAG: Final = flag(NAME)
OPERATIONS: Final[dict[Operation, str]] = {
    "forward": "ConvFwd",
    "input gradient": "ConvBwdData",
    "weight gradient": "ConvBwdFilter",
}
"""The names of operations in rules."""
Raw = dict[str, Any]
"""A rule as it is written."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that blocks an engine, or some of its plans.

    Shapes are not among its fields: PyTorch asks for a plan by its tag alone.
    """

    rule_id: str = ""
    operation: str
    engine: int
    cudnn_version_start: int = 0
    cudnn_version_end: int = -1
    """The first version that is not blocked any more; -1: all are."""
    knob: tuple[str, ...] = ()
    """Parts that the tag of a plan must have as well."""

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
class RulesFile:
    """A user's file of rules, read once."""

    path: Path
    sha256: str
    rules: tuple[Raw, ...]


def read_rules(path: Path, given: str = "") -> RulesFile:
    """Read a file of rules, or raise UsageError; `given` is how it was named, if not as option."""
    try:
        data = path.expanduser().read_bytes()
        rules = tuple(raw_rules([json.loads(data)]))
        typed(rules)
    except (OSError, ValueError, TypeError, msgspec.ValidationError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{given or f'{FLAG} {path}'}: it cannot be read as rules of cuDNN's frontend "
            f"({why}); name a file that convs block has written"
        ) from error
    whole = path.expanduser().resolve()
    return RulesFile(path=whole, sha256=hashlib.sha256(data).hexdigest(), rules=rules)


def raw_rules(sets: Iterable[Any]) -> Iterator[Raw]:
    """Yield the rules in sets of rules as they are written; raise TypeError where there are none.

    The frontend does not read a set without the list `rules`, whatever else it says.
    """
    for one in sets:
        if not isinstance(one, dict) or not isinstance(one.get("rules"), list):
            raise TypeError('it has no list "rules"')
        yield from one["rules"]


def typed(rules: Iterable[Raw]) -> tuple[Rule, ...]:
    """Return rules as they are asked about plans; fields that only others know are left out."""
    return msgspec.convert(tuple(rules), tuple[Rule, ...])


def choose_errata(pick: Answers, _: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Read the file that was asked for; where there is none, PyTorch's own rules stay."""
    given = pick.request.get(NAME)
    if not given:
        return {NAME: None}
    found = read_rules(Path(str(given)))
    return {NAME: str(found.path), "cudnn_errata_sha256": found.sha256}


def require_unchanged(config: RunConfig) -> None:
    """Refuse to repeat a run whose file of rules is another one now."""
    if not config.cudnn_errata:
        return
    if read_rules(Path(config.cudnn_errata)).sha256 != config.cudnn_errata_sha256:
        raise UsageError(
            f"{FLAG} {config.cudnn_errata}: the file has changed since the run; put back the one "
            f"whose SHA-256 begins with {config.cudnn_errata_sha256[:12]}, or start a new run"
        )


def without_effect(config: RunConfig) -> tuple[str, ...]:
    """Return a note where a file of rules was asked for and nothing reads it."""
    if not config.cudnn_errata or config.device == "cuda":
        return ()
    return (f"{FLAG} has no effect without a GPU: convolutions on a CPU are not cuDNN's",)

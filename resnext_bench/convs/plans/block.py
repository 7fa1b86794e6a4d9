"""A file of rules that blocks engines, beside those that PyTorch blocks anyway.

One engine's worth in training is then measured by two sides: PyTorch as it is, and with the file.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from resnext_bench.config.errata import OPERATIONS, Raw
from resnext_bench.errors import UsageError
from resnext_bench.resnext.convolutions import Operation

_ENGINE: Final = re.compile(r"(?:eng)?(\d{1,6})((?:[:_]k\d{1,6}=\d{1,9})*)")
_KNOB: Final = re.compile(r"k\d+=\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocked:
    """An engine that is to be blocked, or its plans with some settings."""

    engine: int
    knobs: tuple[str, ...] = ()
    """Settings of the plans, as in "k2=5"; empty for all plans of the engine."""

    @property
    def words(self) -> str:
        """Its name, as plans have it: eng22, or eng22_k2=5."""
        return "_".join((f"eng{self.engine}", *self.knobs))


def parsed(text: str) -> Blocked:
    """Read ENGINE[:KNOB], such as 22, eng22, 22:k2=5 or the whole name of a plan."""
    found = _ENGINE.fullmatch(text)
    if found is None:
        raise UsageError(
            f"ENGINE {text}: give an engine as convs plan shows it, such as eng22, or its plans "
            "with a knob, such as eng22:k2=5"
        )
    return Blocked(engine=int(found[1]), knobs=tuple(_KNOB.findall(found[2])))


def rules_for(blocked: Sequence[Blocked], operations: Iterable[Operation]) -> Iterator[Raw]:
    """Yield a rule for each engine and operation, for every version of cuDNN."""
    for operation in operations:
        for one in blocked:
            name = OPERATIONS[operation]
            rule: Raw = {
                "rule_id": f"blocked_{name}_{one.words}",
                "operation": name,
                "engine": one.engine,
                "cudnn_version_start": 0,
                "cudnn_version_end": -1,
            }
            # A part of a plan's tag is looked for anywhere in it, and k12=5 has k2=5 in it.
            yield rule | ({"knob": [f"_{knob}" for knob in one.knobs]} if one.knobs else {})


def text_of(kept: Sequence[Raw], more: Iterable[Raw]) -> bytes:
    """Return a set of rules as the frontend reads it: those that are kept, then others."""
    found = {"version": 1, "rules": [*kept, *more]}
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"

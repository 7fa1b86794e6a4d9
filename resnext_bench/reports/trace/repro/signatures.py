"""Signatures of ATen's operators: which arguments an operator has, in which order.

They come as text, an overload a line, from the torch that is installed (`worker/signatures.py`).
What is named here stands in a script; so no name of a trace has to.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

NO_CPU, RANDOM = "no CPU", "random"
"""Marks behind a signature: it has no kernel for the CPU; its result differs from call to call."""
_LINE: Final = re.compile(r"(\w+)(?:\.(\w+))?\((.*)\) -> (.*?)(?:  # (.*))?")
_PARAMETER: Final = re.compile(r"(\S+) (\w+)(?:=(.+))?")
_SIZE: Final = re.compile(r"\[\d+\]")
_BETWEEN: Final = re.compile(r", (?![^\[]*\])")
"""A comma that is not within the brackets of a default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """An argument that an operator takes."""

    name: str
    type: str
    """As the signature has it, without the length of lists: Tensor, int[], ScalarType."""
    is_optional: bool
    """Whether it may be None."""
    is_written: bool
    """Whether the operator changes it."""
    default: str | None
    """In Python; None: it has none."""

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return self.type.endswith("[]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """One overload of an operator."""

    name: str
    """Without namespace, such as `add`."""
    overload: str
    """Such as `Tensor`; `default` where it has no name."""
    parameters: tuple[Parameter, ...]
    returns: str
    on_cpu: bool
    is_random: bool

    @property
    def path(self) -> str:
        """Where torch has it."""
        return f"torch.ops.aten.{self.name}.{self.overload}"

    @property
    def changes(self) -> bool:
        """Whether it writes into its arguments."""
        return any(one.is_written for one in self.parameters)


def parsed(line: str) -> Schema:
    """Return the signature in a line."""
    match = _LINE.fullmatch(line)
    assert match is not None, line
    name, overload, parameters, returns, marks = match.groups()
    told = [one for one in _BETWEEN.split(parameters) if one not in ("", "*")]
    return Schema(
        name=name,
        overload=overload or "default",
        parameters=tuple(map(_parameter, told)),
        returns=returns,
        on_cpu=NO_CPU not in (marks or ""),
        is_random=RANDOM in (marks or ""),
    )


def _parameter(told: str) -> Parameter:
    match = _PARAMETER.fullmatch(told)
    assert match is not None, told
    kind, name, default = match.groups()
    return Parameter(
        name=name,
        type=_SIZE.sub("[]", kind).removesuffix("?").replace("!", ""),
        is_optional=kind.endswith("?"),
        is_written="!" in kind,
        default=None if default is None else repr(ast.literal_eval(default)),
    )


_GONE: Final = {
    **{
        f"{library}_convolution_backward": [
            f"{library}_convolution_backward(Tensor self, Tensor grad_output, Tensor weight, "
            f"int[] padding, int[] stride, int[] dilation, int groups, {more}bool[3] output_mask)"
            " -> (Tensor, Tensor, Tensor)"
            for more in mores
        ]
        for library, mores in {
            "cudnn": (
                "bool benchmark, bool deterministic, bool allow_tf32, ",
                "bool benchmark, bool deterministic, ",
            ),
            "miopen": ("bool benchmark, bool deterministic, ",),
            "mkldnn": ("",),
        }.items()
    }
}
"""Operators that traces have and today's PyTorch has not: those of PyTorch 1.8 to 1.11."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signatures:
    """Signatures of one torch."""

    lines: Mapping[str, Sequence[str]]
    """All lines by the name of their operator, without namespace."""

    @classmethod
    def of(cls, text: str) -> "Signatures":
        """Return those of a text that has one in each line."""
        found: dict[str, list[str]] = {}
        for line in text.splitlines():
            found.setdefault(re.split(r"[.(]", line, maxsplit=1)[0], []).append(line)
        return cls(lines=found)

    def overloads(self, name: str) -> tuple[Schema, ...]:
        """Return the overloads of an operator; none where there is no such operator."""
        return tuple(parsed(line) for line in (*self.lines.get(name, ()), *_GONE.get(name, ())))

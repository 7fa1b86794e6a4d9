"""What the profiler records of an operator's arguments: raw JSON, read by place.

The profiler writes "Input Dims", "Input Strides", "Input type" and "Concrete Inputs" with one entry
for each argument, in the order of the operator's schema. Older versions write fewer of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec

Sizes = tuple[int, ...]

Raw = tuple[bytes, bytes, bytes, bytes]
"""Dims, strides, types and concrete inputs; b"" for what is not recorded."""

_TYPES: Final = {
    "c10::BFloat16": "bf16",
    "c10::Half": "fp16",
    "float": "fp32",
    "double": "fp64",
    "signed char": "int8",
    "unsigned char": "uint8",
    "int": "int32",
    "c10::complex<float>": "complex64",
    "c10::complex<double>": "complex128",
    "c10::Float8_e4m3fn": "fp8",
    "c10::Float8_e5m2": "fp8 e5m2",
    "c10::Float8_e4m3fnuz": "fp8 fnuz",
    "c10::Float8_e5m2fnuz": "fp8 e5m2 fnuz",
    "c10::Float4_e2m1fn_x2": "fp4",
    "": "unknown",
}
PACKED: Final = {"fp4": 2}
"""Numbers in an element of a tensor, for types of which an element holds several."""
_INTEGER: Final = re.compile(r"-?\d{1,9}")
_TRUTHS: Final = {"True": True, "False": False}


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call; a place of None is that of no argument."""

    dims: Sequence[Any]
    strides: Sequence[Any]
    types: Sequence[Any]
    inputs: Sequence[Any]

    @classmethod
    def read(cls, raw: Raw) -> Self:
        """Return what raw JSON says; nothing of what is no list."""
        return cls(*map(_list, raw))

    def sizes(self, place: int | None) -> Sizes | None:
        """Return the sizes of a tensor."""
        return _sizes(_at(self.dims, place))

    def steps(self, place: int | None) -> Sizes | None:
        """Return the strides of a tensor, where there is one for each of its sizes."""
        sizes, steps = self.sizes(place), _sizes(_at(self.strides, place))
        return steps if sizes and steps and len(sizes) == len(steps) else None

    def type(self, place: int | None) -> str:
        """Return the type of a tensor's numbers, in our words."""
        told = _at(self.types, place)
        return _TYPES.get(told, told) if isinstance(told, str) else "unknown"

    def types_of(self, one: int, other: int) -> str:
        """Return the type of two tensors; both types where they differ."""
        first, second = self.type(one), self.type(other)
        return first if first == second else f"{first}×{second}"

    def numbers(self, place: int | None) -> Sizes | None:
        """Return whole numbers or truths, which the profiler writes as text."""
        told = _at(self.inputs, place)
        if not isinstance(told, str):
            return None
        found = told.replace("True", "1").replace("False", "0")
        return tuple(int(one) for one in _INTEGER.findall(found)) or None

    def truth(self, place: int | None) -> bool | None:
        """Return a truth; None where it is not recorded."""
        told = _at(self.inputs, place)
        return _TRUTHS.get(told) if isinstance(told, str) else None


def _list(raw: bytes) -> Sequence[Any]:
    try:
        found = msgspec.json.decode(raw) if raw else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _at(values: Sequence[Any], place: int | None) -> Any:
    return values[place] if place is not None and place < len(values) else None


def _sizes(value: Any) -> Sizes | None:
    """Return a list of whole numbers that a tensor may have."""
    if not isinstance(value, list) or not value:
        return None
    good = all(type(one) is int and 0 <= one < 1 << 40 for one in value)
    return tuple(value) if good else None

"""One argument of a call: what the trace records of it, as what stands in a script.

Nothing of a trace gets into a script as it is: types are looked up, numbers are read as numbers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from resnext_bench.reports.trace.names.arguments import Arguments, Sizes
from resnext_bench.reports.trace.repro.signatures import Parameter

DTYPES: Final = {
    **{"float": "float32", "double": "float64", "c10::Half": "float16"},
    **{"c10::BFloat16": "bfloat16", "bool": "bool", "int": "int32"},
    **dict.fromkeys(("long int", "long", "long long", "__int64"), "int64"),
    **dict.fromkeys(("short", "short int"), "int16"),
    **{"signed char": "int8", "unsigned char": "uint8"},
    **dict.fromkeys(("unsigned short", "short unsigned int"), "uint16"),
    "unsigned int": "uint32",
    **dict.fromkeys(("unsigned long", "long unsigned int", "unsigned long long"), "uint64"),
    **{"c10::complex<float>": "complex64", "c10::complex<double>": "complex128"},
    **{"c10::complex<c10::Half>": "complex32"},
    **{"c10::Float8_e4m3fn": "float8_e4m3fn", "c10::Float8_e5m2": "float8_e5m2"},
    **{"c10::Float8_e4m3fnuz": "float8_e4m3fnuz", "c10::Float8_e5m2fnuz": "float8_e5m2fnuz"},
}
"""Names of types in traces of all compilers, and torch's."""
_CODES: Final = {
    **dict(enumerate(("uint8", "int8", "int16", "int32", "int64"))),
    **dict(enumerate(("float16", "float32", "float64", "complex32", "complex64"), 5)),
    **{10: "complex128", 11: "bool", 15: "bfloat16"},
    **dict(enumerate(("float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz"), 23)),
    **{27: "uint16", 28: "uint32", 29: "uint64"},
}
"""Numbers by which the profiler records an argument that is a type (c10::ScalarType)."""
_LAYOUTS: Final = {0: "strided"}
_FORMATS: Final = dict(
    enumerate(("contiguous_format", "preserve_format", "channels_last", "channels_last_3d"))
)
_NAMED: Final = {"ScalarType": _CODES, "Layout": _LAYOUTS, "MemoryFormat": _FORMATS}
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{0,30})?(e[+-]?[0-9]{1,3})?")
_BEYOND: Final = re.compile(r"(-?)(inf|nan)")
_LARGEST: Final = 1 << 48
_MOST: Final = 64
"""Dimensions of a tensor."""


class Recorded(StrEnum):
    """What the trace says that an argument was."""

    TENSOR = "tensor"
    NUMBER = "number"
    NUMBERS = "numbers"
    TENSORS = "tensors"
    LIST = "list"
    """Of numbers or of tensors."""
    NOTHING = "nothing"
    """None, or of a kind that is not recorded: a device, a text, in older versions a list."""
    UNKNOWN = "unknown"


_RECORDED: Final = {
    **dict.fromkeys(DTYPES, Recorded.TENSOR),
    **dict.fromkeys(("Scalar", "Int", "Double", "Bool"), Recorded.NUMBER),
    **{"ScalarList": Recorded.NUMBERS, "TensorList": Recorded.TENSORS},
    **{"GenericList": Recorded.LIST, "": Recorded.NOTHING},
}
_NUMBERS: Final = ("int", "float", "bool", "Scalar", *_NAMED)
_FITS: Final = {
    Recorded.TENSOR: ("Tensor",),
    Recorded.NUMBER: _NUMBERS,
    Recorded.NUMBERS: ("int[]", "float[]", "bool[]", "Scalar[]"),
    Recorded.TENSORS: ("Tensor[]", "Tensor?[]"),
    Recorded.LIST: ("int[]", "float[]", "bool[]", "Scalar[]", "Tensor[]", "Tensor?[]"),
}
_NOT_RECORDED: Final = ("Device", "Generator", "str", "Stream", "Storage")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """A tensor to be made."""

    dtype: str
    """torch's name."""
    size: Sizes
    stride: Sizes
    values: str = "torch.randn"
    """What makes as many values as it is told, in Python."""
    on_host: bool = False
    """Whether it lies in the host's memory, whatever device computes."""

    @property
    def elements(self) -> int:
        """How many elements lie in memory."""
        pairs = zip(self.size, self.stride, strict=True)
        return 1 + sum((count - 1) * step for count, step in pairs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensors:
    """A list of tensors to be made."""

    every: tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Literal:
    """What is no tensor, in Python."""

    text: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """The whole numbers in it."""
        return tuple(int(one) for one in re.findall(r"(?<![\w.])-?\d+(?![\w.])", self.text))


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """What the trace does not record, and for which there is no default."""

    type: str


Value = Tensor | Tensors | Literal | Missing


class Source(StrEnum):
    """Where a value is from."""

    RECORDED = "recorded"
    DEFAULT = "default"
    DERIVED = "derived"
    """From the shapes of the tensors."""
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Argument:
    """An argument of the call in a script."""

    parameter: Parameter
    value: Value
    source: Source
    strides_recorded: bool = True
    """Of a tensor whether the trace has its strides."""
    dtype_recorded: bool = True
    """Of a list of tensors the trace has no types."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors in it."""
        match self.value:
            case Tensor():
                return (self.value,)
            case Tensors():
                return self.value.every
        return ()


@dataclass(frozen=True, slots=True)
class Given:
    """What a trace records of the arguments of a call."""

    arguments: Arguments

    def __len__(self) -> int:
        return len(self.arguments.types)

    @property
    def has_inputs(self) -> bool:
        """Whether values of numbers are recorded (`Concrete Inputs`)."""
        return len(self.arguments.inputs) == len(self)

    def kind(self, place: int) -> Recorded:
        """Return what an argument was."""
        told = self.arguments.types[place]
        return _RECORDED.get(told, Recorded.UNKNOWN) if isinstance(told, str) else Recorded.UNKNOWN

    def fits(self, place: int, parameter: Parameter) -> int:
        """Return how well an argument fits a parameter; 0: not at all."""
        kind = self.kind(place)
        if kind is Recorded.NOTHING:
            if parameter.type == "Tensor" and not parameter.is_optional:
                return 0
            certain = parameter.is_optional or parameter.type in _NOT_RECORDED
            return 3 if certain else 2 if parameter.is_list else 1
        if parameter.type not in _FITS.get(kind, ()):
            return 0
        told = self.text(place)
        if not told or kind is Recorded.TENSORS:
            return 3
        return 3 if literal(told, parameter.type) is not None else 0

    def text(self, place: int) -> str:
        """Return the recorded value of an argument that is no tensor; empty: none is recorded."""
        told = self.arguments.inputs[place] if self.has_inputs else ""
        return told if isinstance(told, str) else ""

    @property
    def _records_lists(self) -> bool:
        """Whether sizes of another list are recorded: then one without any is empty, not long."""
        lists = (at for at in range(len(self)) if self.kind(at) is Recorded.TENSORS)
        return any(_at(self.arguments.dims, at) for at in lists)

    def tensor(self, place: int) -> tuple[Tensor, bool] | None:
        """Return a tensor, contiguous where strides are not recorded, and whether they are."""
        dtype = DTYPES.get(self.arguments.types[place])
        sizes = _at(self.arguments.dims, place)
        return None if dtype is None else _tensor(dtype, sizes, _at(self.arguments.strides, place))

    def tensors(self, place: int, dtype: str) -> tuple[tuple[Tensor, ...], bool] | None:
        """Return a list of tensors likewise; None where their shapes are not recorded."""
        sizes, steps = (_at(told, place) for told in (self.arguments.dims, self.arguments.strides))
        if sizes == [] and self._records_lists:
            return (), True
        if not isinstance(sizes, list) or not sizes:
            return None
        if not isinstance(steps, list) or len(steps) != len(sizes):
            steps = [None] * len(sizes)
        found = [_tensor(dtype, *pair) for pair in zip(sizes, steps, strict=True)]
        known = [one for one in found if one is not None]
        if len(known) < len(found):
            return None
        return tuple(one for one, _ in known), all(told for _, told in known)


def _at(values: Sequence[Any], place: int) -> Any:
    return values[place] if place < len(values) else None


def _tensor(dtype: str, sizes: Any, steps: Any) -> tuple[Tensor, bool] | None:
    size, stride = _whole(sizes), _whole(steps)
    if size is None:
        return None
    told = stride is not None and len(stride) == len(size)
    made = stride if told and stride is not None else contiguous(size)
    if 0 in size:
        made = (0,) * len(size)  # which mean nothing there, and so reach nowhere
    return Tensor(dtype=dtype, size=size, stride=made), told


def _whole(value: Any) -> Sizes | None:
    if not isinstance(value, list):
        return None
    good = all(type(one) is int and 0 <= one < _LARGEST for one in value)
    return tuple(value) if good and len(value) <= _MOST else None


def contiguous(size: Sizes) -> Sizes:
    """Return the strides of a tensor that lies by rows."""
    found: list[int] = []
    step = 1
    for count in reversed(size):
        found.append(step)
        step *= max(1, count)
    return tuple(reversed(found))


def channels_last(size: Sizes) -> Sizes:
    """Return the strides of a tensor whose second dimension lies innermost."""
    batch, channels, *rest = size
    inner = contiguous((batch, *rest, channels))
    return (inner[0], inner[-1], *inner[1:-1])


def literal(told: str, kind: str) -> str | None:
    """Return a recorded value in Python, by the type of its parameter; None: it is none of it."""
    if kind.endswith("[]"):
        return _list(told, kind.removesuffix("[]"))
    if kind in _NAMED:
        name = _NAMED[kind].get(int(told)) if _INTEGER.fullmatch(told) else None
        return None if name is None else f"torch.{name}"
    if kind == "bool":
        return {"True": "True", "False": "False", "1": "True", "0": "False"}.get(told)
    if kind == "Scalar" and told in ("True", "False"):
        return told
    return _number(told, is_whole=kind == "int")


def _number(told: str, *, is_whole: bool) -> str | None:
    if _INTEGER.fullmatch(told):
        return repr(int(told))
    if is_whole:
        return None
    if _FLOAT.fullmatch(told):
        return repr(float(told))
    return f'float("{told}")' if _BEYOND.fullmatch(told) else None


def _list(told: str, kind: str) -> str | None:
    if not (told.startswith("[") and told.endswith("]")):
        return None
    inner = told[1:-1].strip()
    found = [literal(one.strip(), kind) for one in inner.split(",")] if inner else []
    known = [one for one in found if one is not None]
    return f"[{', '.join(known)}]" if len(known) == len(found) else None

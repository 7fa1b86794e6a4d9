"""Which overload of an operator a call was, and what each of its arguments is in a script."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from resnext_bench.reports.trace.names.arguments import Sizes
from resnext_bench.reports.trace.names.communication import is_communication
from resnext_bench.reports.trace.repro.equivalents import EQUIVALENTS
from resnext_bench.reports.trace.repro.given import (
    Argument,
    Given,
    Literal,
    Missing,
    Recorded,
    Source,
    Tensor,
    Tensors,
    Value,
    channels_last,
    literal,
)
from resnext_bench.reports.trace.repro.made_values import with_values
from resnext_bench.reports.trace.repro.signatures import Parameter, Schema, Signatures


class Why(StrEnum):
    """Why a call cannot be reproduced."""

    COLLECTIVE = "collective"
    """It needs other ranks."""
    AUTOGRAD = "autograd"
    """A row of autograd, around the operators that compute."""
    FOREIGN = "foreign"
    """An operator of another library than PyTorch."""
    WAITS = "waits"
    """It brings a value to the host."""
    NO_TENSOR = "no tensor"
    """It computes none: it reserves memory, or asks something."""
    SHAPES = "shapes"
    """The trace has no shapes."""
    LIST = "list"
    """A list of tensors whose shapes are not recorded."""
    TYPE = "type"
    """A tensor of a type that no script here makes."""
    UNKNOWN = "unknown"
    """No overload that is known here takes such arguments."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A call that cannot be reproduced."""

    why: Why
    detail: str = ""
    """Name that it is about, as the trace has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A call that can be reproduced."""

    schema: Schema
    arguments: tuple[Argument, ...]
    alike: tuple[str, ...] = ()
    """Other overloads that take what is recorded as well."""
    is_nhwc: bool = False
    """Whether strides that are not recorded were taken to be those of NHWC."""

    @property
    def missing(self) -> tuple[Argument, ...]:
        """Arguments that have to be filled in."""
        return self.of(Source.MISSING)

    def of(self, source: Source) -> tuple[Argument, ...]:
        """Return the arguments that are from there."""
        return tuple(one for one in self.arguments if one.source is source)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All tensors, those of lists as well."""
        return tuple(tensor for one in self.arguments for tensor in one.tensors)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hints:
    """What the kernels of a call say of its arguments."""

    is_nhwc: bool = False
    from_host: bool = False
    """Whether it copies from the host's memory to the device's."""
    to_host: bool = False


NO_HINTS: Final = Hints()
_NAME: Final = re.compile(r"aten::(\w+)(?:\.(\w+))?")
_AUTOGRAD: Final = re.compile(r"(autograd::|torch::autograd::)|.*Backward\d*$")
_WAITS: Final = frozenset({"item", "_local_scalar_dense", "is_nonzero", "equal", "nonzero_static"})
_RESERVES: Final = re.compile(
    r"_?(new_)?empty\w*|resize_|resize_as_|set_|record_stream|detach_|_?pin_memory"
)
_CONVOLUTION: Final = re.compile(r"((cudnn|miopen|mkldnn)_|_)?conv(olution(_backward)?|[123]d)")


def resolve(
    name: str, given: Given, signatures: Signatures, hints: Hints = NO_HINTS
) -> Resolved | Refused:
    """Return what a call of an operator was, by its name and what is recorded of it."""
    match = _NAME.fullmatch(name)
    if (why := _why_not(name)) is not None or match is None:
        return Refused(why=why or Why.FOREIGN, detail=name)
    if not len(given):
        return Refused(why=Why.SHAPES)
    base, wanted = match.groups()
    kinds = [given.kind(place) for place in range(len(given))]
    if Recorded.UNKNOWN in kinds:
        told = given.arguments.types[kinds.index(Recorded.UNKNOWN)]
        return Refused(why=Why.TYPE, detail=str(told))
    fitting = _fitting(
        [one for one in signatures.overloads(base) if wanted in (None, one.overload)], given
    )
    if not fitting:
        return Refused(why=Why.UNKNOWN, detail=name)
    first, *others = fitting
    if "Tensor" not in first.returns and not first.changes:
        return Refused(why=Why.NO_TENSOR, detail=name)
    return _resolved(first, given, hints, tuple(one.overload for one in others))


def _why_not(name: str) -> Why | None:
    base = name.partition("::")[2].partition(".")[0]
    if is_communication(name):
        return Why.COLLECTIVE
    if _AUTOGRAD.match(name):
        return Why.AUTOGRAD
    if not name.startswith("aten::"):
        return Why.FOREIGN
    if base in _WAITS:
        return Why.WAITS
    return Why.NO_TENSOR if _RESERVES.fullmatch(base) else None


def _fitting(schemas: Sequence[Schema], given: Given) -> list[Schema]:
    """Return the overloads that fit best, those of as many arguments first, else longer ones.

    Later versions of an operator have more arguments, which have defaults.
    """
    exact = [one for one in schemas if len(one.parameters) == len(given)]
    longer = [one for one in schemas if _has_defaults(one.parameters[len(given) :])]
    for some in (exact, longer):
        scores = [(_score(one, given), one) for one in some]
        if best := max((score for score, _ in scores), default=0):
            return [one for score, one in scores if score == best]
    return []


def _has_defaults(rest: Sequence[Parameter]) -> bool:
    return bool(rest) and all(one.default is not None for one in rest)


def _score(schema: Schema, given: Given) -> int:
    fits = [given.fits(place, schema.parameters[place]) for place in range(len(given))]
    return sum(fits) if all(fits) else 0


def _resolved(
    schema: Schema, given: Given, hints: Hints, alike: tuple[str, ...]
) -> Resolved | Refused:
    dtype = _usual_dtype(given)
    arguments = [_argument(given, *one, dtype) for one in enumerate(schema.parameters)]
    broken = [one for one in arguments if one.source is Source.MISSING and _is_tensor(one)]
    if broken:
        return Refused(why=Why.LIST if broken[0].parameter.is_list else Why.SHAPES)
    if known := _told_by_shapes(schema.name, arguments):
        arguments = [_with(one, known) for one in arguments]
    if hints.is_nhwc:
        arguments = [_as_nhwc(one) for one in arguments]
    if schema.name == "copy_":
        arguments = [_placed(one, hints) for one in arguments]
    same = EQUIVALENTS.get(schema.name)
    if same is not None and same.is_gone:  # what is called instead needs less
        arguments = [one for one in arguments if one.parameter.name in same.arguments]
    return Resolved(
        schema=schema,
        arguments=with_values(schema.name, arguments),
        alike=alike,
        is_nhwc=hints.is_nhwc,
    )


def _is_tensor(argument: Argument) -> bool:
    return argument.parameter.type.startswith("Tensor")


def _usual_dtype(given: Given) -> str:
    """Return the type of the first tensor, which lists of tensors most likely have, too."""
    found = (given.tensor(place) for place in range(len(given)))
    return next((one[0].dtype for one in found if one is not None), "float32")


def _argument(given: Given, place: int, parameter: Parameter, dtype: str) -> Argument:
    kind = given.kind(place) if place < len(given) else Recorded.NOTHING
    if place >= len(given):
        return _default(parameter)
    if kind is Recorded.TENSOR:
        found = given.tensor(place)
        if found is None:
            return _missing(parameter)
        tensor, told = found
        return _recorded(parameter, tensor, strides_recorded=told)
    if parameter.type.startswith("Tensor") and kind is not Recorded.NOTHING:
        several = given.tensors(place, dtype)
        if several is None:
            return _missing(parameter)
        value = Tensors(every=several[0])
        return _recorded(parameter, value, strides_recorded=several[1], dtype_recorded=False)
    if kind is Recorded.NOTHING:
        return _nothing(given, place, parameter)
    text = _text(given.text(place), parameter)
    if text is not None:
        return _recorded(parameter, Literal(text=text))
    # A number was given: that its default is none does not tell which.
    return _missing(parameter) if parameter.default == "None" else _default(parameter)


def _text(told: str, parameter: Parameter) -> str | None:
    return literal(told, parameter.type) if told else None


def _nothing(given: Given, place: int, parameter: Parameter) -> Argument:
    """Return an argument that the profiler gives no type: None, or of a kind it does not tell."""
    told = given.text(place)
    if parameter.type == "Device" and told:
        return _recorded(parameter, Literal(text='"cpu"' if told == "cpu" else "device"))
    if parameter.type == "str" and re.fullmatch(r"\w+", told, re.ASCII):
        return _recorded(parameter, Literal(text=f'"{told}"'))
    certain = given.has_inputs or not parameter.is_list or parameter.type.startswith("Tensor")
    if parameter.is_optional and certain:
        return _recorded(parameter, Literal(text="None"))
    return _default(parameter)


def _recorded(
    parameter: Parameter,
    value: Tensor | Tensors | Literal,
    *,
    strides_recorded: bool = True,
    dtype_recorded: bool = True,
) -> Argument:
    return Argument(
        parameter=parameter,
        value=value,
        source=Source.RECORDED,
        strides_recorded=strides_recorded,
        dtype_recorded=dtype_recorded,
    )


def _default(parameter: Parameter) -> Argument:
    if parameter.default is None:
        return _missing(parameter)
    value = Literal(text=_python(parameter.default, parameter.type))
    return Argument(parameter=parameter, value=value, source=Source.DEFAULT)


def _python(default: str, kind: str) -> str:
    """Return a default as a script has it: types and formats have numbers in signatures."""
    named = kind in ("ScalarType", "Layout", "MemoryFormat")
    return (literal(default, kind) or default) if named else default


def _missing(parameter: Parameter) -> Argument:
    value = Missing(type=parameter.type)
    return Argument(parameter=parameter, value=value, source=Source.MISSING)


def _with(argument: Argument, known: Mapping[str, str]) -> Argument:
    name = argument.parameter.name
    if argument.source is not Source.MISSING or name not in known:
        return argument
    return replace(argument, value=Literal(text=known[name]), source=Source.DERIVED)


def _told_by_shapes(name: str, arguments: Sequence[Argument]) -> Mapping[str, str]:
    """Return numbers in Python that the shapes of the tensors alone tell."""
    values = {one.parameter.name: one.value for one in arguments}
    weight = values.get("weight")
    if not isinstance(weight, Tensor):
        return {}
    if name in ("layer_norm", "native_layer_norm"):
        return {"normalized_shape": str(list(weight.size))}
    data = values.get("input", values.get("self"))
    if not _CONVOLUTION.fullmatch(name) or not isinstance(data, Tensor):
        return {}
    return _groups(values, data.size, weight.size)


def _groups(values: Mapping[str, Value], data: Sizes, weight: Sizes) -> Mapping[str, str]:
    """Return those of a convolution; a weight that a transposed one could have tells nothing."""
    if len(data) != len(weight) or len(data) < 3 or not weight[1] or data[1] % weight[1]:
        return {}
    if "transposed" in values and data[1] == weight[0] and values["transposed"] != _NOT:
        return {}
    zeros = ", ".join("0" * (len(data) - 2))
    groups = str(data[1] // weight[1])
    return {"groups": groups, "transposed": "False", "output_padding": f"[{zeros}]"}


_NOT: Final = Literal(text="False")


def _as_nhwc(argument: Argument) -> Argument:
    value = argument.value
    if argument.strides_recorded or not isinstance(value, Tensor) or len(value.size) < 4:
        return argument
    return replace(argument, value=replace(value, stride=channels_last(value.size)))


def _placed(argument: Argument, hints: Hints) -> Argument:
    """Return an argument of a copy in the memory where it was."""
    on_host = {"self": hints.to_host, "src": hints.from_host}.get(argument.parameter.name, False)
    if not on_host or not isinstance(argument.value, Tensor):
        return argument
    return replace(argument, value=replace(argument.value, on_host=True))

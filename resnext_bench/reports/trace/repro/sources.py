"""What the docstring of a script says of its arguments: which the trace has, which are assumed."""

from collections.abc import Iterable, Iterator

from resnext_bench.reports.trace.repro.equivalents import EQUIVALENTS
from resnext_bench.reports.trace.repro.given import Argument, Literal, Source, Tensors
from resnext_bench.reports.trace.repro.resolve import Resolved


def sources(call: Resolved) -> str:
    """Return it as sentences."""
    return " ".join(_sentences(call))


def _sentences(call: Resolved) -> Iterator[str]:
    tensors = [one for one in call.arguments if one.tensors]
    has_strides = all(one.strides_recorded for one in tensors)
    literals = [one for one in call.of(Source.RECORDED) if isinstance(one.value, Literal)]
    has_numbers = any(one.value != Literal(text="None") for one in literals)
    told = ["types", "shapes", *["strides"] * has_strides, *["numbers"] * has_numbers]
    yield f"Recorded: {', '.join(told)}; values are random."
    if not has_strides:
        if call.is_nhwc:
            yield "Strides are not recorded: those of NHWC, as the names of its kernels have it."
        else:
            yield "Strides are not recorded: contiguous tensors are assumed."
    if defaults := call.of(Source.DEFAULT):
        yield f"Not recorded, so PyTorch's defaults: {_values(defaults)}."
    if derived := call.of(Source.DERIVED):
        yield f"Not recorded, but told by the shapes: {_values(derived)}."
    if missing := call.missing:
        names = ", ".join(one.parameter.name for one in missing)
        yield f"Not recorded, so to be filled in: {names}."
    yield from _doubts(call)


def _doubts(call: Resolved) -> Iterator[str]:
    lists = [one for one in call.arguments if isinstance(one.value, Tensors)]
    if types := sorted({tensor.dtype for one in lists for tensor in one.tensors}):
        yield f"Types within lists are not recorded: {', '.join(types)} is assumed."
    if call.alike:
        yield f"Overloads that take the same arguments: {', '.join(call.alike)}."
    same = EQUIVALENTS.get(call.schema.name)
    if same is not None and same.is_gone:
        name = same.call.partition("(")[0].rpartition(".")[2]
        yield f"Today's PyTorch has no such operator: aten::{name} took its place."
    reserved = [one for one in call.arguments if one.parameter.name == "reserveSpace"]
    if any(0 not in tensor.size for one in reserved for tensor in one.tensors):
        yield "Its reserve space is random here, and was what the forward call had left in it."
    if call.schema.parameters[0].is_written:
        yield "It works in place: values drift while it is timed."


def _values(arguments: Iterable[Argument]) -> str:
    return ", ".join(
        f"{one.parameter.name}={one.value.text}"
        for one in arguments
        if isinstance(one.value, Literal)
    )

"""`python -m resnext_bench.worker.signatures`: prints the signatures of ATen's operators.

`trace repro` asks for them, which imports no torch itself.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any, Final

import torch

from resnext_bench.reports.trace.repro.signatures import NO_CPU, RANDOM

_NAMED: Final = re.compile(
    r"Dimname|\bStorage\b|\bStream\b|\bt\[\]|Dict\(|Future|AnyEnum|__torch__"
)
"""Types of arguments that no trace records."""
_WITHOUT: Final = re.compile(r"_test|_?nested|_?sparse|_mps|_lstm_mps|_?quantized|_cslt|_cudnn_rnn")
"""Operators on tensors that no script makes."""
_SHORT: Final = (
    (re.compile(r"Optional\[(\w+!?)\]"), r"\1?"),
    (re.compile(r"List\[(\w+[!?]?)\]"), r"\1[]"),
    (re.compile(r"Optional\[(\w+\[\])\]"), r"\1?"),
    (re.compile(r"number"), "Scalar"),
)
"""Types as native_functions.yaml has them."""


def text() -> str:
    """Return a line for each overload that takes or gives tensors, of the torch that is here."""
    return "".join(f"{line}\n" for line in sorted(_lines()))


def _lines() -> Iterator[str]:
    dispatched = {*torch._C._dispatch_get_all_op_names()}
    for schema in torch._C._jit_get_all_schemas():
        dot = f".{schema.overload_name}" if schema.overload_name else ""
        if not schema.name.startswith("aten::") or schema.name + dot not in dispatched:
            continue  # of TorchScript alone: no profiler records it
        name = schema.name.removeprefix("aten::")
        line = _line(schema)
        if _NAMED.search(line) or _WITHOUT.match(name) or "Tensor" not in line:
            continue
        overload = getattr(getattr(torch.ops.aten, name), schema.overload_name or "default")
        if torch.Tag.generated in overload.tags:
            continue
        has_kernel = torch._C._dispatch_has_computed_kernel_for_dispatch_key
        marks = [NO_CPU] * (not has_kernel(schema.name + dot, "CPU"))
        marks += [RANDOM] * (torch.Tag.nondeterministic_seeded in overload.tags)
        yield line + (f"  # {', '.join(marks)}" if marks else "")


def _line(schema: Any) -> str:
    """Return a signature without aliases, symbolic numbers or names of results."""
    name = schema.name.removeprefix("aten::")
    dot = f".{schema.overload_name}" if schema.overload_name else ""
    told = map(_argument, schema.arguments)
    returns = ", ".join(_type(one) for one in schema.returns)
    returns = returns if len(schema.returns) == 1 else f"({returns})"
    return f"{name}{dot}({', '.join(told)}) -> {returns}"


def _argument(argument: Any) -> str:
    default = f"={argument.default_value!r}" if argument.has_default_value() else ""
    return f"{_type(argument, is_written=argument.is_write)} {argument.name}{default}"


def _type(argument: Any, *, is_written: bool = False) -> str:
    told = str(argument.real_type).replace("SymInt", "int")
    for long, short in _SHORT:
        told = long.sub(short, told)
    return told.replace("Tensor", "Tensor!", 1) if is_written else told


if __name__ == "__main__":
    sys.stdout.write(text())

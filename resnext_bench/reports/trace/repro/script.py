"""A script that makes one call of a trace again: it runs without this program, for an issue."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from resnext_bench.reports.issue_scripts import (
    CANNOT_HERE,
    IMPORT,
    LIMITS,
    TIME,
    TIMER,
    US,
    WHERE,
    commented,
)
from resnext_bench.reports.trace.repro.equivalents import EQUIVALENTS, Equivalent
from resnext_bench.reports.trace.repro.given import Argument, Literal, Tensor, Tensors
from resnext_bench.reports.trace.repro.resolve import Resolved
from resnext_bench.reports.trace.repro.sources import sources

_WHOLE: Final = 1e-4
"""Of whole numbers, whose quotients are fp32."""
_PRODUCT: Final = re.compile(r"conv|mm|matmul|linear|attention")
"""What GPUs may compute with the digits of TF32 where fp32 is asked for."""
_WIDTH: Final = 98
_LONG: Final = 100
_NAME: Final = 40
"""Characters of a module's path that stand in a title: its end."""
_LARGE: Final = 4
"""GiB of tensors in float64 from which a script looks at how much memory there is."""
_WIDE: Final = "flat.double() if exact and flat.is_floating_point() else flat"
_WIDE_COMPLEX: Final = "flat.to(torch.promote_types(flat.dtype, torch.float64)) if exact else flat"


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the trace tells of the call besides: for people alone."""

    module: str
    device: str
    """Name of the device; empty: a CPU."""
    median_ns: float
    """Time of its kernels; on a CPU its own, with all that is within."""
    calls: int


def script(call: Resolved, told: Told) -> str:
    """Return the script; of the trace's own words it has names of a module and a device alone.

    It exits with 0 where the result is right, 1 where it is wrong, 2 where numbers have to be
    filled in, and 5 where it needs another machine.
    """
    parts = (_head(call, told), _numbers(call), _operator(call), _inputs(call), _rest(call, told))
    return "".join(f"{line}\n" for part in parts for line in part)


def _head(call: Resolved, told: Told) -> Iterator[str]:
    module = told.module if len(told.module) <= _NAME else f"...{told.module[3 - _NAME :]}"
    whose = f" of {commented(module)}" if module else ""
    yield f'"""aten::{call.schema.name}{whose}, as a trace has it.'
    yield ""
    yield from textwrap.wrap(sources(call), _WIDTH)
    yield '"""'
    yield ""
    needed = _needed(call)
    yield from (["import os", ""] if needed else [])
    yield "import torch"
    yield IMPORT
    yield ""
    yield from (_memory(needed) if needed else [])


def _needed(call: Resolved) -> float:
    """Return how much memory the check takes, GiB, where that is much; else 0."""
    every = 2 * 8 * sum(one.elements for one in call.tensors) / (1 << 30)
    return every if every > _LARGE else 0.0


def _memory(needed: float) -> Iterator[str]:
    yield f"NEEDED = {needed:.1f}  # GiB, for inputs and results in float64"
    yield 'if NEEDED * 2**30 > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):'
    yield '    print(f"needs about {NEEDED} GiB of memory, which this machine has not")'
    yield f"    raise SystemExit({CANNOT_HERE})"


def _numbers(call: Resolved) -> Iterator[str]:
    """Yield what is no tensor, and a stop where some of it is not recorded."""
    pairs = [
        f'"{one.parameter.name}": {one.value.text}'
        for one in call.arguments
        if isinstance(one.value, Literal) and not _is_inside(one)
    ]
    missing = [f'"{one.parameter.name}": ...' for one in call.missing]
    lines = [line for some in (pairs, missing) for line in _filled(some, "NUMBERS |= {", "}")]
    for number, line in enumerate(lines):
        yield line if number else line.replace("|=", "=", 1)
    if missing:
        names = ", ".join(f"{one.parameter.name} ({one.parameter.type})" for one in call.missing)
        yield "if ... in NUMBERS.values():"
        yield from _printed("    ", f"fill in above what the trace does not record: {names}")
        yield "    raise SystemExit(2)"


def _filled(pieces: Sequence[str], begin: str, end: str) -> Iterator[str]:
    """Yield lines that begin and end so, with as many of the pieces in each as it holds."""
    line: list[str] = []
    for piece in pieces:
        if line and len(begin + ", ".join([*line, piece]) + end) > _WIDTH:
            yield begin + ", ".join(line) + end
            line = []
        line.append(piece)
    if line:
        yield begin + ", ".join(line) + end


def _printed(indent: str, text: str) -> Iterator[str]:
    """Yield a call of print, which may take several lines."""
    parts = textwrap.wrap(text, _LONG - len(indent) - 9, drop_whitespace=False)
    if len(parts) == 1:
        yield f'{indent}print("{parts[0]}")'
        return
    yield f"{indent}print("
    yield from (f'{indent}    "{one}"' for one in parts)
    yield f"{indent})"


def _is_inside(argument: Argument) -> bool:
    """Whether a value depends on where, or how exactly, it is computed."""
    value = argument.value
    return isinstance(value, Literal) and (value.text == "device" or _is_float_type(value))


def _is_float_type(value: Literal) -> bool:
    return value.text.removeprefix("torch.") in LIMITS and value.text.startswith("torch.")


def _operator(call: Resolved) -> Iterator[str]:
    same, path = EQUIVALENTS.get(call.schema.name), call.schema.path
    if same is None:
        if _cannot_here(call):
            yield "if not torch.cuda.is_available():"
            yield f'    print("needs a GPU: aten::{call.schema.name} has no kernel for the CPU")'
            yield f"    raise SystemExit({CANNOT_HERE})"
        yield 'DEVICE = "cuda" if torch.cuda.is_available() else "cpu"'
        yield f"OPERATOR = {path}"
        return
    yield 'DEVICE = "cuda" if torch.cuda.is_available() else "cpu"'
    yield "\n"
    yield from _folded(
        "", f"def same({', '.join(same.arguments)}, **{same.others}):", "  # on any device"
    )
    yield from ([f"    {same.first}"] if same.first else [])
    yield from _folded("    ", f"return {same.call}")
    yield "\n"
    if same.is_gone:
        yield f"OPERATOR = same  # {path.rpartition('.')[0]} is no more"
        return
    yield f"HERE = torch.cuda.is_available() and torch.version.{same.build}"
    yield f"OPERATOR = {path} if HERE else same"
    yield "if not HERE:"
    yield f'    print("{_instead(same)}")'


def _folded(indent: str, call: str, behind: str = "") -> Iterator[str]:
    """Yield a line, what is in its outermost brackets in a line of its own if need be."""
    if len(indent + call + behind) <= _LONG:
        yield f"{indent}{call}{behind}"
        return
    begin, end = call.index("(") + 1, call.rindex(")")
    inner = call[begin:end]
    yield f"{indent}{call[:begin]}"
    if len(indent + inner) + 4 <= _LONG:
        yield f"{indent}    {inner}"
    else:
        yield from (f"{indent}    {one}," for one in _split(inner))
    yield f"{indent}{call[end:]}{behind}"


def _split(arguments: str) -> Iterator[str]:
    """Yield what is between the commas that are in no brackets."""
    begin = depth = 0
    for at, one in enumerate(arguments):
        depth += (one in "([") - (one in ")]")
        if one == "," and not depth:
            yield arguments[begin:at].strip()
            begin = at + 1
    yield arguments[begin:].strip()


def _instead(same: Equivalent) -> str:
    name = same.call.removeprefix("torch.ops.aten.").partition("(")[0]
    return f"no {same.library} here: aten::{name} computes the same"


def _cannot_here(call: Resolved) -> bool:
    """Whether nothing but a GPU can compute it."""
    return not call.schema.on_cpu and call.schema.name not in EQUIVALENTS


def _is_unchecked(call: Resolved) -> str:
    """Return why a result is compared with nothing; empty where it is compared."""
    if call.schema.is_random:
        return "its result is random"
    if _cannot_here(call):
        return "there is nothing on the CPU to compare it with"
    if any(one.dtype.startswith("float8") for one in call.tensors):
        return "in float64 there is no such operator"
    return ""


def _inputs(call: Resolved) -> Iterator[str]:
    """Yield the function that makes all arguments, the same ones at each call."""
    on_host = ", device=device" if any(one.on_host for one in call.tensors) else ""
    yield "\n"
    yield "def inputs(device, exact=False):  # the same at each call"
    yield "    torch.manual_seed(0)"
    yield ""
    yield f"    def tensor(dtype, size, stride, values=torch.randn{on_host}):"
    yield "        flat = values(1 + sum((n - 1) * by for n, by in zip(size, stride))).to(dtype)"
    yield f"        flat = {_WIDE_COMPLEX if _is_complex(call) else _WIDE}"
    yield "        return flat.to(device).as_strided(size, stride)"
    yield ""
    yield "    return {"
    for one in call.arguments:
        yield from _entry(one)
    if any(not one.tensors and not _is_inside(one) for one in call.arguments):
        yield "        **NUMBERS,"
    yield "    }"
    yield "\n"


def _is_complex(call: Resolved) -> bool:
    return any(one.dtype.startswith("complex") for one in call.tensors)


def _entry(argument: Argument) -> Iterator[str]:
    name, value = argument.parameter.name, argument.value
    match value:
        case Tensor():
            yield from _folded("        ", f'"{name}": {_tensor(value)},')
        case Tensors(every=()):
            yield f'        "{name}": [],'
        case Tensors():
            yield f'        "{name}": ['
            for one in value.every:
                yield from _folded("            ", f"{_tensor(one)},")
            yield "        ],"
        case Literal() if _is_inside(argument):
            text = value.text
            text = text if text == "device" else f"torch.float64 if exact else {text}"
            yield f'        "{name}": {text},'


def _tensor(tensor: Tensor) -> str:
    values = "" if tensor.values == "torch.randn" else f", {tensor.values}"
    where = ', device="cpu"' if tensor.on_host else ""
    return f"tensor(torch.{tensor.dtype}, {tensor.size}, {tensor.stride}{values}{where})"


def _rest(call: Resolved, told: Told) -> Iterator[str]:
    """Yield the timing, and around it what is compared: a time is told even where nothing else."""
    why = _is_unchecked(call)
    same = "same" if call.schema.name in EQUIVALENTS else "OPERATOR"
    exact = _results(call, same, '"cpu", exact=True')
    yield WHERE
    yield "try:"
    yield from ([] if why else [f"    found = {_results(call, 'OPERATOR', 'DEVICE')}"])
    yield "    given = inputs(DEVICE)"  # others: what was found may be what was given
    yield f"    {TIMER.format('OPERATOR(**given)')}"
    yield f"    {TIME}"
    yield from _folded("    ", f'print(f"{{where}}, torch {{torch.__version__}}: {US}")')
    yield from _printed("    ", _in_the_trace(told))
    yield from ([] if why else [f"    exact = {exact}"])
    yield "except RuntimeError as error:  # as of types that the CPU does not take"
    yield '    print(f"cannot be computed or compared here: {error}")'
    yield f"    raise SystemExit({CANNOT_HERE})"
    yield from ([f'print("not checked: {why}")'] if why else _compared(call, told))


def _compared(call: Resolved, told: Told) -> Iterator[str]:
    """Yield the comparison of each result with that of float64 on the CPU."""
    digits, limit = _limit(call, told)
    wide = "cdouble()" if _is_complex(call) else "double()"
    yield f"LIMIT = {limit:g}  # for {digits}"
    pairs = f"(a.cpu().{wide}, b.{wide}) for a, b in zip(found, exact) if b is not None"
    yield f"pairs = [{pairs}]"
    off = "(torch.where(a == b, 0, a - b).norm() / (b.norm() or 1)).item()"
    yield f"off = [{off} for a, b in pairs]"
    yield "right = all(one <= LIMIT for one in off)"
    yield 'told = ", ".join(f"{one:.1e}" for one in off)'
    yield 'print("right:" if right else "WRONG:", told, f"off from float64, {LIMIT:g} at most")'
    yield "raise SystemExit(not right)"


def _results(call: Resolved, what: str, arguments: str) -> str:
    """Return the list of what a call gives, or of what it changes."""
    made = f"{what}(**inputs({arguments}))"
    if call.schema.returns == "()":
        written = next(one.name for one in call.schema.parameters if one.is_written)
        return f'(given := inputs({arguments}), {what}(**given))[0]["{written}"]'
    return (
        made if call.schema.returns.startswith("(") or "[]" in call.schema.returns else f"[{made}]"
    )


def _limit(call: Resolved, told: Told) -> tuple[str, float]:
    """Return the type with the fewest digits, and how far a result may be off with it."""
    types = {one.dtype for one in call.tensors}
    types |= {_name(one.value) for one in call.arguments if isinstance(one.value, Literal)}
    if told.device and "float32" in types and _PRODUCT.search(call.schema.name):
        types.add("tf32")
    known = [(LIMITS[one], one) for one in types if one in LIMITS]
    limit, name = max(known, default=(_WHOLE, "whole numbers"))
    return ("TF32, which GPUs may take for float32" if name == "tf32" else name), limit


def _name(value: Literal) -> str:
    return value.text.removeprefix("torch.")


def _in_the_trace(told: Told) -> str:
    us = f"{told.median_ns / 1e3:.1f} us"
    what = "on the device a call" if told.device else "a call"
    where = commented(told.device) if told.device else "a CPU"
    of = f", median of {told.calls}" if told.calls > 1 else ""
    return f"in the trace, on {where}: {us} {what}{of}"

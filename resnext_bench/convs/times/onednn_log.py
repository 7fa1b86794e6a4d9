"""Reads oneDNN's verbose log: which primitives computed a call, by which implementations.

Its lines are separated by commas, and their first fields differ by version: `mkldnn_verbose,exec,`
with no engine, `dnnl_verbose,exec,cpu,`, `onednn_verbose,v1,primitive,exec,cpu,`, with a time stamp
where one was asked for. What is not understood is skipped.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_MARKS: Final = ("onednn_verbose", "dnnl_verbose", "mkldnn_verbose")
_ENGINES: Final = ("cpu", "gpu")
_FIRST_FIELDS: Final = 5
"""Fields among which "exec" must be."""
_CONVOLUTIONS: Final = ("convolution", "deconvolution")
_COPIES: Final = ("reorder", "zero_pad")
_TYPE: Final = re.compile(r"\b(?P<of>f?src|f?dst|diff_src|diff_dst|in|out)[_:](?P<type>[a-z]+\d+)")
_OF: Final = {"fsrc": "src", "diff_src": "src", "in": "src"}
"""Names of the first operand by version and direction."""
_VERSION: Final = re.compile(r"(?:oneDNN|DNNL|Intel MKL-DNN) v([\w.-]+)")
_ISA: Final = re.compile(r"info,cpu,isa:(.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Executed:
    """One primitive that ran."""

    kind: str
    """The kind of primitive: convolution, reorder, ..."""
    implementation: str
    """The implementation, as jit:avx512_core."""
    source: str
    """Type of what it reads: f32, bf16; empty where the line does not tell."""
    target: str
    """Type of what it writes."""
    ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What the log says of one call."""

    kernel: str
    """The implementation of its longest convolution or, without one, of its longest primitive."""
    computes_in: str
    """Type of what that reads; empty where it is not known."""
    ms: float
    """Logged time of all its primitives."""
    beside: float
    """Share of that in copies to another layout or type."""
    converted: float
    """Share of that in copies to another type."""
    kinds: tuple[tuple[str, int], ...]
    """How many primitives of each kind ran."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What the first lines of a process's log say of the library; each empty where they do not."""

    version: str
    isa: str
    """The instructions that it uses, in its words."""


def executed(lines: Iterable[str]) -> Iterator[Executed]:
    """Yield the primitives that ran."""
    for line in lines:
        fields = line.strip().split(",")
        if fields[0] in _MARKS and "exec" in fields[1:_FIRST_FIELDS]:
            after = fields[fields.index("exec") + 1 :]
            found = _executed(after[1:] if after[:1] and after[0] in _ENGINES else after)
            if found:
                yield found


def _executed(fields: Sequence[str]) -> Executed | None:
    """Read kind, implementation, propagation, memory, ..., ms."""
    if len(fields) < 5:
        return None
    try:
        ms = float(fields[-1])
    except ValueError:
        return None
    if not math.isfinite(ms) or ms < 0 or not fields[0] or not fields[1]:
        return None
    types = {_OF.get(one["of"], one["of"]): one["type"] for one in _TYPE.finditer(fields[3])}
    return Executed(
        kind=fields[0],
        implementation=fields[1],
        source=types.get("src", ""),
        target=types.get("dst", types.get("out", "")),
        ms=ms,
    )


def call_of(lines: Iterable[str]) -> Call | None:
    """Return what the log of one call says; None where nothing of it was understood."""
    found = list(executed(lines))
    if not found:
        return None
    work = [one for one in found if one.kind in _CONVOLUTIONS]
    work = work or [one for one in found if one.kind not in _COPIES] or found
    longest = max(work, key=lambda one: one.ms)
    copies = [one for one in found if one.kind in _COPIES]
    total = sum(one.ms for one in found) or 1.0
    return Call(
        kernel=longest.implementation,
        computes_in=longest.source,
        ms=sum(one.ms for one in found),
        beside=sum(one.ms for one in copies) / total,
        converted=sum(one.ms for one in copies if one.source != one.target) / total,
        kinds=tuple(
            (kind, sum(one.kind == kind for one in found))
            for kind in dict.fromkeys(one.kind for one in found)
        ),
    )


def header_of(text: str) -> Header:
    """Return what the first lines of a log say; the library writes them once a process."""
    version, isa = _VERSION.search(text), _ISA.search(text)
    return Header(version=version[1] if version else "", isa=isa[1].strip() if isa else "")

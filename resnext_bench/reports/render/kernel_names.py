"""Names of kernels as short as a line can hold; `--json` has them whole."""

import re
from collections.abc import Sequence
from typing import Final

from resnext_bench.reports.trace.names.plain import function, plain

_NOISE: Final = re.compile(
    r"at::native::|ck::tensor_operation::device::|\(anonymous namespace\)::|at::cuda::|"
    r"c10::(?=BFloat16|Half)|std::"
)
_KNOWN: Final = (
    (re.compile(r"^autograd::engine::evaluate_function: "), "autograd: "),
    (re.compile(r"^torch::autograd::"), ""),
)


def short(name: str) -> str:
    """Drop arguments, namespaces and the return type from a name, which is demangled if need be."""
    for pattern, instead in _KNOWN:
        name = pattern.sub(instead, name)
    return _NOISE.sub("", _without_arguments(function(plain(name)))).strip() or name


def fitting(names: Sequence[str], width: int) -> list[str]:
    """Fit names into `width` characters each; different ones stay different if possible.

    A name that is too long loses its end. If others would then look the same, it loses its middle,
    and continues where it differs from them.
    """
    begins = dict.fromkeys(names, 0)
    while True:
        alike: dict[str, list[str]] = {}
        for name, begin in begins.items():
            alike.setdefault(_from(name, begin, width), []).append(name)
        changed = False
        for group in alike.values():
            begin = _word_before(group[0], _alike(group)) if len(group) > 1 else 0
            if begin > begins[group[0]]:
                begins |= dict.fromkeys(group, begin)
                changed = True
        if not changed:
            return [_from(name, begins[name], width) for name in names]


def _from(name: str, begin: int, width: int) -> str:
    """Return as much of a name's beginning as fits in front of what follows from `begin` on."""
    if len(name) <= width:
        return name
    tail = _cut(name[begin:], width // 2) if begin else ""
    return _cut(name, width - len(tail)) + tail


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: max(width, 1) - 1] + "…"


def _alike(names: Sequence[str]) -> int:
    """Return the number of characters with which all begin."""
    first, last = min(names), max(names)
    pairs = enumerate(zip(first, last, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(first), len(last)))


def _word_before(name: str, at: int) -> int:
    """Return where the word at a position begins."""
    while at and (name[at - 1].isalnum() or name[at - 1] == "_"):
        at -= 1
    return at


def _without_arguments(name: str) -> str:
    """Cut the last pair of parentheses, if it ends the name and is no `(anonymous namespace)`."""
    if not name.endswith(")"):
        return name
    depth = 0
    for at in range(len(name) - 1, -1, -1):
        depth += (name[at] == ")") - (name[at] == "(")
        if not depth:
            return name[:at] if at and name[at - 1] not in " :" else name
    return name

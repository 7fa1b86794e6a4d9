"""Names of kernels as short as a line can hold; `--json` has them whole."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from resnext_bench.reports.trace.names.plain import function, plain

_NOISE: Final = re.compile(
    r"at::native::|ck::tensor_operation::device::|\(anonymous namespace\)::|at::cuda::|"
    r"c10::(?=BFloat16|Half)|std::"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_KNOWN: Final = (
    (re.compile(r"^autograd::engine::evaluate_function: "), "autograd: "),
    (re.compile(r"^torch::autograd::"), ""),
)


def short(name: str) -> str:
    """Drop arguments, namespaces and the return type from a name, which is demangled if need be."""
    name = _in_a_line(name)
    for pattern, instead in _KNOWN:
        name = pattern.sub(instead, name)
    return _NOISE.sub("", _without_arguments(function(plain(name)))).strip() or name


def distinct(names: Sequence[str]) -> list[str]:
    """Shorten names so that different ones stay different, if need be with what `short` drops."""
    found = {name: short(name) for name in names}
    for longer in (_with_arguments, _in_a_line):
        alike = Counter(found.values())
        found = {name: longer(name) if alike[told] > 1 else told for name, told in found.items()}
    return [found[name] for name in names]


def _with_arguments(name: str) -> str:
    return _NOISE.sub("", function(plain(_in_a_line(name)))).strip() or name


def _in_a_line(name: str) -> str:
    """Replace what a terminal would obey: ends of lines, escapes."""
    return name if name.isprintable() else _CONTROL.sub(" ", name)


def fitting(names: Sequence[str], width: int) -> list[str]:
    """Fit names into `width` characters each; different ones stay different.

    A name that is too long loses its end. If others would then look the same, it loses its middle,
    and continues where it differs from them: from the word there, else from the part of a word
    between underscores, else from the very letter. Where all that is not enough, they are numbered.
    """
    begins = dict.fromkeys(names, 0)
    while True:
        changed = False
        for group in _look_alike(begins, width):
            if begin := _telling(group, max(begins[name] for name in group), width):
                begins |= dict.fromkeys(group, begin)
                changed = True
        if not changed:
            break
    found = {name: _from(name, begin, width) for name, begin in begins.items()}
    for group in _look_alike(begins, width):
        for name in group:
            found[name] = _numbered(name, width, set(found.values()))
    return [found[name] for name in names]


def _numbered(name: str, width: int, taken: Collection[str]) -> str:
    """Return a name with the first number that makes it one of its own, if there is room for it."""
    marks = (f"#{number}" for number in range(1, len(taken) + 2))
    told = (_cut(name, width - len(mark)) + mark for mark in marks if len(mark) < width)
    return next((one for one in told if one not in taken), _cut(name, width))


def _look_alike(begins: dict[str, int], width: int) -> list[list[str]]:
    """Return names that would read the same, in groups."""
    alike: dict[str, list[str]] = {}
    for name, begin in begins.items():
        alike.setdefault(_from(name, begin, width), []).append(name)
    return [group for group in alike.values() if len(group) > 1]


def _telling(group: Sequence[str], begun: int, width: int) -> int:
    """Return where their ends should begin for some of these names to read apart; 0: nowhere."""
    at = _alike(group)
    for begin in (_word_before(group[0], at), _part_before(group[0], at), at):
        if begin > begun and len({_from(name, begin, width) for name in group}) > 1:
            return begin
    return 0


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


def _part_before(name: str, at: int) -> int:
    """Return where the letters and digits at a position begin."""
    while at and name[at - 1].isalnum():
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

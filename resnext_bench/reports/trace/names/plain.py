"""Names of kernels made readable: demangled, and without what says nothing of what they do."""

import re
from functools import lru_cache
from typing import Final

_LONGEST: Final = 1 << 15
"""Characters; the demangler recurses, and names nested far deeper than this end the process."""


@lru_cache(maxsize=1 << 12)
def plain(name: str) -> str:
    """Return a mangled name (`_ZN...`) as C++ writes it; any other name, or half of one, stays."""
    if not name.startswith("_Z") or len(name) > _LONGEST:
        return name
    try:
        from pycxxfilt import demangle  # noqa: PLC0415 - few traces have a name that needs it
    except ImportError:  # a checkout that is not installed reads traces, too
        return name
    try:
        told = demangle(_COPY_OF_FUNCTION.sub("", name))
    except ValueError:
        return name
    return name if told is None else told.removeprefix("typeinfo name for ")


_UNNAMED: Final = re.compile(
    r"(?:\(anonymous(?: namespace)?\)|<unnamed>|\{anonymous\}|`anonymous namespace')::"
)
_COPY_OF_FUNCTION: Final = re.compile(r"(?: \[clone [^\]]*\])+$|\.kd$")
"""The compiler's marks; `.kd` is AMD's descriptor of the kernel."""
_ENABLE_IF: Final = (
    re.compile(r"^(?:typename )?std::enable_if<.*?, void ?>::type\s+"),
    re.compile(r"^(?:typename )?std::enable_if<.*?>::type\s+(?=\w)"),
    re.compile(r"^std::enable_if_t<.*?, void ?>\s+"),
)
"""Return types of kernels that exist for some types only; a condition holds any signs."""
_ACLNN: Final = re.compile(r"^(?:aclnn|Inner)[A-Z]\w*_(?=[A-Z]\w*$)")
"""Of Ascend: the call of the library; the kernel's type is what follows."""
_ENOUGH: Final = 1000
"""Characters of a name that its head is looked for in; templates make names of many thousand."""
_LENGTHS: Final = re.compile(r"(\d{1,3})(?=[A-Za-z_])")


def function(name: str) -> str:
    """Return a function's name without its return type, and without marks of the compiler."""
    told = _COPY_OF_FUNCTION.sub("", name) if name.endswith(("]", ".kd")) else name
    if told.startswith(("std::enable_if", "typename std::")):
        for pattern in _ENABLE_IF:
            told, found = pattern.subn("", told, count=1)
            if found:
                break
    return told.removeprefix("void ")


def head(name: str) -> str:
    """Return a kernel's own name with its namespaces, before templates and arguments."""
    if name.startswith("_Z"):
        return _mangled_head(name)
    told = _UNNAMED.sub("", function(name[:_ENOUGH]))
    return _ACLNN.sub("", re.split(r"[<(]", told, maxsplit=1)[0].strip())


def _mangled_head(name: str) -> str:
    """Return the names that a mangled one begins with: each follows its length."""
    found, at = [], 3 if name.startswith("_ZN") else 2
    while length := _LENGTHS.match(name, at):
        begin = length.end()
        at = begin + int(length[1])
        found.append(name[begin:at])
    return "::".join(one for one in found if not one.startswith("_GLOBAL__N_")) or name

"""Names of kernels as short as a line can hold; `--json` has them whole."""

import re
from typing import Final

_NOISE: Final = re.compile(
    r"^void |at::native::|\(anonymous namespace\)::|at::cuda::|c10::(?=BFloat16|Half)|std::"
)
_KNOWN: Final = (
    (re.compile(r"^autograd::engine::evaluate_function: "), "autograd: "),
    (re.compile(r"^torch::autograd::"), ""),
)


def short(name: str) -> str:
    """Without arguments, namespaces and `void`; templates keep their first words."""
    for pattern, instead in _KNOWN:
        name = pattern.sub(instead, name)
    return _NOISE.sub("", _without_arguments(name)).strip() or name


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

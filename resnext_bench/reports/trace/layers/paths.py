"""Where a module stands in a model, from the words that traces have for it.

A path is a tuple of parts, the outermost module first. `run --profile` and TorchScript give names
of attributes (`layer1`, `0`, `conv2`), Python's profiler those of instances (`Bottleneck_7`), and
old profilers only the lines of Python by which modules called each other.
"""

import re
from pathlib import PurePosixPath
from typing import Final

Path = tuple[str, ...]

LABEL: Final = re.compile(r"## ([^\s#]+): ([A-Za-z_]\w*) ##")
"""How `run --profile` writes a module's forward into the trace: its name and its type."""

_WRAPPERS: Final = frozenset(
    {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_fpw_module"}
)
"""Attributes under which torch.compile, FSDP and activation checkpointing keep what they wrap."""
_DDP: Final = "module"
"""The same of DistributedDataParallel and DataParallel, whose name may be a user's own, too."""
_STEP: Final = re.compile(r"([^.()]+)\(([^()]*)\)(?:::\w+)?")
"""A part of TorchScript's hierarchy: `layer1(Sequential)::forward`."""
_TOP: Final = "TOP"
_SELF: Final = "SELF"
_UNKNOWN: Final = "UNKNOWN_TYPE"
_DERIVED: Final = "::<backward op>"
"""In a graph that TorchScript derives for backward no operator has a module."""
NETWORK: Final = "(network)"
"""The network itself, where its type is not told."""
_CALLED: Final = "nn.Module: "
_FRAME: Final = re.compile(r"(.*)\((\d+)\): (.+)")
_MODULE_PY: Final = "torch/nn/modules/module.py"
_CALLS: Final = frozenset({"_call_impl", "__call__", "_wrapped_call_impl", "_slow_forward"})
"""Functions of torch.nn.Module between who calls a module and its forward."""


def label(name: str) -> tuple[Path, str] | None:
    """Return the path and the type in a label of `run --profile`; None where it is none."""
    match = LABEL.fullmatch(name)
    return (_unwrapped(match[1].split(".")), match[2]) if match else None


def _unwrapped(parts: list[str]) -> Path:
    return tuple(part for part in parts if part not in _WRAPPERS)


def without_ddp(paths: list[Path]) -> list[Path]:
    """Return the paths without the `module` that DistributedDataParallel puts before each."""
    while paths and all(path[:1] == (_DDP,) for path in paths if path) and any(paths):
        paths = [path[1:] for path in paths]
    return paths


def instance(name: str) -> str:
    """Return the type of an instance: `Conv2d` of `Conv2d_3`."""
    return re.sub(r"_\d+$", "", name)


def hierarchy(text: str) -> list[tuple[str, str]]:
    """Return name and type of each module in `TOP(Net)::forward.layer1(Sequential)::forward.`.

    The network itself has no name and comes first, by its type in brackets.
    """
    found: list[tuple[str, str]] = []
    if _DERIVED in text:
        return found
    for name, kind in _STEP.findall(text):
        known = "" if kind == _UNKNOWN else kind
        if name.upper() == _TOP:
            found = [(f"({known})" if known else NETWORK, known)]
        elif name.upper() != _SELF and name not in _WRAPPERS:
            found.append((name, known))
    return found


def stack(text: str) -> list[tuple[str, str]]:
    """Return name and type of each module in the frames of a call stack, innermost frame first.

    Frames may be calls of modules themselves. Of others each call of `torch.nn.Module` between two
    frames is a module, of which the file of its forward and the line that calls it are known:
    `conv:124` stands for all modules that line 124 of the module above calls.
    """
    frames = text.split(";")[::-1]
    calls = [one.removeprefix(_CALLED) for one in frames if one.startswith(_CALLED)]
    if calls:
        return [(one, instance(one)) for one in calls]
    found: list[tuple[str, str]] = []
    read = [_frame(one) for one in frames]
    line = ""
    between = False
    for path, number, function in read:
        if path.endswith(_MODULE_PY) and function in _CALLS:
            between = True
            continue
        if between:
            found.append((f"{PurePosixPath(path).stem}:{line}", ""))
            between = False
        line = number
    return found


def _frame(text: str) -> tuple[str, str, str]:
    match = _FRAME.fullmatch(text)
    return (match[1].replace("\\", "/"), match[2], match[3]) if match else ("", "", text)

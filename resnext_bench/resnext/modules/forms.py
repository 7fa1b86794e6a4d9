"""Converts weights of one form of ResNeXt to those of another.

Path i of C holds rows i·d to (i+1)·d of the grouped form's first 1x1, group i of its 3x3, the same
channels of both batch norms and, in form (a), the same columns of its last 1x1.
"""

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from resnext_bench.resnext.spec import Form, ResNeXtSpec

State = dict[str, Tensor]

_GROUPED: Final = re.compile(r"(layer(\d+)\.\d+)\.(conv1|bn1|conv2|bn2|conv3)\.(\w+)")
_PATH: Final = re.compile(r"(layer\d+\.\d+)\.paths\.(\d+)\.(\w+)\.(\w+)")


def converted(state: Mapping[str, Tensor], spec: ResNeXtSpec, target: Form) -> State:
    """Return a `state_dict` of any form of `spec` as one of the form `target`.

    Values are copied, none is computed: anything with the name of a parameter, such as its
    momentum, converts as well.
    """
    grouped = _joined(state)
    return grouped if target == "c" else _split(grouped, spec, target)


def _joined(state: Mapping[str, Tensor]) -> State:
    """Return the weights in form (c); other forms are recognised by the names of their paths."""
    found: State = {}
    paths: dict[str, list[tuple[int, Tensor]]] = {}
    for name, value in state.items():
        if part := _PATH.fullmatch(name):
            block, path, layer, kind = part.groups()
            paths.setdefault(f"{block}.{layer}.{kind}", []).append((int(path), value))
        else:
            found[name] = value
    for name, by_path in paths.items():
        values = [value for _, value in sorted(by_path, key=lambda one: one[0])]
        found[name] = torch.cat(values, _axis(name)) if values[0].dim() else values[0]
    return found


def _split(grouped: State, spec: ResNeXtSpec, form: Form) -> State:
    found: State = {}
    for name, value in grouped.items():
        part = _GROUPED.fullmatch(name)
        if part is None or (form == "b" and part[3] == "conv3"):
            found[name] = value
            continue
        block, stage, layer, kind = part.groups()
        for path, piece in enumerate(_pieces(value, spec.groups[int(stage) - 1], _axis(name))):
            found[f"{block}.paths.{path}.{layer}.{kind}"] = piece.clone()
    return found


def _pieces(value: Tensor, groups: int, axis: int) -> tuple[Tensor, ...]:
    """Return the pieces for the paths; batch norm's count of batches is the same for all."""
    return value.chunk(groups, axis) if value.dim() else (value,) * groups


def _axis(name: str) -> int:
    """Return the axis of the paths' channels: the last 1x1 reads them, all others write them."""
    return 1 if ".conv3." in name else 0

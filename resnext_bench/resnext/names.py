"""Names of architectures: from `resnext50_32x4d` to its description (no torch)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from resnext_bench.resnext.relatives import AlexNetSpec, GoogLeNetSpec
from resnext_bench.resnext.spec import CIFAR_STEM, Form, ResNeXtSpec, Stem
from resnext_bench.wording import nearest

Architecture = ResNeXtSpec | AlexNetSpec | GoogLeNetSpec

BLOCKS: Final[dict[int, tuple[int, ...]]] = {
    14: (1, 1, 1, 1),
    26: (2, 2, 2, 2),
    29: (3, 3, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
"""Number of blocks in each stage by depth. 29 is CIFAR's; 14 and 26 are from no paper, but
quick."""
CIFAR_DEPTHS: Final = frozenset({29})
ROOTS: Final[dict[int, tuple[int, int, int, int]]] = {
    root: (root, max(1, root // 2), max(1, root // 4), max(1, root // 8))
    for root in (1, 2, 4, 8, 16, 32, 64)
}
"""Filter groups of Deep Roots by stage, halved where the width doubles; 1 is their "orig"."""
GOOGLENET_ROOTS: Final = (2, 4, 8, 16)

PATTERN: Final = (
    "resnext{14,26,29,50,101,152,200}_{C}x{d}d with C groups of d channels, as resnext50_32x4d; "
    "resnet{26,50,101,152,200}; a relative from resnext-bench models"
)

_DEPTHS = "|".join(map(str, sorted(BLOCKS)))
_NUMBER = "[1-9][0-9]{0,3}"
_GROUPED = re.compile(rf"resnext({_DEPTHS})_({_NUMBER})x({_NUMBER})d((?:_v1)?)((?:_plain)?)")
_RESNET = re.compile(r"resnet(26|50|101|152|200)((?:_v1)?)((?:_plain)?)")
_ROOT = re.compile(rf"(resnet50|googlenet)_root({_NUMBER})")
_ALEXNETS = {
    "alexnet": AlexNetSpec(),
    "alexnet_ungrouped": AlexNetSpec(name="alexnet_ungrouped", groups=1),
}
_EQUAL_COMPLEXITY: Final = ("2x40", "4x24", "8x14", "32x4")
_KNOWN: Final = (
    *(f"resnet{depth}" for depth in (50, 101, 152, 200)),
    *(f"resnext{depth}_32x4d" for depth in (14, 26)),
    *(f"resnext50_{cd}d" for cd in _EQUAL_COMPLEXITY),
    *(f"resnext101_{cd}d" for cd in (*_EQUAL_COMPLEXITY, "1x100", "2x64", "32x8", "64x4", "32x16")),
    *(f"resnext152_{cd}d" for cd in ("32x4", "64x4")),
    *(f"resnext29_{cd}d" for cd in ("8x64", "16x64")),
    *("resnet50_v1", "resnet50_plain", "resnext50_32x4d_plain"),
    *(f"resnet50_root{root}" for root in ROOTS),
    *("googlenet", *(f"googlenet_root{root}" for root in GOOGLENET_ROOTS)),
    *_ALEXNETS,
)


_NEAR: Final = 0.75
"""Least similarity of a known name that may have been meant; vgg16 is near to none."""


class UnknownModel(ValueError):
    """Raised when a name belongs to no architecture; gives the name and the nearest known one."""

    def __init__(self, given: str, known: Iterable[str], pattern: str) -> None:
        """Look for a known name that may have been meant."""
        near = nearest(given.strip().lower(), known, likeness=_NEAR)
        hint = f"; did you mean {near}?" if near else "."
        super().__init__(f"unknown model {given!r}{hint} Allowed: {pattern}")

    def __reduce__(self) -> tuple[type[ValueError], tuple[str]]:
        """Cross a process boundary as a message, as the arguments differ from `args`."""
        return ValueError, (str(self),)


def names() -> tuple[str, ...]:
    """Return the well-known names, for lists and suggestions; `parse` accepts many more."""
    return _KNOWN


def parse(name: str) -> Architecture:
    """Return the architecture a name stands for, or raise UnknownModel with the nearest name."""
    for pattern, made in _FORMS:
        if found := pattern.fullmatch(name):
            return made(name, found)
    if name in _ALEXNETS:
        return _ALEXNETS[name]
    if name == "googlenet":
        return GoogLeNetSpec()
    raise UnknownModel(name, _KNOWN, PATTERN)


def formed(name: str, form: Form, classes: int) -> Architecture:
    """Return the architecture of a name with its blocks in one form, and this number of classes."""
    spec = parse(name)
    if isinstance(spec, ResNeXtSpec):
        return replace(spec, form=form, classes=classes)
    return replace(spec, classes=classes)


def _grouped(name: str, found: re.Match[str]) -> ResNeXtSpec:
    depth, cardinality, width = (int(found[group]) for group in (1, 2, 3))
    spec = ResNeXtSpec(name=name, blocks=BLOCKS[depth], cardinality=cardinality, width=width)
    if depth in CIFAR_DEPTHS:
        spec = replace(spec, stem=CIFAR_STEM, classes=10, image_size=32)
    return _varied(spec, found[4], found[5])


def _resnet(name: str, found: re.Match[str]) -> ResNeXtSpec:
    spec = ResNeXtSpec(name=name, blocks=BLOCKS[int(found[1])], cardinality=1, width=64)
    return _varied(spec, found[2], found[3])


def _varied(spec: ResNeXtSpec, v1: str, plain: str) -> ResNeXtSpec:
    return replace(spec, stride_place="1x1" if v1 else "3x3", shortcuts=not plain)


def _root(name: str, found: re.Match[str]) -> Architecture:
    root = int(found[2])
    if found[1] == "googlenet" and root in GOOGLENET_ROOTS:
        return GoogLeNetSpec(name=name, filter_groups=ROOTS[root])
    if found[1] == "resnet50" and root in ROOTS:
        return ResNeXtSpec(
            name=name,
            blocks=BLOCKS[50],
            cardinality=1,
            width=64,
            stem=Stem(bias=True),
            stride_place="1x1",
            filter_groups=ROOTS[root],
        )
    raise UnknownModel(name, _KNOWN, PATTERN)


_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[[str, re.Match[str]], Architecture]], ...]] = (
    (_GROUPED, _grouped),
    (_RESNET, _resnet),
    (_ROOT, _root),
)

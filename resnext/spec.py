"""The ResNeXt family as data: what a name means, and the blocks it stands for (no torch)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from resnext.errors import UnknownModel

STEM_CHANNELS = 64
BOTTLENECK_CHANNELS = 256
BLOCKS: dict[int, tuple[int, ...]] = {
    14: (1, 1, 1, 1),
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
PATTERN = (
    "resnet{50,101,152} or resnext{14,26,50,101,152}_{C}x{D}d, "
    "C groups of D channels each (1 to 9999), such as resnext50_32x4d"
)

_GROUPED = re.compile(r"resnext(14|26|50|101|152)_([1-9][0-9]{0,3})x([1-9][0-9]{0,3})d")
_PLAIN = re.compile(r"resnet(50|101|152)")
_KNOWN = (
    *(f"resnet{depth}" for depth in (50, 101, 152)),
    *(f"resnext{depth}_32x4d" for depth in (14, 26)),
    *(f"resnext50_{cd}d" for cd in ("2x40", "4x24", "8x14", "32x4")),
    *(
        f"resnext101_{cd}d"
        for cd in ("2x40", "4x24", "8x14", "32x4", "1x100", "2x64", "32x8", "64x4", "32x16")
    ),
    *(f"resnext152_{cd}d" for cd in ("32x4", "64x4")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockSpec:
    """One bottleneck: 1x1 reduce, 3x3 in groups, 1x1 expand, added to its shortcut."""

    in_channels: int
    group_channels: int
    out_channels: int
    groups: int
    stride: int

    @property
    def projects(self) -> bool:
        """Whether the shortcut is a 1x1 projection: only where the shape changes."""
        return self.stride != 1 or self.in_channels != self.out_channels


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNeXtSpec:
    """A member of the family (arXiv 1611.05431, table 1); ResNet is cardinality 1, width 64.

    `cardinality` is the number of groups (C), `width` the channels per group in the first
    stage (d); the 3x3 there has C·d channels.
    """

    name: str
    blocks: tuple[int, ...]
    cardinality: int
    width: int
    classes: int = 1000

    def __post_init__(self) -> None:
        """Refuse what cannot be built, before torch sees it."""
        positive = {"cardinality": self.cardinality, "width": self.width, "classes": self.classes}
        for field, value in positive.items():
            if value < 1:
                raise ValueError(f"{self.name}: {field} is {value}, at least 1 is needed")
        if not self.blocks or min(self.blocks) < 1:
            raise ValueError(f"{self.name}: blocks are {self.blocks}, each stage needs at least 1")

    @property
    def depth(self) -> int:
        """Layers with weights, as the papers count them: stem, three a block, classifier."""
        return 3 * sum(self.blocks) + 2

    @property
    def group_channels(self) -> tuple[int, ...]:
        """Channels of the grouped 3x3 per stage: C·d, doubled from stage to stage."""
        return tuple(self.cardinality * self.width << stage for stage in range(len(self.blocks)))

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels each stage hands on: 256, 512, 1024, 2048."""
        return tuple(BOTTLENECK_CHANNELS << stage for stage in range(len(self.blocks)))

    def stages(self) -> Iterator[tuple[BlockSpec, ...]]:
        """Yield the blocks of each stage; its first one halves the picture, but for stage one."""
        entering = STEM_CHANNELS
        for stage, count in enumerate(self.blocks):
            out = self.out_channels[stage]
            yield tuple(
                BlockSpec(
                    in_channels=entering if index == 0 else out,
                    group_channels=self.group_channels[stage],
                    out_channels=out,
                    groups=self.cardinality,
                    stride=2 if index == 0 and stage > 0 else 1,
                )
                for index in range(count)
            )
            entering = out


def names() -> tuple[str, ...]:
    """Return the well-known members, for lists and suggestions; `parse` takes many more."""
    return _KNOWN


def parse(name: str) -> ResNeXtSpec:
    """Return the spec a name stands for, or raise UnknownModel with the nearest valid name."""
    if grouped := _GROUPED.fullmatch(name):
        depth, cardinality, width = map(int, grouped.groups())
    elif plain := _PLAIN.fullmatch(name):
        depth, cardinality, width = int(plain[1]), 1, 64
    else:
        raise UnknownModel(name, _KNOWN, PATTERN)
    return ResNeXtSpec(name=name, blocks=BLOCKS[depth], cardinality=cardinality, width=width)

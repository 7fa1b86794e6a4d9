"""Residual networks as data: the template of ResNeXt's table 1 and what its relatives change.

Two rules make every member (arXiv 1611.05431, section 3.1): blocks of one stage share their sizes,
and where the map is halved, the width doubles. This needs no torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

Form = Literal["a", "b", "c"]
"""Forms of a block (figure 3): paths summed, paths concatenated, one grouped convolution."""
StridePlace = Literal["3x3", "1x1"]
"""Places where a block may halve the map: the 3x3 as in ResNeXt, the first 1x1 as in ResNet v1."""

STEM_CHANNELS = 64
BOTTLENECK_CHANNELS = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Stem:
    """The first convolution, its batch norm and, for large images, a 3x3/2 max-pool."""

    channels: int = STEM_CHANNELS
    kernel: int = 7
    stride: int = 2
    pool: bool = True
    bias: bool = False
    """Whether the convolution has a bias, as only in the Caffe model of ResNet-50 behind Deep
    Roots."""


IMAGENET_STEM = Stem()
CIFAR_STEM = Stem(kernel=3, stride=1, pool=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockSpec:
    """One bottleneck: 1x1 reduce, 3x3 in groups, 1x1 expand, added to its shortcut."""

    in_channels: int
    group_channels: int
    """Width of the 3x3 convolution, all groups together."""
    out_channels: int
    groups: int
    stride: int
    stride_place: StridePlace = "3x3"
    form: Form = "c"
    shortcut: bool = True

    @property
    def projects(self) -> bool:
        """Whether the shortcut is a 1x1 projection, which it is only where the shape changes."""
        return self.shortcut and (self.stride != 1 or self.in_channels != self.out_channels)

    @property
    def strides(self) -> tuple[int, int]:
        """Strides of the first 1x1 and of the 3x3."""
        return (self.stride, 1) if self.stride_place == "1x1" else (1, self.stride)

    @property
    def path_channels(self) -> int:
        """Channels of one path (d)."""
        return self.group_channels // self.groups


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNeXtSpec:
    """A member of the family; ResNet is cardinality 1, width 64.

    `cardinality` is the number of groups (C), `width` the channels per group in the first
    stage (d); the 3x3 there has C x d channels.
    """

    name: str
    blocks: tuple[int, ...]
    cardinality: int
    width: int
    classes: int = 1000
    image_size: int = 224
    """Edge of the images that the paper trains with, pixels."""
    stem: Stem = IMAGENET_STEM
    stride_place: StridePlace = "3x3"
    form: Form = "c"
    shortcuts: bool = True
    filter_groups: tuple[int, ...] | None = None
    """Groups of the 3x3 by stage, at unchanged width (Deep Roots); None for the cardinality."""

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be built, before torch sees it."""
        positive = {"cardinality": self.cardinality, "width": self.width, "classes": self.classes}
        for field, value in positive.items():
            if value < 1:
                raise ValueError(f"{self.name}: {field} is {value}, at least 1 is needed")
        if not self.blocks or min(self.blocks) < 1:
            raise ValueError(f"{self.name}: blocks are {self.blocks}, each stage needs at least 1")
        if self.form not in get_args(Form):
            raise ValueError(f"{self.name}: form is {self.form!r}; allowed are a, b, c")
        if self.stride_place not in get_args(StridePlace):
            raise ValueError(
                f"{self.name}: stride_place is {self.stride_place!r}; allowed are 3x3, 1x1"
            )
        self._require_filter_groups()

    def _require_filter_groups(self) -> None:
        if self.filter_groups is None:
            return
        if len(self.filter_groups) != len(self.blocks):
            raise ValueError(
                f"{self.name}: filter_groups are {self.filter_groups}, "
                f"one number for each of {len(self.blocks)} stages is needed"
            )
        for groups, channels in zip(self.filter_groups, self.group_channels, strict=True):
            require_division(self.name, channels, groups)

    @property
    def depth(self) -> int:
        """Layers with weights, as the papers count them: stem, three for each block, classifier."""
        return 3 * sum(self.blocks) + 2

    @property
    def group_channels(self) -> tuple[int, ...]:
        """Channels of the grouped 3x3 by stage: C x d, doubled from stage to stage."""
        return tuple(self.cardinality * self.width << stage for stage in range(len(self.blocks)))

    @property
    def groups(self) -> tuple[int, ...]:
        """Groups of the 3x3 by stage."""
        return self.filter_groups or (self.cardinality,) * len(self.blocks)

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each stage's output: 256, 512, 1024, 2048."""
        return tuple(BOTTLENECK_CHANNELS << stage for stage in range(len(self.blocks)))

    def stages(self) -> Iterator[tuple[BlockSpec, ...]]:
        """Yield the blocks of each stage; the first of them halves the map, except in stage one."""
        entering = self.stem.channels
        for stage, count in enumerate(self.blocks):
            out = self.out_channels[stage]
            yield tuple(
                BlockSpec(
                    in_channels=entering if index == 0 else out,
                    group_channels=self.group_channels[stage],
                    out_channels=out,
                    groups=self.groups[stage],
                    stride=2 if index == 0 and stage > 0 else 1,
                    stride_place=self.stride_place,
                    form=self.form,
                    shortcut=self.shortcuts,
                )
                for index in range(count)
            )
            entering = out


def require_division(name: str, channels: int, groups: int) -> None:
    """Raise ValueError for groups that do not divide the channels, and give the nearest that do."""
    if groups >= 1 and channels % groups == 0:
        return
    below = next((one for one in range(min(groups, channels), 0, -1) if channels % one == 0), 1)
    above = next((one for one in range(max(groups, 1), channels + 1) if channels % one == 0), 0)
    near = f"{below} or {above}" if above and above != below else str(below)
    raise ValueError(
        f"{name}: {channels} channels cannot be divided into {groups} groups; use {near}"
    )

"""Grouped convolutions before ResNeXt, as data: AlexNet's two towers and GoogLeNet's modules."""

from dataclasses import dataclass

from resnext_bench.resnext.spec import require_division


@dataclass(frozen=True, kw_only=True, slots=True)
class AlexNetSpec:
    """The original AlexNet (Krizhevsky et al., NIPS 2012, figure 2) as one network.

    Its two towers are two filter groups of conv2, conv4 and conv5; with `groups=1` they see each
    other everywhere. Images are 227 x 227, as 11x11/4 gives the paper's 55 only with them (its text
    says 224).
    """

    name: str = "alexnet"
    groups: int = 2
    classes: int = 1000
    image_size: int = 227

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be built."""
        if self.classes < 1:
            raise ValueError(f"{self.name}: classes is {self.classes}, at least 1 is needed")
        require_division(self.name, 96, self.groups)
        require_division(self.name, 256, self.groups)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inception:
    """One module: widths of its four branches (GoogLeNet, table 1)."""

    name: str
    direct: int
    """Width of the branch that is a single 1x1."""
    reduce3: int
    out3: int
    reduce5: int
    out5: int
    pool: int
    """Width of the 1x1 after the 3x3 max-pool."""

    @property
    def channels(self) -> int:
        """Channels of all branches together."""
        return self.direct + self.out3 + self.out5 + self.pool


def _module(name: str, *widths: int) -> Inception:
    direct, reduce3, out3, reduce5, out5, pool = widths
    return Inception(
        name=name,
        direct=direct,
        reduce3=reduce3,
        out3=out3,
        reduce5=reduce5,
        out5=out5,
        pool=pool,
    )


INCEPTIONS: tuple[tuple[Inception, ...], ...] = (
    (
        _module("inception3a", 64, 96, 128, 16, 32, 32),
        _module("inception3b", 128, 128, 192, 32, 96, 64),
    ),
    (
        _module("inception4a", 192, 96, 208, 16, 48, 64),
        _module("inception4b", 160, 112, 224, 24, 64, 64),
        _module("inception4c", 128, 128, 256, 24, 64, 64),
        _module("inception4d", 112, 144, 288, 32, 64, 64),
        _module("inception4e", 256, 160, 320, 32, 128, 128),
    ),
    (
        _module("inception5a", 256, 160, 320, 32, 128, 128),
        _module("inception5b", 384, 192, 384, 48, 128, 128),
    ),
)
"""Modules by stage; a 3x3/2 max-pool stands between stages (GoogLeNet, arXiv 1409.4842, table
1)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GoogLeNetSpec:
    """GoogLeNet (arXiv 1409.4842, table 1): true 5x5, biases, local response norm, no batch norm.

    `filter_groups` are those of Deep Roots (arXiv 1605.06489): for the 3x3 of conv2, and for the
    3x3 and 5x5 of the stages 3, 4 and 5. The two auxiliary classifiers, which the paper adds in
    training, are left out: they would add 6,379,728 parameters.
    """

    name: str = "googlenet"
    filter_groups: tuple[int, int, int, int] = (1, 1, 1, 1)
    classes: int = 1000
    image_size: int = 224

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be built."""
        if self.classes < 1:
            raise ValueError(f"{self.name}: classes is {self.classes}, at least 1 is needed")
        require_division(self.name, 64, self.filter_groups[0])
        for groups, stage in zip(self.filter_groups[1:], INCEPTIONS, strict=True):
            for module in stage:
                for channels in (module.reduce3, module.out3, module.reduce5, module.out5):
                    require_division(f"{self.name}, {module.name}", channels, groups)

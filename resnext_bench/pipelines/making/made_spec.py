"""The specification of the made data set, without the code that draws it, for a fast dry run."""

from dataclasses import dataclass

# In the order of their hues in the plane of blue- and red-difference.
CLASS_NAMES = ("indigo", "violet", "rose", "amber", "lime", "fern", "teal", "azure")
MAX_CLASSES = 1000
USUAL_LONG_PX = 500
LONG_PX = (64, 600)
"""Bounds of the typical longer side: more would not fit on what images are cut from."""


def class_names(count: int) -> tuple[str, ...]:
    """Return names of classes: hues while there are names for them."""
    if count <= len(CLASS_NAMES):
        return CLASS_NAMES[:count]
    return tuple(f"class-{label:04d}" for label in range(count))


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeSpec:
    """All that the bytes of the set depend on; `version` is that of the drawing code."""

    images: int = 512
    classes: int = 8
    seed: int = 0
    quality_low: int = 90
    quality_high: int = 95
    long_px: int = USUAL_LONG_PX
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if not 1 <= self.classes <= MAX_CLASSES:
            raise ValueError(f"made data: {self.classes} classes; 1 to {MAX_CLASSES} can be made")
        if self.images < self.classes:
            raise ValueError(
                f"made data: {self.images} images for {self.classes} classes; each needs at "
                "least one"
            )
        if not 1 <= self.quality_low <= self.quality_high <= 100:
            raise ValueError(
                f"made data: JPEG quality {self.quality_low} to {self.quality_high}; allowed are 1 "
                "to 100, the lower value first"
            )
        if not LONG_PX[0] <= self.long_px <= LONG_PX[1]:
            raise ValueError(
                f"made data: longer side of {self.long_px} pixels; {LONG_PX[0]} to {LONG_PX[1]}"
                " can be drawn"
            )

    @property
    def folder_name(self) -> str:
        """Return a name that no other spec has."""
        quality = f"q{self.quality_low}-{self.quality_high}"
        size = "" if self.long_px == USUAL_LONG_PX else f"-{self.long_px}px"
        return f"made-v{self.version}-{self.images}x{self.classes}-s{self.seed}-{quality}{size}"


DEFAULT_SPEC = MadeSpec()

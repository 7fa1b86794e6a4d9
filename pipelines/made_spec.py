"""What the made data set is, without the means to draw it: a dry run names it in no time."""

from dataclasses import dataclass

# In the order of their hues in the plane of blue- and red-difference.
CLASS_NAMES = ("indigo", "violet", "rose", "amber", "lime", "fern", "teal", "azure")


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeSpec:
    """All that the bytes of the set depend on; `version` is that of the drawing code."""

    images: int = 512
    classes: int = 8
    seed: int = 0
    quality_low: int = 90
    quality_high: int = 95
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if not 1 <= self.classes <= len(CLASS_NAMES):
            raise ValueError(f"made data: {self.classes} classes; 1 to {len(CLASS_NAMES)} exist")
        if self.images < self.classes:
            raise ValueError(
                f"made data: {self.images} images for {self.classes} classes; each needs one"
            )
        if not 1 <= self.quality_low <= self.quality_high <= 100:
            raise ValueError(
                f"made data: JPEG quality {self.quality_low} to {self.quality_high};"
                " 1 to 100 is allowed, the lower one first"
            )

    @property
    def folder_name(self) -> str:
        """A name that no other spec has."""
        quality = f"q{self.quality_low}-{self.quality_high}"
        return f"made-v{self.version}-{self.images}x{self.classes}-s{self.seed}-{quality}"


DEFAULT_SPEC = MadeSpec()

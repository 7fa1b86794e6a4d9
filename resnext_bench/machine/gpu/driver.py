"""The versions of a GPU's driver, and words of its settings that a launch depends on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

EXCLUSIVE: Final = "exclusive process"
PROHIBITED: Final = "prohibited"
"""Compute modes in which not every process may use a GPU, in nvidia-smi's words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    """Versions of the driver; empty or None where they are not known."""

    version: str = ""
    cuda: tuple[int, int] | None = None
    """The newest CUDA that its library supports: that of a forward compatibility package, where
    one is in use."""


def driver_of(versions: Mapping[str, str]) -> Driver:
    """Return the versions that a monitor reports by name."""
    major, _, minor = versions.get("driver's CUDA", "").partition(".")
    known = major.isdigit() and minor.isdigit()
    return Driver(
        version=versions.get("driver", ""), cuda=(int(major), int(minor)) if known else None
    )

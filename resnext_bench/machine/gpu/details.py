"""What a launch must know of the visible GPUs beyond their names: where they are, who may use them.

No answer is missed by a run on a CPU, so silence is no error here.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from resnext_bench.machine.gpu.attachment import Attachment, completed
from resnext_bench.machine.gpu.facts import GpuLost
from resnext_bench.machine.gpu.monitor import Gpu, monitor

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Detail:
    """What is known of one GPU."""

    attachment: Attachment = field(default_factory=Attachment)
    compute_mode: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """What is known of all visible GPUs, in their order."""

    driver: Driver = field(default_factory=Driver)
    gpus: tuple[Detail, ...] = ()

    def of(self, number: int) -> Detail:
        """Return what is known of the GPU with this index among the visible ones."""
        return self.gpus[number] if number < len(self.gpus) else Detail()


def read_details(sys: Path) -> Details:
    """Read what the driver and the kernel say of the visible GPUs."""
    with monitor() as found:
        if found is None:
            return Details()
        driver = driver_of(found.versions())
        try:
            gpus = found.gpus()
        except GpuLost:  # the list of the GPUs says so
            return Details(driver=driver)
        return Details(driver=driver, gpus=tuple(_detail(gpu, sys) for gpu in gpus))


def driver_of(versions: dict[str, str]) -> Driver:
    """Return the versions that a monitor reports by name."""
    major, _, minor = versions.get("driver's CUDA", "").partition(".")
    known = major.isdigit() and minor.isdigit()
    return Driver(
        version=versions.get("driver", ""), cuda=(int(major), int(minor)) if known else None
    )


def _detail(gpu: Gpu, sys: Path) -> Detail:
    return Detail(
        attachment=completed(gpu.attachment(), sys), compute_mode=gpu.board().compute_mode
    )

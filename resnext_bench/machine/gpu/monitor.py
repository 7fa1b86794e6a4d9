"""What may be asked of GPUs, whoever made them: one implementation for each vendor's library.

Every question may go unanswered (None) without costing the others, and none raises, but for the
list of the GPUs. NVIDIA's is `nvml`; another vendor is another file, named in `VENDORS`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from resnext_bench.errors import CannotHere
from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.facts import GpuFacts, GpuLost
from resnext_bench.reports.schema.machine import Board


class Gpu(Protocol):
    """One GPU."""

    lost: str
    """What the driver said when the GPU went away; empty while it is there."""

    @property
    def index(self) -> int | None:
        """As the vendor's own tool counts."""

    def facts(self) -> GpuFacts:
        """Name, memory and capability; raises GpuLost."""

    def board(self) -> Board:
        """What is set on its board, with no index of its own."""

    def clocks_down(self) -> int | None:
        """Bits of `facts`: what holds the clocks down now."""

    def sm_mhz(self) -> int | None:
        """Clock of its cores."""

    def memory_mhz(self) -> int | None:
        """Clock of its memory."""

    def temperature_c(self) -> int | None:
        """Of its cores."""

    def power_w(self) -> float | None:
        """Of the whole board."""

    def energy_j(self) -> float | None:
        """Of the whole board, since some moment that stays the same."""

    def use_percent(self) -> int | None:
        """Share of the last period, of a second or less, in which any kernel ran."""

    def free_gib(self) -> float | None:
        """Memory that nobody holds."""

    def residents(self) -> set[int] | None:
        """Ids of the processes that compute on it."""

    def use_by_process(self, since_us: int) -> dict[int, float]:
        """Per cent of its time by process, latest since that moment (of the wall clock)."""


class Monitor(Protocol):
    """A vendor's library, ready to be asked."""

    def gpus(self) -> Sequence[Gpu]:
        """List those that are visible to CUDA or its like, in that order; raises GpuLost."""

    def versions(self) -> dict[str, str]:
        """Of the driver and what belongs to it, by name."""


VENDORS: Final[tuple[Callable[[], AbstractContextManager[Monitor | None]], ...]] = (nvml.opened,)
"""In the order in which they are tried: the first that is there is asked."""


@contextmanager
def monitor() -> Iterator[Monitor | None]:
    """Open the library of whoever made the GPUs here; None where there is none."""
    for vendor in VENDORS:
        with vendor() as found:
            if found is not None:
                yield found
                return
    yield None


def visible_gpus() -> list[GpuFacts]:
    """List the visible GPUs; raises CannotHere where one of them does not answer."""
    with monitor() as found:
        if found is None:
            return []
        try:
            return [gpu.facts() for gpu in found.gpus()]
        except GpuLost as error:
            raise CannotHere(
                f"a GPU does not answer: {error}; see nvidia-smi, and reset it or leave it out "
                "with CUDA_VISIBLE_DEVICES"
            ) from error

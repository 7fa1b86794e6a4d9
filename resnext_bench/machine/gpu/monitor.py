"""What can be asked about GPUs of any vendor: one implementation for each vendor's library.

Every question may go unanswered (None) without costing the others, and none raises, but for the
list of the GPUs and their `facts`. NVIDIA's is `nvml`; another vendor is another file, named in
`VENDORS`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from resnext_bench.errors import CannotHere
from resnext_bench.machine.gpu import nvml
from resnext_bench.machine.gpu.attachment import Attachment
from resnext_bench.machine.gpu.facts import GpuFacts, GpuLost
from resnext_bench.reports.schema.machine import Board


class Gpu(Protocol):
    """One GPU."""

    lost: str
    """The driver's message when the GPU went away; empty while it is there."""

    @property
    def index(self) -> int | None:
        """The index in the vendor's own tool."""

    def facts(self) -> GpuFacts:
        """Return name, memory and capability; raise GpuLost."""

    def board(self) -> Board:
        """Return the settings of its board, without an index."""

    def capability(self) -> tuple[int, int] | None:
        """Return its compute capability."""

    def attachment(self) -> Attachment:
        """Return where it is attached, as far as the driver says it."""

    def clocks_down(self) -> int | None:
        """Return bits of `facts` for what holds the clocks down now."""

    def sm_mhz(self) -> int | None:
        """Return the clock of its cores."""

    def memory_mhz(self) -> int | None:
        """Return the clock of its memory."""

    def temperature_c(self) -> int | None:
        """Return the temperature of its cores."""

    def power_w(self) -> float | None:
        """Return the power of the whole board."""

    def energy_j(self) -> float | None:
        """Return the energy of the whole board since some fixed moment."""

    def use_percent(self) -> int | None:
        """Return the share of the last period, of a second or less, in which any kernel ran."""

    def free_gib(self) -> float | None:
        """Return the free memory."""

    def residents(self) -> set[int] | None:
        """Return the ids of the processes that compute on it."""

    def use_by_process(self, since_us: int) -> dict[int, float]:
        """Return the latest share of its time by process, in %, since that wall-clock moment."""


class Monitor(Protocol):
    """A vendor's library, ready to be asked."""

    def gpus(self) -> Sequence[Gpu]:
        """List the GPUs that CUDA or its like makes visible, in that order; raise GpuLost."""

    def versions(self) -> dict[str, str]:
        """Return versions of the driver and what belongs to it, by name."""


VENDORS: Final[tuple[Callable[[], AbstractContextManager[Monitor | None]], ...]] = (nvml.opened,)
"""Vendors in the order in which they are tried; the first that is there is used."""


@contextmanager
def monitor() -> Iterator[Monitor | None]:
    """Open the library of the GPUs' vendor; return None where there is none."""
    for vendor in VENDORS:
        with vendor() as found:
            if found is not None:
                yield found
                return
    yield None


def visible_gpus() -> list[GpuFacts]:
    """List the visible GPUs; raise CannotHere if one of them does not respond."""
    with monitor() as found:
        if found is None:
            return []
        try:
            return [gpu.facts() for gpu in found.gpus()]
        except GpuLost as error:
            raise CannotHere(
                f"a GPU does not respond: {error}; look at nvidia-smi, and reset the GPU or leave "
                "it out with CUDA_VISIBLE_DEVICES"
            ) from error

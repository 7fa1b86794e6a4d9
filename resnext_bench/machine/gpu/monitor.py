"""What can be asked about GPUs of any vendor: one implementation for each vendor's library.

Every question may go unanswered (None) without costing the others, and none raises. A GPU that
does not respond stays in the list, and says so in `lost`. NVIDIA's library is `nvml`, AMD's `amd`;
another vendor's is another file, named in `MONITORS`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from resnext_bench.machine.gpu import amd, nvml
from resnext_bench.machine.gpu.attachment import Attachment
from resnext_bench.machine.gpu.facts import Errors, GpuFacts, LeftOut, Silence
from resnext_bench.machine.gpu.naming import Misnamed
from resnext_bench.machine.gpu.vendors import NVIDIA, Vendor
from resnext_bench.reports.schema.machine import Board


class Gpu(Protocol):
    """One GPU, or a slice of one that computes by itself."""

    lost: str
    """The driver's message when the GPU went away; empty while it is there."""

    @property
    def index(self) -> int | None:
        """The index in the vendor's own tool; a slice has that of its board."""

    @property
    def unanswered(self) -> Mapping[str, str]:
        """The driver's reason for each question so far without an answer, by what was asked."""

    def facts(self) -> GpuFacts:
        """Return what must be known before anything is planned for it."""

    def board(self) -> Board:
        """Return the settings of its board, without an index."""

    def attachment(self, *, links: bool = True) -> Attachment:
        """Return where it is attached, with its `links` to other GPUs or without."""

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

    def link(self) -> tuple[int | None, int | None]:
        """Return the generation and the lanes of its PCIe link now."""

    def free_gib(self) -> float | None:
        """Return the free memory."""

    def residents(self) -> set[int] | None:
        """Return the ids of the processes that compute on it."""

    def use_by_process(self, since_us: int) -> dict[int, float]:
        """Return the latest share of its time by process, in %, since that wall-clock moment."""

    def errors(self) -> Errors:
        """Return counts of errors since some fixed moment; kinds that it does not count are absent.

        They change rarely, and take longer to ask for than all else.
        """

    def repair(self) -> str:
        """Return what its memory waits for, or lacks: "pending", "failed", or nothing."""


class Monitor(Protocol):
    """A vendor's library, ready to be asked."""

    vendor: Vendor
    """The vendor of its GPUs."""

    def gpus(self) -> Sequence[Gpu]:
        """List the GPUs that CUDA or its like makes visible, in that order."""

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return the boards among them that are no devices to this program."""

    def misnamed(self) -> Misnamed | None:
        """Return the name in the user's variable that ended the list, if one did."""

    def versions(self) -> dict[str, str]:
        """Return versions of the driver and what belongs to it, by name."""

    def listen(self) -> None:
        """Let the driver keep critical errors of the GPUs from now on."""

    def heard(self) -> list[tuple[int | None, int]]:
        """Return the critical errors since the last call: index of the GPU, number (Xid)."""


Opened = Callable[[], AbstractContextManager[Monitor | Silence]]
MONITORS: Final[tuple[Opened, ...]] = (nvml.opened, amd.opened)
"""Vendors' libraries in the order in which they are tried; the first that is there is used."""


@contextmanager
def asked() -> Iterator[Monitor | tuple[Silence, ...]]:
    """Open the library of the GPUs' vendor, or say why none can be asked."""
    silences: list[Silence] = []
    for opened in MONITORS:
        with opened() as found:
            if not isinstance(found, Silence):
                yield found
                return
            silences.append(found)
    yield tuple(silences)


@contextmanager
def monitor() -> Iterator[Monitor | None]:
    """Open the library of the GPUs' vendor; return None where there is none."""
    with asked() as found:
        yield None if isinstance(found, tuple) else found


@dataclass(frozen=True, kw_only=True, slots=True)
class Visible:
    """What the drivers list."""

    gpus: tuple[GpuFacts, ...] = ()
    vendor: Vendor = NVIDIA
    """The vendor whose library has answered; NVIDIA where none has."""
    left_out: tuple[LeftOut, ...] = ()
    misnamed: Misnamed | None = None
    silences: tuple[Silence, ...] = ()
    """Why no library can be asked, one for each vendor; empty where one answers."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of the driver and what belongs to it, by name."""
    unanswered: tuple[tuple[str, str], ...] = ()
    """What the driver did not say of them although it must be known, and its reasons."""


def _missed(gpus: Sequence[Gpu]) -> set[tuple[str, str]]:
    """Return what must be known and was not answered, with the driver's reasons."""
    return {
        (what, gpu.unanswered[what])
        for gpu in gpus
        if not gpu.lost
        for what in ("memory", "compute capability")
        if what in gpu.unanswered
    }


def visible_gpus() -> Visible:
    """List the visible GPUs."""
    with asked() as found:
        if isinstance(found, tuple):
            return Visible(silences=found)
        gpus = found.gpus()
        return Visible(
            gpus=tuple(gpu.facts() for gpu in gpus),
            vendor=found.vendor,
            left_out=found.left_out(),
            misnamed=found.misnamed(),
            versions=found.versions(),
            unanswered=tuple(sorted(_missed(gpus))),
        )

"""The GPU boards in a record, and what was observed of them."""

from collections.abc import Iterable

import msgspec

Numbers = tuple[float | None, ...]
"""One value for each GPU; None where its driver does not report it, empty where no driver does."""


class Board(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """GPUs with the same settings. None stands for what the driver does not report."""

    gpus: tuple[int, ...]
    """Indices in nvidia-smi, whatever CUDA_VISIBLE_DEVICES leaves visible."""
    uuids: tuple[str, ...] = ()
    """UUIDs in the same order; a board keeps its own wherever it is plugged in."""
    name: str = ""
    sm_max_mhz: int | None = None
    memory_max_mhz: int | None = None
    power_limit_w: float | None = None
    """Power limit in force, whoever has set it, W."""
    default_limit_w: float | None = None
    ecc: bool | None = None
    persistence: bool | None = None
    mig: bool | None = None
    compute_mode: str = ""
    """One of "default", "exclusive process" and "prohibited"; empty where it is not known."""
    numa_node: int | None = None
    """NUMA node to which it is attached."""
    pcie_generation: int | None = None
    """Generation of PCIe that both ends of its link support: without work it runs at less."""
    pcie_width: int | None = None
    """Lanes of its link in use."""
    pcie_most_width: int | None = None
    """Lanes that both ends of the link have."""
    nvlinks: tuple[tuple[str, int], ...] = ()
    """Where its NVLinks lead, and how many are active: to the index of a GPU in nvidia-smi, to a
    "switch", or to an "other" GPU that is not visible here."""
    mps: bool | None = None
    """Whether processes shared it by way of NVIDIA's Multi-Process Service; None: none did."""
    lost: str = ""
    """The driver's message where the GPU did not respond."""
    unanswered: tuple[tuple[str, str], ...] = ()
    """What the driver did not answer, and its reasons."""


class GpusSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session's GPUs as seen twice a second in its window, in lists with a value for each GPU.

    They are stored in columns to keep a record of many sessions on eight GPUs small.
    """

    index: tuple[int, ...]
    """Indices in nvidia-smi."""
    samples: tuple[int, ...]
    """Number of moments at which the GPU answered."""
    watched_s: Numbers = ()
    """Time from the first of these moments to the last, s."""
    sm_mhz: Numbers = ()
    """Clock of the multiprocessors, MHz: median of the samples; the least and the most follow."""
    sm_least_mhz: Numbers = ()
    sm_most_mhz: Numbers = ()
    memory_mhz: Numbers = ()
    """Clock of the memory, MHz: median of the samples."""
    power_w: Numbers = ()
    """Power of the whole board, W: mean of the samples; the peak follows."""
    power_peak_w: Numbers = ()
    temperature_c: Numbers = ()
    """Highest temperature of the samples, °C."""
    use_percent: Numbers = ()
    """Mean share of time in which any kernel ran, per cent, as nvidia-smi shows it; it does not say
    how full the GPU was."""
    pcie_generation: Numbers = ()
    """Lowest generation at which the PCIe link ran; without work a GPU lowers it."""
    pcie_width: Numbers = ()
    """Fewest lanes of the link in use."""
    energy_j: Numbers = ()
    """Energy of the whole board over `watched_s`, J."""
    energy_by: str = ""
    """Source of the energy: "counter", "power samples" (integrated), or the reason for its
    absence."""
    reasons_percent: dict[str, Numbers] = {}
    """Share of the samples in which something held the clocks down, per cent, by reason; only
    reasons that occurred."""
    foreign_percent: Numbers = ()
    """Mean use by processes that were there before the ranks, per cent."""
    lost: dict[str, str] = {}
    """GPUs that were lost, by index, with the driver's message."""
    errors_before: dict[str, Numbers] = {}
    """Errors that each board had counted before the ranks started, by kind, since the driver was
    loaded (remapped rows: ever); only kinds that occurred."""
    errors_after: dict[str, Numbers] = {}
    """The same after the window."""
    xids: tuple[tuple[int, ...], ...] = ()
    """Numbers of the critical errors that the driver reported of each GPU during the session."""

    @property
    def mean_power_w(self) -> float | None:
        """Mean power of all GPUs together, W, from their energy; None where that is incomplete."""
        if not self.energy_j or None in (*self.energy_j, *self.watched_s):
            return None
        pairs = zip(self.energy_j, self.watched_s, strict=True)
        return sum(energy / seconds for energy, seconds in pairs if energy and seconds)


def known(numbers: Numbers) -> list[float]:
    """Return the values that the drivers reported."""
    return [number for number in numbers if number is not None]


class GpuFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A summary of the GPUs of one or more sessions. None stands for what no driver reports."""

    sm_mhz: float | None
    """Median clock of the slowest GPU, MHz; the ranks on the others wait for it."""
    sm_fastest_mhz: float | None
    power_w: float | None
    """Power of all GPUs together, W: mean over sessions."""
    temperature_c: float | None
    """Temperature of the hottest GPU, °C."""


def gpu_figures(seen: Iterable[GpusSeen | None]) -> GpuFigures | None:
    """Summarise the sessions whose GPUs were observed; return None where there are none."""
    if not (found := [one for one in seen if one]):
        return None
    clocks = [clock for one in found for clock in known(one.sm_mhz)]
    powers = [sum(known(one.power_w)) for one in found if known(one.power_w)]
    heats = [heat for one in found for heat in known(one.temperature_c)]
    return GpuFigures(
        sm_mhz=min(clocks, default=None),
        sm_fastest_mhz=max(clocks, default=None),
        power_w=sum(powers) / len(powers) if powers else None,
        temperature_c=max(heats, default=None),
    )

"""What a record says of the machine beside its names: GPU boards, and what was seen of them."""

from collections.abc import Iterable

import msgspec

Numbers = tuple[float | None, ...]
"""One for each GPU; None where its driver does not say, empty where none of them does."""


class Board(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """GPUs with the same settings. None: the driver does not say."""

    gpus: tuple[int, ...]
    """As nvidia-smi counts, whatever CUDA_VISIBLE_DEVICES leaves visible."""
    uuids: tuple[str, ...] = ()
    """In the same order: a board keeps its own wherever it is plugged in."""
    name: str = ""
    sm_max_mhz: int | None = None
    memory_max_mhz: int | None = None
    power_limit_w: float | None = None
    """In force, whoever set it."""
    default_limit_w: float | None = None
    ecc: bool | None = None
    persistence: bool | None = None
    mig: bool | None = None
    compute_mode: str = ""
    """"default", "exclusive process" or "prohibited"."""


class GpusSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The GPUs of a session in its window, asked twice a second: a value for each in every list.

    In columns, as a record of many sessions on eight GPUs stays small so.
    """

    index: tuple[int, ...]
    """As nvidia-smi counts."""
    samples: tuple[int, ...]
    """Moments at which it answered."""
    watched_s: Numbers = ()
    """From the first of them to the last."""
    sm_mhz: Numbers = ()
    """Clock of the multiprocessors: median, least and most of the samples."""
    sm_least_mhz: Numbers = ()
    sm_most_mhz: Numbers = ()
    memory_mhz: Numbers = ()
    """Median."""
    power_w: Numbers = ()
    """Of the whole board: mean, and most of the samples."""
    power_peak_w: Numbers = ()
    temperature_c: Numbers = ()
    """The hottest sample."""
    use_percent: Numbers = ()
    """Mean share of time in which any kernel ran, as nvidia-smi shows it: says nothing of how full
    the GPU was."""
    energy_j: Numbers = ()
    """Of the whole board over `watched_s`."""
    energy_by: str = ""
    """"counter", "power samples" (integrated), or why there is none."""
    reasons_percent: dict[str, Numbers] = {}
    """Share of the samples in which something held the clocks down, by reason; those seen."""
    foreign_percent: Numbers = ()
    """Mean use by processes that were there before the ranks."""
    lost: dict[str, str] = {}
    """GPUs that went away, by index, and what the driver said."""

    @property
    def mean_power_w(self) -> float | None:
        """Of all GPUs together, from their energy; None where one of them does not tell it."""
        if not self.energy_j or None in (*self.energy_j, *self.watched_s):
            return None
        pairs = zip(self.energy_j, self.watched_s, strict=True)
        return sum(energy / seconds for energy, seconds in pairs if energy and seconds)


def known(numbers: Numbers) -> list[float]:
    """Those that the driver told."""
    return [number for number in numbers if number is not None]


class GpuFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of GPUs in a session, or in several, in few numbers. None: no driver says."""

    sm_mhz: float | None
    """Median clock of the slowest GPU, for which the ranks of the others wait."""
    sm_fastest_mhz: float | None
    power_w: float | None
    """Of all GPUs together, mean over sessions."""
    temperature_c: float | None
    """Of the hottest."""


def gpu_figures(seen: Iterable[GpusSeen | None]) -> GpuFigures | None:
    """Sum up the sessions in which GPUs were seen; None where there are none."""
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

"""What was seen of the GPUs of one session, or of several, in four numbers."""

from collections.abc import Iterable

import msgspec

from resnext_bench.reports.schema.machine import GpusSeen, known


class GpuFigures(msgspec.Struct, frozen=True, kw_only=True):
    """None: no driver says."""

    sm_mhz: float | None
    """Median clock of the slowest GPU, for which the ranks of the others wait."""
    sm_fastest_mhz: float | None
    power_w: float | None
    """Of all GPUs together, mean over sessions."""
    temperature_c: float | None
    """Of the hottest."""


def gpu_figures(seen: Iterable[GpusSeen | None]) -> GpuFigures | None:
    """Of all sessions in which GPUs were seen; None where there are none."""
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

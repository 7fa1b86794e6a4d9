"""What one GPU answered in a window, and the figures that follow."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from statistics import fmean, median
from typing import Final

from resnext_bench.machine.gpu.facts import POWER_CAP, SLOWDOWN_REASONS, Errors
from resnext_bench.machine.gpu.monitor import Gpu
from resnext_bench.reports.schema.machine import GpusSeen, Numbers

_NAMED: Final = {**SLOWDOWN_REASONS, "power cap": POWER_CAP}
SELDOM: Final = 4
"""Values that change slowly are sampled every fourth time, as each query costs some time."""
LEAST_ENERGY_S: Final = 1.0
"""Energy counters move in steps, assumed to be of up to 100 ms: a shorter time is too short."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Answers of one GPU at one moment; None where it does not report, or was not asked."""

    at_s: float
    reasons: int | None = None
    sm_mhz: int | None = None
    power_w: float | None = None
    energy_j: float | None = None
    """Energy since the driver was loaded."""
    foreign_percent: float = 0.0
    memory_mhz: int | None = None
    temperature_c: int | None = None
    use_percent: int | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None

    @property
    def is_answer(self) -> bool:
        """Whether it says anything about the GPU's state."""
        return any(
            one is not None
            for one in (self.reasons, self.sm_mhz, self.power_w, self.energy_j, self.use_percent)
        )


@dataclass(kw_only=True, slots=True)
class Track:
    """The moments of one GPU since the window began."""

    gpu: Gpu
    index: int
    """The index in nvidia-smi."""
    before: set[int] = field(default_factory=set)
    """Processes that were there before the ranks, which are foreign."""
    moments: list[Moment] = field(default_factory=list)
    asked: int = 0
    lost_s: float | None = None
    """When it was found to be lost."""
    errors_before: Errors = field(default_factory=dict)
    """Errors that the board had counted before the ranks started, or before this window."""
    errors_after: Errors = field(default_factory=dict)
    xids: list[int] = field(default_factory=list)
    """Critical errors that the driver reported since then."""

    def clear(self) -> None:
        """Begin a window."""
        self.moments.clear()
        self.asked = 0

    def risen(self) -> Errors:
        """Return by how much each count of errors has risen; only those that have."""
        return {
            kind: count - self.errors_before[kind]
            for kind, count in self.errors_after.items()
            if count > self.errors_before.get(kind, count)
        }

    def look(self, at_s: float, since_us: int) -> Moment | None:
        """Take one sample; return None where nothing was answered."""
        gpu, seldom = self.gpu, self.asked % SELDOM == 0
        generation, width = gpu.link() if seldom else (None, None)
        self.asked += 1
        moment = Moment(
            at_s=at_s,
            reasons=gpu.clocks_down(),
            sm_mhz=gpu.sm_mhz(),
            power_w=gpu.power_w(),
            energy_j=gpu.energy_j(),
            foreign_percent=self._foreign_use(since_us),
            memory_mhz=gpu.memory_mhz() if seldom else None,
            temperature_c=gpu.temperature_c() if seldom else None,
            use_percent=gpu.use_percent() if seldom else None,
            pcie_generation=generation,
            pcie_width=width,
        )
        if gpu.lost and self.lost_s is None:
            self.lost_s = at_s
        if gpu.lost or not moment.is_answer:
            return None
        self.moments.append(moment)
        return moment

    def _foreign_use(self, since_us: int) -> float:
        """Return the share of the GPU's time, in %, used by processes noted before the start."""
        if not self.before:
            return 0.0
        latest = self.gpu.use_by_process(since_us)
        return sum(use for pid, use in latest.items() if pid in self.before)

    def values(self, name: str) -> list[float]:
        """Return one answer at all moments that have it."""
        found = (getattr(moment, name) for moment in self.moments)
        return [value for value in found if value is not None]

    @property
    def watched_s(self) -> float:
        """Return the seconds from the first answer to the last."""
        return self.moments[-1].at_s - self.moments[0].at_s if self.moments else 0.0

    def counted_j(self) -> float | None:
        """Return the energy between the first and the last answer, by the board's counter."""
        if not self.moments or self.watched_s < LEAST_ENERGY_S:
            return None
        first, last = self.moments[0].energy_j, self.moments[-1].energy_j
        return None if first is None or last is None or last < first else last - first

    def integrated_j(self) -> float | None:
        """Return the same energy from power samples, by trapezoids."""
        if self.watched_s < LEAST_ENERGY_S or len(self.values("power_w")) < len(self.moments):
            return None
        return sum(
            (one.at_s - other.at_s) * ((one.power_w or 0.0) + (other.power_w or 0.0)) / 2
            for other, one in pairwise(self.moments)
        )

    def share_percent(self, bits: int) -> float | None:
        """Return the share of moments with any of these reasons."""
        told = self.values("reasons")
        return 100 * sum(bool(int(one) & bits) for one in told) / len(told) if told else None


def columns_of(tracks: Sequence[Track]) -> GpusSeen | None:
    """Return all that was seen, a value for each GPU; None where none answered."""
    if not any(track.moments for track in tracks):
        return None
    energies, energy_by = _energies(tracks)
    reasons = {name: _shares(tracks, bit) for name, bit in _NAMED.items()}
    return GpusSeen(
        index=tuple(track.index for track in tracks),
        samples=tuple(len(track.moments) for track in tracks),
        watched_s=tuple(round(track.watched_s, 3) for track in tracks),
        sm_mhz=_each(tracks, "sm_mhz", median),
        sm_least_mhz=_each(tracks, "sm_mhz", min),
        sm_most_mhz=_each(tracks, "sm_mhz", max),
        memory_mhz=_each(tracks, "memory_mhz", median),
        power_w=_each(tracks, "power_w", fmean),
        power_peak_w=_each(tracks, "power_w", max),
        temperature_c=_each(tracks, "temperature_c", max),
        use_percent=_each(tracks, "use_percent", fmean),
        pcie_generation=_each(tracks, "pcie_generation", min),
        pcie_width=_each(tracks, "pcie_width", min),
        energy_j=energies,
        energy_by=energy_by,
        reasons_percent={name: shares for name, shares in reasons.items() if any(shares)},
        foreign_percent=_if_any(tuple(mean_foreign(track) for track in tracks)),
        lost={str(track.index): track.gpu.lost for track in tracks if track.gpu.lost},
        errors_before=_counts([track.errors_before for track in tracks]),
        errors_after=_counts([track.errors_after for track in tracks]),
        xids=tuple(tuple(track.xids) for track in tracks) if any(t.xids for t in tracks) else (),
    )


def _counts(errors: Sequence[Errors]) -> dict[str, Numbers]:
    """Return counts as columns; only kinds that occurred, as records must stay small."""
    kinds = dict.fromkeys(kind for one in errors for kind, count in one.items() if count)
    return {kind: tuple(one.get(kind) for one in errors) for kind in kinds}


def moments_of(tracks: Sequence[Track], start_s: float) -> dict[str, list[float | None]]:
    """Return every answer as columns, with the time since `start_s`; None where not asked."""
    rows = [(track.index, moment) for track in tracks for moment in track.moments]
    names = [one.name for one in fields(Moment) if one.name != "at_s"]
    return {
        "gpu": [index for index, _ in rows],
        "at_s": [round(moment.at_s - start_s, 3) for _, moment in rows],
        **{name: [getattr(moment, name) for _, moment in rows] for name in names},
    }


def mean_foreign(track: Track) -> float:
    """Return the mean use of one GPU by others, in per cent."""
    uses = track.values("foreign_percent")
    return fmean(uses) if uses else 0.0


def _energies(tracks: Sequence[Track]) -> tuple[Numbers, str]:
    """Return the energy of each GPU, all by one method, and the method."""
    ways: dict[str, Callable[[Track], float | None]] = {
        "counter": Track.counted_j,
        "power samples": Track.integrated_j,
    }
    for name, way in ways.items():
        found = [way(track) for track in tracks]
        if None not in found:
            return _rounded(found), name
    short = any(track.watched_s < LEAST_ENERGY_S for track in tracks)
    return (), f"none: watched for less than {LEAST_ENERGY_S:g} s" if short else (
        "none: not reported"
    )


def _shares(tracks: Sequence[Track], bit: int) -> Numbers:
    return _rounded(track.share_percent(bit) for track in tracks)


def _each(tracks: Sequence[Track], name: str, of: Callable[[Iterable[float]], float]) -> Numbers:
    found = (track.values(name) for track in tracks)
    return _if_any(_rounded(of(values) if values else None for values in found))


def _if_any(numbers: Numbers) -> Numbers:
    """Return nothing where all values are zero or missing: records must stay small."""
    return numbers if any(numbers) else ()


def _rounded(numbers: Iterable[float | None]) -> Numbers:
    return tuple(None if number is None else round(number, 1) for number in numbers)

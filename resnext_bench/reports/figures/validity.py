"""Whether a window may be believed: the guards of a session, applied to what was gathered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from resnext_bench.reports.schema.machine import GpusSeen
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.reports.schema.samples import RankFacts, SessionResult

LEAST_CORE_S = 1.0
"""Core-seconds below which the kernel's ticks of 10 ms say too little about who had the cores."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Reasons that make a session invalid, and notes that do not."""

    invalid: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuUse:
    """What was seen of the GPUs during the window, over all of them; zeros on CPU."""

    samples: int = 0
    """Moments at which a GPU answered; 0 means that nobody watched."""
    tells_reasons: bool = True
    """Whether the driver says what holds the clocks down."""
    throttled_percent: float = 0.0
    reasons: tuple[str, ...] = ()
    power_capped_percent: float = 0.0
    foreign_percent: float = 0.0
    """Highest mean use of a GPU by processes that were there before the ranks."""
    lost: tuple[str, ...] = ()
    """GPUs that went away, in words."""
    seen: GpusSeen | None = None
    """GPU by GPU."""
    moments: Mapping[str, list[float | None]] = field(default_factory=dict)
    """Their answers as columns, a row for each GPU and moment."""

    def shared(self) -> "GpuUse":
        """The same for one side of a duet: what the boards took, both took together."""
        if self.seen is None:
            return self
        why = "none: both sides of a duet share the GPUs"
        return replace(self, seen=msgspec.structs.replace(self.seen, energy_j=(), energy_by=why))


@dataclass(frozen=True, kw_only=True, slots=True)
class CoresLost:
    """Shares of the ranks' cores that they did not have, in per cent."""

    others: float = 0.0
    """To other processes."""
    steal: float = 0.0
    """To the hypervisor."""

    @property
    def percent(self) -> float:
        """Both together."""
        return self.others + self.steal


def cores_lost_percent(result: SessionResult) -> float:
    """Largest share over hosts of the ranks' cores that others or the hypervisor had."""
    return cores_lost(result).percent


def cores_lost(result: SessionResult) -> CoresLost:
    """Of the host that lost most, who had its ranks' cores.

    Summed over a host's ranks, as a process of the launcher may stand on any of their cores.
    """
    hosts = {samples.host for samples in result.samples}
    shares = []
    for host in hosts:
        pairs = zip(result.facts, result.samples, strict=True)
        facts = [one for one, samples in pairs if samples.host == host]
        if found := _lost_on_host(facts):
            shares.append(found)
    return max(shares, key=lambda share: share.percent, default=CoresLost())


def _lost_on_host(facts: Sequence[RankFacts]) -> CoresLost | None:
    """Return what ranks lost on one host; None where nothing was counted.

    Where the kernel tells how long threads waited, that; else what others had of the cores,
    whether the ranks wanted them or not. Threads of one rank wait for one another too, so no more
    counts than others have used. It is a share of the time that the ranks ran or waited, and of
    one core's at least: a single thread that had half of a core has lost half, however many cores
    are its rank's.
    """
    others = sum(max(0.0, one.core_busy_s - one.cpu_busy_s) for one in facts)
    steal = sum(one.core_steal_s for one in facts)
    owned = sum(map(_core_s, facts))
    if not owned:
        return None
    waits = [one.core_waited_s for one in facts if one.core_waited_s is not None]
    if len(waits) < len(facts):
        return CoresLost(others=100 * others / owned, steal=100 * steal / owned)
    waited = min(others, sum(waits))
    wanted = sum(one.cpu_busy_s for one in facts) + waited
    whole = min(owned, max(wanted, *(one.counted_s for one in facts)))
    return CoresLost(others=100 * waited / whole, steal=100 * steal / owned)


def _core_s(facts: RankFacts) -> float:
    """Core-seconds that a rank could have had."""
    return len(facts.affinity) * facts.counted_s


def judge(result: SessionResult, gpu: GpuUse, limits: Thresholds) -> Verdict:
    """Apply every guard of DESIGN's "Invalid" to one session."""
    enough = sum(map(_core_s, result.facts)) >= LEAST_CORE_S
    lost = cores_lost(result) if enough else CoresLost()
    invalid = [*_training(result.facts), *_gpu(gpu, limits)]
    notes = []
    if lost.percent > limits.cores_lost_percent:
        invalid.append(f"{_cores_words(lost)} (limit {limits.cores_lost_percent:g} %)")
    elif lost.percent > limits.cores_lost_note_percent:
        notes.append(_cores_words(lost))
    if gpu.power_capped_percent > limits.throttled_percent:
        notes.append(f"the power cap held clocks down for {gpu.power_capped_percent:.0f} %")
    if gpu.samples and not gpu.tells_reasons:
        notes.append("the driver does not say what holds clocks down: throttling would go unseen")
    notes += [*_unused(result.facts), *_idle(result.facts), *_formats(result.facts)]
    notes += [*_left_out(result.facts), *result.facts[0].notes]
    return Verdict(invalid=tuple(invalid), notes=tuple(notes))


def _cores_words(lost: CoresLost) -> str:
    """Who had them, told apart where the hypervisor had a part worth a word."""
    others, steal = (round(share) for share in (lost.others, lost.steal))
    whose = " to the hypervisor" if steal else " to other processes"
    if others and steal:
        whose = f": {others} % to other processes, {steal} % to the hypervisor"
    return f"{lost.percent:.0f} % of the ranks' cores were lost{whose}"


def _training(facts: tuple[RankFacts, ...]) -> list[str]:
    """Reasons to doubt that the window was training at all."""
    reasons = []
    for one in facts:
        if not one.losses_finite:
            reasons.append(f"rank {one.rank}: the loss is not finite; lower --learning-rate")
        excused = {*one.parameters_unused, *one.parameters_idle}
        stuck = [name for name in one.parameters_unchanged if name not in excused]
        if _is_idle(one):
            reasons.append(f"rank {one.rank}: {_untrained(one)}: nothing was trained")
        elif stuck:
            reasons.append(
                f"rank {one.rank}: {len(stuck)} parameters did not change ({stuck[0]} …)"
            )
        if one.batches_distinct < one.batches_expected:
            reasons.append(
                f"rank {one.rank}: batches repeat ({one.batches_distinct} distinct, at least "
                f"{one.batches_expected} expected)"
            )
    if len({one.parameter_digest for one in facts}) > 1:
        reasons.append("the ranks' parameters differ: their gradients were not reduced")
    return reasons


def _is_idle(one: RankFacts) -> bool:
    """Whether no parameter changed at all, but by weight decay."""
    resting = len(one.parameters_unchanged) + len(one.parameters_decayed)
    return 0 < resting == one.parameters_trained


def _untrained(one: RankFacts) -> str:
    names = (*one.parameters_decayed, *one.parameters_unchanged)
    if one.parameters_decayed:
        return (
            f"weight decay alone changed its {one.parameters_trained} parameters, whose gradients "
            f"are zero ({names[0]} …)"
        )
    return f"none of its {one.parameters_trained} parameters changed ({names[0]} …)"


def _gpu(gpu: GpuUse, limits: Thresholds) -> list[str]:
    reasons = list(gpu.lost)
    if gpu.throttled_percent > limits.throttled_percent:
        why = ", ".join(gpu.reasons)
        reasons.append(f"GPU clocks were throttled for {gpu.throttled_percent:.0f} % ({why})")
    if gpu.foreign_percent > limits.foreign_gpu_percent:
        reasons.append(f"another process used {gpu.foreign_percent:.0f} % of a GPU")
    return reasons


def _unused(facts: tuple[RankFacts, ...]) -> list[str]:
    """All ranks have the same model, so one speaks for all."""
    names = facts[0].parameters_unused
    which = f"{len(names)} parameters get" if len(names) > 1 else "1 parameter gets"
    more = " …" if len(names) > 1 else ""
    return [f"{which} no gradient: the loss ignores them ({names[0]}{more})"] if names else []


def _idle(facts: tuple[RankFacts, ...]) -> list[str]:
    """Parameters that stay as they are for a good reason, by name."""
    first = facts[0]
    idle, decayed, frozen = first.parameters_idle, first.parameters_decayed, first.parameters_frozen
    notes = []
    why = "gradients of zero, or too small to change a value, as of a bias before a norm"
    if idle and not _is_idle(first):
        notes.append(f"{_count(idle)} did not change ({_some(idle)}): {why}")
    if decayed and not _is_idle(first):
        by = "changed by weight decay alone"
        notes.append(f"{_count(decayed)} {by} ({_some(decayed)}): {why}")
    if frozen:
        are = "are" if len(frozen) > 1 else "is"
        notes.append(f"{_count(frozen)} {are} frozen by requires_grad=False ({_some(frozen)})")
    return notes


def _count(names: tuple[str, ...]) -> str:
    return f"{len(names)} parameter{'s' * (len(names) > 1)}"


NAMED: Final = 3


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:NAMED]) + " …" * (len(names) > NAMED)


def _left_out(facts: tuple[RankFacts, ...]) -> list[str]:
    """Files that one rank or another could not read any more."""
    files = sorted({file for one in facts for file in one.files_left_out})
    which = f"{len(files)} files" if len(files) > 1 else "1 file"
    more, were = (" …", "were") if len(files) > 1 else ("", "was")
    told = f"{which} did not decode while training and {were} left out"
    return [f"{told} ({files[0]}{more})"] if files else []


def _formats(facts: tuple[RankFacts, ...]) -> list[str]:
    first = facts[0]
    if first.gradient_format in ("either", first.weight_format):
        return []
    return [f"weights are {first.weight_format}, gradients {first.gradient_format}"]

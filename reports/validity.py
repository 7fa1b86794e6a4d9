"""Whether a window may be believed: the guards of a session, applied to what was gathered."""

from dataclasses import dataclass

from reports.schema.record import Thresholds
from reports.schema.samples import RankFacts, SessionResult

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
    """Moments at which the GPUs were asked; 0 means that nobody watched."""
    throttled_percent: float = 0.0
    reasons: tuple[str, ...] = ()
    power_capped_percent: float = 0.0
    foreign_percent: float = 0.0
    """Highest mean use of a GPU by processes that were there before the ranks."""


def cores_lost_percent(result: SessionResult) -> float:
    """Largest share over hosts of the ranks' cores that others or the hypervisor had.

    Summed over a host's ranks, as a process of the launcher may stand on any of their cores.
    """
    shares = []
    for host in {samples.host for samples in result.samples}:
        pairs = [
            (facts, samples)
            for facts, samples in zip(result.facts, result.samples, strict=True)
            if samples.host == host
        ]
        lost = sum(
            max(0.0, facts.core_busy_s - facts.cpu_busy_s) + facts.core_steal_s
            for facts, _ in pairs
        )
        owned = sum(_core_s(facts) for facts, _ in pairs)
        shares.append(100 * lost / owned if owned else 0.0)
    return max(shares, default=0.0)


def _core_s(facts: RankFacts) -> float:
    """Core-seconds that a rank could have had."""
    return len(facts.affinity) * facts.counted_s


def judge(result: SessionResult, gpu: GpuUse, limits: Thresholds) -> Verdict:
    """Apply every guard of DESIGN's "Invalid" to one session."""
    lost = cores_lost_percent(result) if sum(map(_core_s, result.facts)) >= LEAST_CORE_S else 0.0
    invalid = [*_training(result.facts), *_gpu(gpu, limits)]
    notes = []
    if lost > limits.cores_lost_percent:
        invalid.append(
            f"{lost:.0f} % of the ranks' cores were lost to other processes or the hypervisor "
            f"(limit {limits.cores_lost_percent:g} %)"
        )
    elif lost > limits.cores_lost_note_percent:
        notes.append(f"{lost:.0f} % of the ranks' cores were lost to others")
    if gpu.power_capped_percent > limits.throttled_percent:
        notes.append(f"the power cap held clocks down for {gpu.power_capped_percent:.0f} %")
    notes += [*_unused(result.facts), *_formats(result.facts)]
    return Verdict(invalid=tuple(invalid), notes=tuple(notes))


def _training(facts: tuple[RankFacts, ...]) -> list[str]:
    """Reasons to doubt that the window was training at all."""
    reasons = []
    for one in facts:
        if not one.losses_finite:
            reasons.append(f"rank {one.rank}: the loss is not finite; lower --learning-rate")
        unused = set(one.parameters_unused)
        if stuck := [name for name in one.parameters_unchanged if name not in unused]:
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


def _gpu(gpu: GpuUse, limits: Thresholds) -> list[str]:
    reasons = []
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


def _formats(facts: tuple[RankFacts, ...]) -> list[str]:
    first = facts[0]
    if first.gradient_format in ("either", first.weight_format):
        return []
    return [f"weights are {first.weight_format}, gradients {first.gradient_format}"]

"""Decides whether a window may be believed, by the guards of its session."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from resnext_bench.reports.schema.machine import GpusSeen
from resnext_bench.reports.schema.notes import Found, Note, NoteKind, note
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.reports.schema.samples import RankFacts, SessionResult

LEAST_CORE_S = 1.0
"""Core-seconds below which the kernel's ticks of 10 ms say too little about the use of the
cores."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuUse:
    """What was observed of all GPUs in the window; zeros on a CPU."""

    samples: int = 0
    """Number of moments at which a GPU answered; 0 means that nobody watched."""
    tells_reasons: bool = True
    """Whether the driver reports what holds the clocks down."""
    throttled_percent: float = 0.0
    reasons: tuple[str, ...] = ()
    power_capped_percent: float = 0.0
    foreign_percent: float = 0.0
    """Highest mean use of a GPU by processes that were there before the ranks, per cent."""
    lost_gpus: tuple[Note, ...] = ()
    """Notes on GPUs that were lost."""
    errors: tuple[Note, ...] = ()
    """Notes on errors that a board or its driver counted; `fatal` ones make figures doubtful."""
    seen: GpusSeen | None = None
    """Observations of each GPU."""
    moments: Mapping[str, list[float | None]] = field(default_factory=dict)
    """The GPUs' answers in columns, with a row for each GPU and moment."""

    def shared(self) -> "GpuUse":
        """Return the same for one side of a duet, without energy: both sides used the boards."""
        if self.seen is None:
            return self
        why = "none: both sides of a duet share the GPUs"
        return replace(self, seen=msgspec.structs.replace(self.seen, energy_j=(), energy_by=why))


@dataclass(frozen=True, kw_only=True, slots=True)
class CoresLost:
    """Shares of the ranks' cores that the ranks did not have, in per cent."""

    others: float = 0.0
    """Share taken by other processes, per cent."""
    steal: float = 0.0
    """Share taken by the hypervisor, per cent."""

    @property
    def percent(self) -> float:
        """Both shares together, per cent."""
        return self.others + self.steal


def cores_lost_percent(result: SessionResult) -> float:
    """Return the largest share over hosts of the ranks' cores taken by others or the hypervisor."""
    return cores_lost(result).percent


def cores_lost(result: SessionResult) -> CoresLost:
    """Return who took the ranks' cores, for the host that lost most.

    Ranks of a host are added up, as a process of the launcher may run on any of their cores.
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

    Where the kernel reports how long threads waited, this counts; otherwise what others had of the
    cores, whether the ranks wanted them or not. Threads of one rank wait for one another too, so no
    more counts than others have used. It is a share of the time for which the ranks ran or waited,
    but at least of one core's: a single thread that had half of a core has lost half, however many
    cores its rank has.
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
    """Return the core-seconds that a rank could have had."""
    return len(facts.affinity) * facts.counted_s


def judge(result: SessionResult, gpu: GpuUse, limits: Thresholds) -> Found:
    """Return what makes one session invalid, and what a reader should know of it."""
    facts = result.facts
    loss = _cores_lost(result, limits)
    too_much = [one for one in loss if "limit" in one.values]
    invalid = (*_training(facts), *_gpu(gpu, limits), *too_much)
    notes = (
        *(one for one in loss if one not in too_much),
        *far_cores([(one.rank, one.gpu_node, one.core_nodes) for one in facts]),
        *_unseen(gpu, limits),
        *_unused(facts),
        *_idle(facts),
        *_formats(facts),
        *_left_out(facts),
        *_retried(facts),
        *(note("told", text=text) for text in facts[0].notes),
    )
    return Found(invalid=invalid, notes=notes)


def _cores_lost(result: SessionResult, limits: Thresholds) -> list[Note]:
    """Return a note if enough cores were lost; it has a limit if they exceed that."""
    if sum(map(_core_s, result.facts)) < LEAST_CORE_S:
        return []
    lost = cores_lost(result)
    shares = {"percent": lost.percent, "others": lost.others, "steal": lost.steal}
    if lost.percent > limits.cores_lost_percent:
        return [note("cores_lost", limit=limits.cores_lost_percent, **shares)]
    return [note("cores_lost", **shares)] if lost.percent > limits.cores_lost_note_percent else []


def far_cores(ranks: Sequence[tuple[int, int | None, tuple[int, ...]]]) -> Iterator[Note]:
    """Yield a note on ranks far from their GPUs: number, node of the GPU, nodes of the cores."""
    far = [
        (rank, gpu, cores)
        for rank, gpu, cores in ranks
        if gpu is not None and cores and gpu not in cores
    ]
    if far:
        numbers = tuple(rank for rank, *_ in far)
        yield note("far_cores", ranks=numbers, gpu_node=far[0][1], core_nodes=far[0][2])


def _training(facts: tuple[RankFacts, ...]) -> Iterator[Note]:
    """Yield reasons to doubt that the window was training at all."""
    for one in facts:
        if not one.losses_finite:
            yield note("loss_not_finite", rank=one.rank)
        excused = {*one.parameters_unused, *one.parameters_idle}
        stuck = [name for name in one.parameters_unchanged if name not in excused]
        if _is_idle(one):
            yield note(
                "nothing_trained",
                rank=one.rank,
                trained=one.parameters_trained,
                by_decay=bool(one.parameters_decayed),
                first=(*one.parameters_decayed, *one.parameters_unchanged)[0],
            )
        elif stuck:
            yield note("parameters_stuck", rank=one.rank, count=len(stuck), first=stuck[0])
        if one.batches_distinct < one.batches_expected:
            yield note(
                "batches_repeat",
                rank=one.rank,
                distinct=one.batches_distinct,
                expected=one.batches_expected,
            )
    if len({one.parameter_digest for one in facts}) > 1:
        yield note("ranks_differ")


def _is_idle(one: RankFacts) -> bool:
    """Return whether no parameter changed, except by weight decay."""
    resting = len(one.parameters_unchanged) + len(one.parameters_decayed)
    return 0 < resting == one.parameters_trained


def judge_gpus(gpu: GpuUse, limits: Thresholds) -> Found:
    """Return what the GPUs alone say against what was timed on them."""
    return Found(invalid=tuple(_gpu(gpu, limits)), notes=tuple(_unseen(gpu, limits)))


def _gpu(gpu: GpuUse, limits: Thresholds) -> Iterator[Note]:
    yield from gpu.lost_gpus
    yield from (one for one in gpu.errors if one.values["fatal"])
    if gpu.throttled_percent > limits.throttled_percent:
        yield note("throttled", percent=gpu.throttled_percent, reasons=gpu.reasons)
    if gpu.foreign_percent > limits.foreign_gpu_percent:
        yield note("foreign_process", percent=gpu.foreign_percent)


def _unseen(gpu: GpuUse, limits: Thresholds) -> Iterator[Note]:
    """Yield what held the clocks down as intended, or may have done so unnoticed."""
    yield from (one for one in gpu.errors if not one.values["fatal"])
    if gpu.power_capped_percent > limits.throttled_percent:
        yield note("power_capped", percent=gpu.power_capped_percent)
    if gpu.samples and not gpu.tells_reasons:
        yield note("reasons_untold")


def _unused(facts: tuple[RankFacts, ...]) -> Iterator[Note]:
    """Yield a note on unused parameters. All ranks have the same model: one speaks for all."""
    if names := facts[0].parameters_unused:
        yield note("parameters_unused", count=len(names), first=names[0])


def _idle(facts: tuple[RankFacts, ...]) -> Iterator[Note]:
    """Yield notes on parameters that have a good reason not to change."""
    first = facts[0]
    if not _is_idle(first):
        yield from _of_parameters("parameters_idle", first.parameters_idle)
        yield from _of_parameters("parameters_decayed", first.parameters_decayed)
    yield from _of_parameters("parameters_frozen", first.parameters_frozen)


NAMED: Final = 3
"""Number of parameters that a note names."""


def _of_parameters(kind: NoteKind, names: tuple[str, ...]) -> Iterator[Note]:
    if names:
        yield note(kind, count=len(names), names=names[:NAMED])


def _left_out(facts: tuple[RankFacts, ...]) -> Iterator[Note]:
    """Yield a note on files that any rank could no longer read."""
    if files := sorted({file for one in facts for file in one.files_left_out}):
        yield note("files_left_out", count=len(files), first=files[0])


def _retried(facts: tuple[RankFacts, ...]) -> Iterator[Note]:
    """Yield a note on the rank whose allocator had to empty its cache most often."""
    most = max(facts, key=lambda one: one.allocator_retries)
    if most.allocator_retries:
        yield note("allocator_retried", rank=most.rank, count=most.allocator_retries)


def _formats(facts: tuple[RankFacts, ...]) -> Iterator[Note]:
    first = facts[0]
    if first.gradient_format not in ("either", first.weight_format):
        yield note("gradient_format", weights=first.weight_format, gradients=first.gradient_format)

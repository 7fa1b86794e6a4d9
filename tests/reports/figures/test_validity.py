"""Every guard below, at and above its threshold."""

from collections.abc import Sequence

import msgspec
import pytest

from resnext_bench.reports.figures.validity import (
    GpuUse,
    cores_lost,
    cores_lost_percent,
    judge,
)
from resnext_bench.reports.schema.notes import Found, Note, note
from resnext_bench.reports.schema.record import Thresholds
from resnext_bench.reports.schema.samples import RankFacts, SessionResult
from tests.reports.made_results import MS, even_samples, made_facts, made_result, made_seen


def two_ranks(*facts: RankFacts, hosts: tuple[str, str] = ("host-a", "host-a")) -> SessionResult:
    """Two ranks on one core each, in windows of 10 s."""
    samples = [
        even_samples(rank, [100] * 100, window_ns=10_000 * MS, host=host)
        for rank, host in enumerate(hosts)
    ]
    return made_result(*samples, facts=facts or (made_facts(0), made_facts(1)))


def verdict(*facts: RankFacts, gpu: GpuUse | None = None) -> Found:
    return judge(two_ranks(*facts), gpu or GpuUse(), Thresholds())


def lost(seconds: float, rank: int = 0) -> RankFacts:
    """A rank whose cores others kept busy for `seconds`."""
    return made_facts(rank, cpu_busy_s=5.0, core_busy_s=5.0 + seconds)


def kinds(notes: Sequence[Note]) -> list[str]:
    return [one.kind for one in notes]


def test_a_sound_session_has_neither_reasons_nor_notes() -> None:
    assert verdict() == Found()


def test_reasons_and_notes_of_one_session() -> None:
    result = two_ranks(lost(2.0), made_facts(1, losses_finite=False))
    found = judge(result, GpuUse(), Thresholds())
    assert kinds((*found.invalid, *found.notes)) == ["loss_not_finite", "cores_lost"]


def test_a_full_gpu_is_a_note_on_the_rank_that_met_it_most() -> None:
    found = verdict(made_facts(0, allocator_retries=2), made_facts(1, allocator_retries=5))
    assert found == Found(notes=(note("allocator_retried", rank=1, count=5),))


def test_loss_that_is_not_finite() -> None:
    found = verdict(made_facts(0), made_facts(1, losses_finite=False))
    assert found.invalid == (note("loss_not_finite", rank=1),)


def test_parameters_that_did_not_change() -> None:
    names = ("fc.bias", "fc.weight")
    (reason,) = verdict(made_facts(0, parameters_unchanged=names), made_facts(1)).invalid
    assert reason == note("parameters_stuck", rank=0, count=2, first="fc.bias")


def test_parameters_that_the_loss_ignores_are_a_note() -> None:
    unused = {"parameters_unchanged": ("aux.b", "aux.w"), "parameters_unused": ("aux.b", "aux.w")}
    found = verdict(made_facts(0, **unused), made_facts(1, **unused))
    assert found == Found(notes=(note("parameters_unused", count=2, first="aux.b"),))
    stuck = {**unused, "parameters_unchanged": ("aux.b", "aux.w", "fc.w")}
    (reason, _) = verdict(made_facts(0, **stuck), made_facts(1, **stuck)).invalid
    assert reason == note("parameters_stuck", rank=0, count=1, first="fc.w")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            {"parameters_unchanged": ("conv.bias",), "parameters_idle": ("conv.bias",)},
            note("parameters_idle", count=1, names=("conv.bias",)),
        ),
        (
            {"parameters_decayed": ("conv.bias",)},
            note("parameters_decayed", count=1, names=("conv.bias",)),
        ),
        (
            {"parameters_frozen": ("a", "b", "c", "d")},
            note("parameters_frozen", count=4, names=("a", "b", "c")),
        ),
        (
            {"notes": ("the model gives 1,000 logits",)},
            note("told", text="the model gives 1,000 logits"),
        ),
    ],
)
def test_what_rests_by_nature_is_a_note(facts: dict[str, tuple[str, ...]], expected: Note) -> None:
    both = [made_facts(rank, parameters_trained=9, **facts) for rank in range(2)]
    assert verdict(*both) == Found(notes=(expected,))


@pytest.mark.parametrize("excuse", ["parameters_idle", "parameters_unused"])
def test_a_model_of_which_nothing_changes_is_invalid(excuse: str) -> None:
    names = ("fc.bias", "fc.weight")
    facts = {"parameters_unchanged": names, excuse: names, "parameters_trained": 2}
    (reason, _) = verdict(*(made_facts(rank, **facts) for rank in range(2))).invalid
    values = {"rank": 0, "trained": 2, "by_decay": False, "first": "fc.bias"}
    assert reason == note("nothing_trained", **values)


def test_weight_decay_is_no_training() -> None:
    facts = {"parameters_decayed": ("fc.weight",), "parameters_unchanged": ("fc.bias",)}
    (reason, _) = verdict(*(made_facts(n, parameters_trained=2, **facts) for n in (0, 1))).invalid
    values = {"rank": 0, "trained": 2, "by_decay": True, "first": "fc.weight"}
    assert reason == note("nothing_trained", **values)


@pytest.mark.parametrize(
    ("distinct", "expected", "invalid"),
    [(8, 8, False), (9, 8, False), (7, 8, True), (1, 0, False)],
    ids=["as many", "more", "one repeats", "synthetic: one batch by design"],
)
def test_batches_that_repeat(distinct: int, expected: int, invalid: bool) -> None:
    facts = made_facts(0, batches_distinct=distinct, batches_expected=expected)
    found = verdict(facts, made_facts(1)).invalid
    repeat = note("batches_repeat", rank=0, distinct=distinct, expected=expected)
    assert found == ((repeat,) if invalid else ())


def test_ranks_whose_parameters_differ() -> None:
    (reason,) = verdict(made_facts(0), made_facts(1, parameter_digest="0ther")).invalid
    assert reason.kind == "ranks_differ"


def test_cores_are_lost_from_the_time_over_which_they_were_counted() -> None:
    """In a duet more steps are counted than timed: 20 s here, in windows of 10 s."""
    halves = [msgspec.structs.replace(one, counted_s=20.0) for one in (lost(1.0), made_facts(1))]
    assert cores_lost_percent(two_ranks(*halves)) == pytest.approx(2.5)


# 20 core-seconds belong to the two ranks: 1 s lost is 5 %, 5 s are 25 %.
@pytest.mark.parametrize(
    ("seconds", "percent", "noted", "invalid"),
    [
        (0.0, 0, False, False),
        (0.9, 4.5, False, False),
        (1.0, 5, False, False),
        (1.1, 5.5, True, False),
        (5.0, 25, True, False),
        (5.1, 25.5, False, True),
    ],
)
def test_cores_lost(seconds: float, percent: float, noted: bool, invalid: bool) -> None:
    facts = (lost(seconds), made_facts(1))
    assert cores_lost_percent(two_ranks(*facts)) == pytest.approx(percent)
    found = verdict(*facts)
    assert (bool(found.notes), bool(found.invalid)) == (noted, invalid)
    assert set(kinds((*found.notes, *found.invalid))) <= {"cores_lost"}
    assert all(one.values["limit"] == 25 for one in found.invalid)
    assert not any("limit" in one.values for one in found.notes)


def test_steal_is_lost_too() -> None:
    facts = (lost(1.0), made_facts(1, core_steal_s=2.0))
    assert cores_lost_percent(two_ranks(*facts)) == pytest.approx(15)


@pytest.mark.parametrize(("others_s", "steal_s"), [(2.0, 0.0), (0.0, 2.0), (1.0, 2.0)])
def test_who_had_the_cores(others_s: float, steal_s: float) -> None:
    facts = (lost(others_s), made_facts(1, core_steal_s=steal_s))
    found = cores_lost(two_ranks(*facts))
    assert (found.others, found.steal) == pytest.approx((5 * others_s, 5 * steal_s))
    shares = {"percent": found.percent, "others": found.others, "steal": found.steal}
    assert verdict(*facts).notes == (note("cores_lost", **shares),)


@pytest.mark.parametrize(
    ("gpu_node", "core_nodes", "is_far"),
    [(1, (0,), True), (1, (0, 2), True), (1, (0, 1), False), (None, (0,), False), (1, (), False)],
)
def test_ranks_far_from_their_gpu_are_noted(
    gpu_node: int | None, core_nodes: tuple[int, ...], is_far: bool
) -> None:
    facts = [made_facts(0), made_facts(1, gpu_node=gpu_node, core_nodes=core_nodes)]
    result = made_result(even_samples(0, [10]), even_samples(1, [10]), facts=facts)
    notes = [one for one in judge(result, GpuUse(), Thresholds()).notes if one.kind == "far_cores"]
    expected = note("far_cores", ranks=(1,), gpu_node=gpu_node, core_nodes=core_nodes)
    assert notes == ([expected] if is_far else [])


def test_a_lost_gpu_is_invalid() -> None:
    gone = note("lost_gpu", gpu=1, after_s=12.0, said="GPU is lost")
    found = GpuUse(lost_gpus=(gone,))
    assert verdict(gpu=found).invalid == (gone,)


def test_reasons_that_are_not_told_are_a_note() -> None:
    untold = verdict(gpu=GpuUse(samples=3, tells_reasons=False)).notes
    assert untold == (note("reasons_untold"),)
    assert verdict(gpu=GpuUse(samples=0, tells_reasons=False)).notes == ()


def test_sides_of_a_duet_have_no_energy_of_their_own() -> None:
    seen = made_seen(2)
    found = GpuUse(samples=40, seen=seen).shared()
    assert found.seen is not None
    assert (found.seen.energy_j, found.seen.power_w) == ((), seen.power_w)
    assert found.seen.energy_by == "none: both sides of a duet share the GPUs"
    assert GpuUse().shared() == GpuUse()


def test_a_rank_counted_busier_than_its_cores_makes_up_for_nothing() -> None:
    """Kernel ticks are coarse: a rank's own time may exceed that of its cores."""
    facts = (lost(2.0), lost(-1.0, rank=1))
    assert cores_lost_percent(two_ranks(*facts)) == pytest.approx(10)


def test_ranks_of_one_host_are_summed_and_hosts_are_not() -> None:
    facts = (lost(4.0), made_facts(1))
    assert cores_lost_percent(two_ranks(*facts)) == pytest.approx(20)  # 4 of 20
    apart = two_ranks(*facts, hosts=("host-a", "host-b"))
    assert cores_lost_percent(apart) == pytest.approx(40)  # 4 of host-a's 10
    assert judge(apart, GpuUse(), Thresholds()).invalid


def test_more_cores_make_the_same_loss_a_smaller_share() -> None:
    facts = (
        msgspec.structs.replace(lost(4.0), affinity=(0, 1, 2)),
        made_facts(1, affinity=(3,)),
    )
    assert cores_lost_percent(two_ranks(*facts)) == pytest.approx(10)  # 4 of 40


@pytest.mark.parametrize(("percent", "invalid"), [(0.0, False), (1.0, False), (1.01, True)])
def test_throttled(percent: float, invalid: bool) -> None:
    found = verdict(gpu=GpuUse(throttled_percent=percent, reasons=("power brake",)))
    throttled = note("throttled", percent=percent, reasons=("power brake",))
    assert found.invalid == ((throttled,) if invalid else ())


@pytest.mark.parametrize(("percent", "invalid"), [(4.99, False), (5.0, False), (5.01, True)])
def test_another_process_on_the_gpu(percent: float, invalid: bool) -> None:
    found = verdict(gpu=GpuUse(foreign_percent=percent))
    assert found.invalid == ((note("foreign_process", percent=percent),) if invalid else ())


@pytest.mark.parametrize(("percent", "noted"), [(0.0, False), (1.0, False), (60.0, True)])
def test_power_cap_is_a_note_only(percent: float, noted: bool) -> None:
    found = verdict(gpu=GpuUse(power_capped_percent=percent))
    assert not found.invalid
    assert found.notes == ((note("power_capped", percent=percent),) if noted else ())


@pytest.mark.parametrize(
    ("gradients", "noted"), [("NHWC", False), ("either", False), ("NCHW", True)]
)
def test_gradients_of_another_format(gradients: str, noted: bool) -> None:
    found = verdict(made_facts(0, gradient_format=gradients), made_facts(1))
    other = note("gradient_format", weights="NHWC", gradients=gradients)
    assert found == Found(notes=(other,) if noted else ())


def test_limits_are_those_given() -> None:
    limits = Thresholds(cores_lost_percent=1.0, throttled_percent=50.0)
    gpu = GpuUse(throttled_percent=40.0)
    (reason,) = judge(two_ranks(lost(0.4), made_facts(1)), gpu, limits).invalid
    assert (reason.kind, reason.values["limit"]) == ("cores_lost", 1.0)


def test_all_reasons_are_told() -> None:
    bad = made_facts(0, losses_finite=False, batches_distinct=1, parameter_digest="0ther")
    assert len(verdict(bad, made_facts(1), gpu=GpuUse(foreign_percent=50)).invalid) == 4


def waiting(busy_s: float, core_busy_s: float, waited_s: float | None) -> RankFacts:
    """A rank of two cores, watched for ten seconds."""
    facts = made_facts(0, affinity=(0, 1), counted_s=10.0, core_steal_s=0.0)
    return msgspec.structs.replace(
        facts, cpu_busy_s=busy_s, core_busy_s=core_busy_s, core_waited_s=waited_s
    )


@pytest.mark.parametrize(
    ("busy_s", "core_busy_s", "waited_s", "percent"),
    [
        (10.0, 20.0, 0.02, 0.2),  # one thread, and somebody else on the other core: nothing lost
        (10.0, 20.0, None, 50.0),  # the same where the kernel does not tell who waited
        (5.0, 20.0, 5.0, 50.0),  # one thread that had half of a core, all cores busy
        (10.0, 20.0, 10.0, 50.0),  # two threads, each with half of its core
        (19.9, 20.0, 8.0, 0.5),  # more threads than cores wait for one another, not for others
        (0.1, 10.0, 0.1, 1.0),  # a rank that hardly runs loses hardly anything
    ],
)
def test_cores_are_lost_where_threads_had_to_wait(
    busy_s: float, core_busy_s: float, waited_s: float | None, percent: float
) -> None:
    facts = waiting(busy_s, core_busy_s, waited_s)
    found = cores_lost(made_result(even_samples(0, [100] * 100), facts=(facts,)))
    assert found.percent == pytest.approx(percent, abs=0.05)

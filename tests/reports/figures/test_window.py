"""From samples to figures, against numbers worked out by hand."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.figures.window import figures_of, interval_of, steadiness_of, window_of
from resnext_bench.reports.schema.machine import GpusSeen
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.reports.schema.sessions import Figures, SlowSteps
from tests.reports.made_results import (
    MS,
    even_samples,
    made_config,
    made_facts,
    made_figures,
    made_result,
    made_samples,
    made_seen,
    made_session,
    made_topology,
)


def figures(
    *results: SessionResult, cut: int = 0, batch_size: int = 8, devices: int = 2
) -> Figures:
    windows = [window_of(result, cut) for result in results]
    return figures_of(windows, batch_size=batch_size, devices=devices)


def two_ranks() -> SessionResult:
    """Steps of 10, 20, 30 and 20, 10, 40 ms; windows of 60 and 70 ms, plus 5 and 10 at the end."""
    return made_result(
        even_samples(0, [10, 20, 30], tail_ms=5), even_samples(1, [20, 10, 40], tail_ms=10)
    )


def test_all_images_over_the_longest_window() -> None:
    # 2 ranks x 3 steps x 8 images = 48 in 80 ms. Rates averaged would be (24/65 + 24/80) / 2.
    found = figures(two_ranks())
    assert (found.images, found.steps) == (48, 3)
    assert found.window_s == pytest.approx(0.080)
    assert found.images_per_s == pytest.approx(600)
    assert found.images_per_s_per_device == pytest.approx(300)


def test_a_step_is_as_long_as_its_slowest_rank() -> None:
    # Slowest: 20, 20, 40 ms. Either rank alone has a median of 20 but a mean of 20 and 23.3.
    found = figures(two_ranks())
    assert found.step_ms_mean == pytest.approx(80 / 3)
    assert found.step_ms_p50 == pytest.approx(20)
    assert found.step_ms_p95 == pytest.approx(38)  # index 1.9 of 20, 20, 40
    assert found.step_ms_p99 == pytest.approx(39.6)
    assert found.step_ms_jitter == 0  # |x - 20|: 0, 0, 20


def test_slow_steps_are_those_of_the_slowest_rank() -> None:
    """Ranks are slow in turn, every 8th step each: together that is every 4th."""
    found = figures(
        made_result(
            *(
                even_samples(rank, [60 if step % 8 == 4 * rank else 10 for step in range(40)])
                for rank in (0, 1)
            )
        )
    )
    assert found.slow == SlowSteps(
        every=4, slow=10, steps=40, slow_ms=60, longest_ms=60, cost_percent=125
    )


def test_cut_steps_leave_the_window_by_their_own_time() -> None:
    # Without the first steps: rank 0 has 65 - 10 = 55 ms, rank 1 has 80 - 20 = 60 ms.
    found = figures(two_ranks(), cut=1)
    assert (found.images, found.steps) == (32, 2)
    assert found.window_s == pytest.approx(0.060)
    assert found.images_per_s == pytest.approx(32 / 0.060)
    assert found.step_ms_mean == pytest.approx(30)  # 20, 40


def test_the_cut_can_change_which_rank_is_longest() -> None:
    # Whole windows: 110 and 100 ms; after the cut of 100 and 10: 10 and 90.
    result = made_result(even_samples(0, [100, 10]), even_samples(1, [10, 90]))
    assert window_of(result, 0).window_s == pytest.approx(0.110)
    assert window_of(result, 1).window_s == pytest.approx(0.090)


@given(st.lists(st.integers(1, 10**12), max_size=5))
def test_warm_up_is_never_counted(warm_up_ns: list[int]) -> None:
    result = two_ranks()
    other = [msgspec.structs.replace(one, warm_up_ns=warm_up_ns) for one in result.samples]
    changed = made_result(*other)
    assert figures(changed) == figures(result)
    assert steadiness_of(changed) == steadiness_of(result)


def test_sessions_follow_one_another() -> None:
    # 48 images in 80 ms, then 32 in 30 ms: 80 in 110 ms, not the mean of 600 and 1067.
    second = made_result(even_samples(0, [10, 20]), even_samples(1, [10, 10]))
    found = figures(two_ranks(), second)
    assert (found.images, found.steps) == (80, 5)
    assert found.window_s == pytest.approx(0.110)
    assert found.images_per_s == pytest.approx(80 / 0.110)
    assert found.step_ms_p50 == pytest.approx(20)  # 20, 20, 40, 10, 20
    assert found.step_ms_mean == pytest.approx(22)


def test_parts_by_hand() -> None:
    first = made_samples(
        rank=0, data_wait_ms=[2, 4], forward_ms=[3, 3], backward_ms=[4, 6], optimizer_ms=[1, 1]
    )
    second = made_samples(
        rank=1, data_wait_ms=[0, 2], forward_ms=[5, 3], backward_ms=[8, 2], optimizer_ms=[3, 1]
    )
    found = figures(made_result(first, second))
    assert (found.data_wait_ms, found.forward_ms) == (2, 3.5)
    assert (found.backward_ms, found.optimizer_ms) == (5, 1.5)
    assert found.next_ms == 1  # half of the data wait, as made
    # The parts are those of a rank's mean step: (10 + 14 + 16 + 8) / 4. Slowest: 16 and 14.
    assert found.data_wait_ms + found.forward_ms + found.backward_ms + found.optimizer_ms == 12
    assert found.step_ms_mean == 15


PARTS = st.lists(st.integers(1, 10**6), min_size=4, max_size=4)


@given(st.lists(PARTS, min_size=1, max_size=20))
def test_parts_add_up_to_the_mean_step(steps: list[list[int]]) -> None:
    wait, forward, backward, optimizer = (list(part) for part in zip(*steps, strict=True))
    samples = made_samples(
        data_wait_ms=wait, forward_ms=forward, backward_ms=backward, optimizer_ms=optimizer
    )
    found = figures(made_result(samples), devices=1)
    parts = (found.data_wait_ms, found.forward_ms, found.backward_ms, found.optimizer_ms)
    assert sum(parts) == pytest.approx(found.step_ms_mean)


def test_the_interval_of_sessions_by_hand() -> None:
    """ln 100 and ln 121: mean ln 110, error ln(1.21) / 2, and t is 63.66 at one degree."""
    sessions = [
        made_session(number, figures=made_figures(images_per_s=rate))
        for number, rate in ((1, 100.0), (2, 121.0))
    ]
    found = interval_of(sessions)
    assert found is not None
    assert found.high / 110 == pytest.approx(1.21 ** (63.657 / 2), rel=1e-3)
    assert found.low * found.high == pytest.approx(110**2)
    assert interval_of(sessions[:1]) is None


def test_memory_and_cores_are_those_of_the_worst_rank_and_session() -> None:
    facts = [made_facts(0, peak_gib=3.0), made_facts(1, peak_gib=2.0)]
    worse = made_result(*two_ranks().samples, facts=facts)
    # 4 s of others' work on core 0, of 10 s that were counted on one core of each rank.
    busy = made_result(*two_ranks().samples, facts=[made_facts(0, core_busy_s=5), made_facts(1)])
    found = figures(worse, busy)
    assert found.peak_gib == 3.0
    assert found.cores_lost_percent == pytest.approx(20)
    assert (found.others_percent, found.steal_percent) == (pytest.approx(20), 0)
    assert (found.reserved_gib, found.device_gib) == (None, None), "of a CPU"


def test_memory_of_a_gpu_is_told_three_times_over() -> None:
    """Where one rank does not know of its device, the others do."""
    facts = [
        made_facts(0, peak_gib=3.0, reserved_gib=4.0, device_gib=None),
        made_facts(1, peak_gib=2.0, reserved_gib=5.0, device_gib=7.5),
    ]
    more = [made_facts(0, reserved_gib=1.0), made_facts(1, reserved_gib=1.0, device_gib=8.0)]
    samples = two_ranks().samples
    found = figures(made_result(*samples, facts=facts), made_result(*samples, facts=more))
    assert (found.peak_gib, found.reserved_gib, found.device_gib) == (3.0, 5.0, 8.0)


@pytest.mark.parametrize(
    ("gpus", "devices", "per_device"), [((0, 0), 1, 600), ((0, 1), 2, 300), ((), 2, 300)]
)
def test_per_device_counts_distinct_devices(
    gpus: Sequence[int], devices: int, per_device: float
) -> None:
    """Two ranks that share a GPU are one device; on CPU each rank is one."""
    topology = made_topology(made_config(device="cuda" if gpus else "cpu"))
    places = topology.places
    if gpus:
        places = tuple(
            msgspec.structs.replace(place, device=f"cuda:{gpu}")
            for place, gpu in zip(places, gpus, strict=True)
        )
    topology = msgspec.structs.replace(topology, places=places)
    assert topology.devices == devices
    found = figures(two_ranks(), devices=topology.devices)
    assert found.images_per_s_per_device == pytest.approx(per_device)


def test_a_slow_start_is_cut() -> None:
    # 20 slow steps of 200 ms, then 60 of about 100.
    settled = [100 + index % 3 for index in range(60)]
    found = steadiness_of(made_result(even_samples(0, [200] * 20 + settled)))
    assert (found.cut, found.judged, found.steady) == (20, True, True)


def test_steadiness_is_that_of_the_slowest_rank() -> None:
    even = [100 + index % 3 for index in range(90)]
    late = even[:60] + [140] * 30
    assert steadiness_of(made_result(even_samples(0, even))).steady
    found = steadiness_of(made_result(even_samples(0, even), even_samples(1, late)))
    assert (found.judged, found.steady) == (True, False)
    assert "jumps by" in found.why


def test_too_few_steps_are_not_judged() -> None:
    found = steadiness_of(two_ranks())
    assert (found.cut, found.judged, found.steady) == (0, False, False)
    assert "3 steps are too few" in found.why


def test_window_keeps_integers() -> None:
    """Samples are whole nanoseconds all the way: no rounding before the figures."""
    window = window_of(two_ranks(), 1)
    assert window.columns["step_ns"].tolist() == [[20 * MS, 30 * MS], [10 * MS, 40 * MS]]


def test_joules_are_those_of_the_window() -> None:
    """Of two GPUs at 100 W and 300 W over a window of 80 ms, in which there were 48 images."""
    seen = made_seen(2, watched_s=(2.0, 1.0), energy_j=(200.0, 300.0))
    window = window_of(two_ranks(), 0, seen)
    assert window.energy_j == pytest.approx(400 * 0.080)
    found = figures_of([window, window], batch_size=8, devices=2)
    assert found.joules_per_image == pytest.approx(400 * 0.080 / 48)


@pytest.mark.parametrize(
    "seen", [None, made_seen(2, energy_j=()), made_seen(2, energy_j=(200.0, None))]
)
def test_no_joules_where_one_gpu_does_not_tell(seen: GpusSeen | None) -> None:
    known, unknown = window_of(two_ranks(), 0, made_seen(2)), window_of(two_ranks(), 0, seen)
    assert figures_of([unknown], batch_size=8, devices=2).joules_per_image is None
    assert figures_of([known, unknown], batch_size=8, devices=2).joules_per_image is None

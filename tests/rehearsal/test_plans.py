"""Plans timed on a device that is a script: order of all calls, checks, and planted faults."""

from itertools import groupby
from typing import Any

import pytest

from resnext_bench.convs.measuring import problem
from resnext_bench.convs.measuring.frontend import Frontend
from resnext_bench.convs.measuring.plans import Broken
from resnext_bench.convs.measuring.problem import FEW_ROUNDS, Wanted, time_problem
from resnext_bench.convs.times.device_jobs import TimedPlan, TimedProblem
from resnext_bench.reports.schema.convs import OPERATIONS, Convolution
from resnext_bench.reports.schema.plan_times import NOT_TIMED
from resnext_bench.resnext.convolutions import Operation
from tests.rehearsal.fake_steps import settings_kept
from tests.rehearsal.made_cudnn import (
    BREAKS,
    DEFAULT,
    FAULTY,
    RIGHT,
    SIDE,
    Log,
    MadeCudnn,
    MadeDevice,
)

pytestmark = pytest.mark.rehearsal
CONV = Convolution(
    layers=("given",),
    images=(4, 16, 9, 8),
    filters=32,
    groups=4,
    kernel=(3, 3),
    stride=(2, 1),
    padding=(1, 1),
    dtype="bf16",
    layout="nhwc",
)
CACHE = CONV.least_bytes // 2
"""A cache that a set of tensors exceeds twice, so that there are two sets."""
WANTED = Wanted(rounds=4, block_s=0.0001, repeats=2)


@pytest.fixture(autouse=True)
def nothing_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has other things to do makes any call slow."""
    monkeypatch.setattr(problem, "SLOW", 1e6)


class Rehearsed:
    """What a rehearsal came to."""

    def __init__(self, *plans: str, cache: int = CACHE, wanted: Wanted = WANTED) -> None:
        self.log = Log()
        self.library: Any = MadeCudnn(self.log, plans or RIGHT)
        self.device = MadeDevice(self.log, cache)
        self.wanted, self.tried = wanted, list[str]()

    def timed(self, conv: Convolution = CONV, operation: Operation = "forward") -> TimedProblem:
        with settings_kept():
            return time_problem(
                conv,
                operation,
                self.wanted,
                self.device,
                Frontend(self.library, self.device.stream),
                trying=self.tried.append,
            )


def kinds(plan: TimedPlan) -> list[str]:
    return [fault.kind for fault in plan.times.faults]


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_plans_are_right_and_timed_in_every_operation_and_layout(
    operation: Operation, layout: Any
) -> None:
    """A tensor in another's place, or in another layout, would be wrong."""
    conv = Convolution(
        **{name: getattr(CONV, name) for name in CONV.__struct_fields__} | {"layout": layout}
    )
    found = Rehearsed().timed(conv, operation)
    assert found.sets == 2
    assert [plan.tag for plan in found.plans] == list(RIGHT)
    for one in (*found.plans, *found.choices):
        assert not one.times.faults
        assert len(one.times.samples_us) == len(one.times.warm_us) == WANTED.rounds
        assert min(one.times.samples_us + one.times.warm_us) > 0
        assert one.times.error is not None
    assert [(one.mode, one.number) for one in found.choices] == [
        *(("off", 1), ("limit 10", 1), ("no limit", 1), ("limit 10", 2), ("no limit", 2)),
    ]


@pytest.mark.parametrize(("tag", "fault"), FAULTY.items())
def test_a_planted_fault_is_found_and_stops_no_other(
    tag: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "slow":
        monkeypatch.setattr(problem, "SLOW", 50.0)
    found = Rehearsed(RIGHT[0], tag, RIGHT[2]).timed()
    first, planted, last = found.plans
    assert kinds(first) == kinds(last) == []
    assert kinds(planted) == [fault]
    assert planted.times.is_timed == (fault not in NOT_TIMED)
    assert len(first.times.samples_us) == len(last.times.samples_us) == WANTED.rounds
    if fault == "slow":
        assert len(planted.times.samples_us) == FEW_ROUNDS
    if fault in ("unbuilt", "raised", "uncaptured"):
        assert planted.times.faults[0].said
        assert "\n" not in planted.times.faults[0].said


def test_a_wrong_result_is_told_by_how_much() -> None:
    (found,) = Rehearsed("eng6_wrong").timed().plans
    assert found.times.error == pytest.approx(0.1, rel=0.1)


def test_a_device_that_answers_no_more_ends_the_process_s_work() -> None:
    rehearsed = Rehearsed(RIGHT[0], BREAKS, RIGHT[1])
    with pytest.raises(Broken, match="illegal memory access"):
        rehearsed.timed()
    assert rehearsed.tried[-1] == BREAKS


def test_what_broke_a_process_is_skipped_by_the_next() -> None:
    wanted = Wanted(rounds=2, block_s=0.0001, repeats=1, skipped=(BREAKS,))
    rehearsed = Rehearsed(RIGHT[0], BREAKS, RIGHT[1], wanted=wanted)
    found = rehearsed.timed()
    assert [kinds(plan) for plan in found.plans] == [[], ["broke"], []]
    assert BREAKS not in rehearsed.tried
    assert BREAKS not in rehearsed.log.executed


def test_the_order_of_calls() -> None:
    """All plans are built before one runs; on its stream; and captured after it ran there."""
    rehearsed = Rehearsed()
    rehearsed.timed()
    log = rehearsed.log
    names = [call[0] for call in log.calls]
    assert names[:3] == ["create_handle", "set_stream", "pygraph"]
    assert log.of("pygraph") == [("pygraph", "handle")]
    assert [call[1] for call in log.of("build")] == list(RIGHT)
    assert names.index("execute") > max(at for at, name in enumerate(names) if name == "build")
    assert [call[1] for call in log.of("set_stream")].count(SIDE) > len(RIGHT)
    captures = [at for at, name in enumerate(names) if name == "capture"]
    assert len(captures) == 2 * len(RIGHT), "cold and warm of each"
    assert all(log.calls[at - 2] == ("set_stream", SIDE) for at in captures)
    assert log.stream == DEFAULT


def _addresses(log: Log, tag: str) -> list[dict[str, int]]:
    return [at for _, executed, at in log.of("execute") if executed == tag]


def test_cold_calls_go_through_all_sets_and_warm_ones_stay_with_the_first() -> None:
    rehearsed = Rehearsed(RIGHT[0], wanted=Wanted(rounds=2, block_s=0.001, repeats=1))
    rehearsed.timed()
    calls = rehearsed.log.calls
    cold, warm = (at for at, call in enumerate(calls) if call[0] == "capture")
    first, *_ = _addresses(rehearsed.log, RIGHT[0])

    def captured(place: int) -> list[dict[str, int]]:
        found = []
        for call in calls[place + 1 :]:
            if call[0] not in ("set_stream", "execute"):
                break
            found += [call[2]] if call[0] == "execute" else []
        return found

    # The call before the second capture runs on the same stream: only what follows it counts.
    through = captured(cold)
    blocks = len(captured(warm))
    assert captured(warm) == [first] * blocks
    other = through[1]
    assert through[:blocks] == [(first, other)[number % 2] for number in range(blocks)]
    assert not set(other.values()) & set(first.values()), "no tensor is shared, results neither"


def test_one_set_that_exceeds_the_cache_is_never_warm() -> None:
    found = Rehearsed(cache=CONV.least_bytes // 100).timed()
    assert found.sets == 1
    for one in (*found.plans, *found.choices):
        assert one.times.samples_us
        assert not one.times.warm_us


def test_turns_go_forth_and_back_and_nothing_waits_in_a_block() -> None:
    wanted = Wanted(rounds=4, block_s=0.0001, repeats=0)
    rehearsed = Rehearsed(cache=CONV.least_bytes // 100, wanted=wanted)
    rehearsed.timed()
    calls = rehearsed.log.calls
    replays = [at for at, call in enumerate(calls) if call[0] == "replay"]
    timed = replays[len(RIGHT) :]  # one each is the check of what it leaves
    assert {calls[at + 1] for at in timed} == {("settle",)}
    order = [tag for tag, _ in groupby(calls[at][1] for at in timed)]
    assert order == [*RIGHT, *RIGHT[-2::-1], *RIGHT[1:], *RIGHT[-2::-1]]
    each = [calls[at] for at in timed]
    assert each == [call for tag in (*RIGHT, *RIGHT[::-1]) * 2 for call in [("replay", tag)] * 2]


def test_kernels_are_named_and_pytorch_s_beside_them() -> None:
    found = Rehearsed().timed()
    assert [plan.times.kernels for plan in found.plans] == [
        *(("kernel of eng22",), ("kernel of eng62",), ("kernel of eng0",)),
    ]
    assert {one.times.kernels for one in found.choices} == {("kernel of eng62",)}


def test_a_plan_without_room_leaves_room_for_the_others() -> None:
    """The workspace that all share is the largest that there is room for."""
    found = Rehearsed(*RIGHT, "eng2_hungry").timed()
    assert [plan.workspace for plan in found.plans] == [4096, 4096, 4096, 2**60]
    assert [bool(plan.times.samples_us) for plan in found.plans] == [True, True, True, False]


def test_fp32_is_checked_by_its_own_limit() -> None:
    conv = Convolution(
        **{name: getattr(CONV, name) for name in CONV.__struct_fields__} | {"dtype": "fp32"}
    )
    found = Rehearsed().timed(conv)
    assert max(plan.times.error or 0 for plan in found.plans) < 1e-5

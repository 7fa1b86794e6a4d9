"""What timed sides come to."""

import msgspec
import numpy as np
import pytest

from resnext_bench.reports.figures.convs import (
    Side,
    apart,
    compared,
    paired,
    sides_of,
    slower,
    sums,
)
from tests.reports.made_timed import (
    BF16,
    BF16_NHWC,
    FP32,
    FP32_NHWC,
    ROUNDS,
    SIDES,
    made_plan,
    made_timed,
)


def test_what_a_round_does_to_both_sides_is_in_no_ratio() -> None:
    base = 1e3 * np.exp(np.random.default_rng(0).normal(0, 0.5, 10))
    found = paired(2 * base, base)
    assert found.value == pytest.approx(2)
    assert found.high / found.low < 1.001
    noisy = paired(2 * base, base[::-1])
    assert noisy.high / noisy.low > 1.5


def test_apart_is_wider_than_in_turn() -> None:
    a = np.array(ROUNDS)
    found = apart(a, 2 * a)
    assert found.value == pytest.approx(2)
    assert found.low < 2 < found.high
    assert found.high / found.low > paired(2 * a, a).high / paired(2 * a, a).low


def test_the_base_is_fp32_in_nchw_or_else_the_first() -> None:
    assert sides_of(made_timed(sides=(BF16, FP32_NHWC, FP32))) == [FP32, BF16, FP32_NHWC]
    assert sides_of(made_timed(sides=(BF16_NHWC, BF16)))[0] == BF16_NHWC
    off = Side(dtype="fp32", layout="nchw", setting="oneDNN off")
    assert sides_of(made_timed(sides=(off, FP32)))[0] == FP32


def test_ratios_are_to_the_base_of_the_same_problem() -> None:
    record = made_timed({(1, "forward", BF16): 500.0, (1, "forward", FP32): 2000.0})
    found = {(one.convolution.layers[0], one.operation): one for one in compared(record)}
    assert len(found) == 6
    one = found["layer2.0.conv2", "forward"]
    assert [each.side for each in one.measured] == list(SIDES)
    base, bf16 = one.of(FP32), one.of(BF16)
    assert base
    assert bf16
    assert bf16.ratio
    assert base.ratio is None
    assert base.ms == pytest.approx(2.0, rel=0.02)
    assert bf16.ratio.value == pytest.approx(0.25)


def test_a_step_has_each_convolution_as_often_as_the_network() -> None:
    record = made_timed({(0, "forward", BF16): 4000.0})
    base, _, bf16, _ = sums(record)
    # Two layers are the first convolution: 3 ms of each kind, and 3 ms more of each forward.
    assert base.total_ms == pytest.approx(9.0, rel=0.02)
    assert bf16.ms["forward"] == pytest.approx(9.0, rel=0.02)
    assert bf16.ratio
    assert bf16.ratio.value == pytest.approx(15 / 9)
    assert (base.ratio, base.lacks) == (None, 0)


def test_what_one_of_them_cannot_run_is_in_neither_sum() -> None:
    key = (1, "weight gradient", BF16)
    base, _, bf16, _ = sums(made_timed(plans={key: "could not create a primitive"}))
    assert bf16.lacks == 1
    assert bf16.ratio
    assert bf16.ratio.value == pytest.approx(1.0)
    assert bf16.total_ms == pytest.approx(base.total_ms * 8 / 9)
    *_, last = compared(made_timed(plans={key: "could not create a primitive"}))
    failed = last.of(BF16)
    assert failed
    assert (failed.plan, failed.ratio, failed.why) == (None, None, "could not create a primitive")


def test_a_wrong_result_has_no_ratio_and_is_in_no_sum() -> None:
    """How long a wrong result takes is neither slow nor fast, whichever side it is on."""
    wrong = made_plan(3400.0, notes=("wrong",), error=1.5)
    for side in (BF16, FP32):
        record = made_timed(plans={(1, "weight gradient", side): wrong})
        *_, last = compared(record)
        bf16 = last.of(BF16)
        assert bf16
        assert (bf16.ratio, bf16.is_wrong, bf16.is_usable) == (None, side == BF16, side != BF16)
        assert not list(slower(record))
        total = sums(record)[2]
        assert (total.problems, total.lacks) == (5, 1)
        # Two layers are the first convolution: 6 ms of it, and 2 of the second.
        assert total.total_ms == pytest.approx(8.0, rel=0.02)
        assert total.ratio
        assert total.ratio.value == pytest.approx(1.0)


def test_only_what_is_slower_beyond_its_interval_is_slower() -> None:
    scattered = made_plan(1100.0, samples_us=(1500.0, 800.0, 1400.0, 900.0))
    record = made_timed(
        {(0, "weight gradient", BF16): 2500.0, (1, "weight gradient", BF16): 3000.0},
        plans={(0, "forward", BF16): scattered},
    )
    ((side, operation, found),) = slower(record)
    assert not list(slower(made_timed({(0, "forward", BF16): 900.0})))
    assert (side, operation) == (BF16, "weight gradient")
    assert [one.convolution.layers[0] for one, _ in found] == ["layer2.0.conv2", "layer1.0.conv2"]


def test_of_many_ratios_some_are_above_one_by_chance() -> None:
    draw = np.random.default_rng(0)
    lone = many = 0
    for _ in range(20):
        plans = {
            (at, operation, side): made_plan(0, samples_us=tuple(1e3 + draw.normal(0, 50, 10)))
            for at in (0, 1)
            for operation in ("forward", "input gradient", "weight gradient")
            for side in SIDES
        }
        record = made_timed(plans=plans)
        lone += any(each.is_slower for one in compared(record) for each in one.measured)
        many += bool(list(slower(record)))
    assert lone > 3
    assert many <= 3


def test_a_problem_that_was_cut_short_is_in_no_sum() -> None:
    record = made_timed()
    last = record.problems[-len(SIDES) :]
    short = tuple(
        msgspec.structs.replace(
            one,
            plans=tuple(
                msgspec.structs.replace(plan, samples_us=plan.samples_us[:2]) for plan in one.plans
            ),
        )
        for one in last
    )
    every = record.problems[: -len(SIDES)]
    found = sums(msgspec.structs.replace(record, problems=(*every, *short)))
    without = sums(msgspec.structs.replace(record, problems=every))
    assert [one.total_ms for one in found] == [one.total_ms for one in without]
    assert all(one.lacks == 0 for one in found)

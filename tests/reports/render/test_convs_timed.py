"""What is said of timed convolutions, at 80 columns and as Markdown."""

import pytest
from msgspec.structs import replace

from resnext_bench.reports.figures.convs import Side
from resnext_bench.reports.render.convs_diff import diff_sections
from resnext_bench.reports.render.kinds import renderer_of
from resnext_bench.reports.render.markdown import markdown
from resnext_bench.reports.schema.convs import Cap, Convs, Timing
from resnext_bench.reports.schema.kinds import kind_of
from resnext_bench.reports.store.conv_differences import diff
from tests.reports.drawn import drawn
from tests.reports.made_timed import BF16, BF16_NHWC, FP32, SIDES, made_plan, made_timed

OFF = Side(dtype="fp32", layout="nchw", setting="oneDNN off")
LATE = {
    (0, "weight gradient", BF16): made_plan(2500.0, kernel="x64:gemm:jit", notes=("gemm",)),
    (1, "weight gradient", BF16): made_plan(2000.0, kernel="x64:gemm:jit", notes=("gemm",)),
}


def told(record: Convs) -> str:
    lines = drawn(renderer_of(record).sections(record), 80)
    return " ".join(" ".join(line for line in lines if not line.startswith("─")).split())


def test_each_problem_is_a_row_of_ratios_with_intervals() -> None:
    out = told(made_timed({(0, "forward", BF16_NHWC): 250.0}))
    assert "layer1.0.conv2 x2 forward 1.00 ms 1.00 ±0% 1.00 ±0% 0.25 ±0%" in out
    assert "implementation x convolutions" in out
    assert "jit:avx512_core x2" in out


def test_what_is_slower_is_told_with_what_cures_it() -> None:
    out = told(made_timed(plans=LATE))
    assert (
        "bf16 NCHW is slower than fp32 NCHW in the weight gradient of 2 of 2 convolutions: "
        "layer1.0.conv2 (128@56) 2.50 (2.50 to 2.50) times, by x64:gemm:jit; "
        "layer2.0.conv2 (256@28) 2.00 (2.00 to 2.00) times, by x64:gemm:jit. NHWC cures both."
    ) in out
    assert "bf16 NCHW falls back to a product of matrices (gemm) in 2 of 6 problems." in out
    nowhere = {(at, one, BF16_NHWC): 3000.0 for at, one, _ in LATE}
    assert "cures" not in told(made_timed(nowhere, plans=LATE))
    part = {(0, "weight gradient", BF16_NHWC): 3000.0}
    assert "NHWC cures 1 of them." in told(made_timed(part, plans=LATE))


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("convert", "bf16 NCHW has no kernel of its own type in 1 of 6 problems: oneDNN converts"),
        ("native", "oneDNN does not compute bf16 NCHW in 1 of 6 problems: PyTorch's own loops do"),
        ("reference", "bf16 NCHW has only oneDNN's reference loops in 1 of 6 problems"),
    ],
)
def test_what_is_conspicuous_is_counted(note: str, words: str) -> None:
    assert words not in told(made_timed())
    noted = {(0, "forward", BF16): made_plan(1000.0, notes=(note,))}
    assert words in told(made_timed(plans=noted))


def test_copies_are_told_with_their_share() -> None:
    copied = {(0, "forward", BF16): made_plan(1000.0, notes=("copy",), beside=0.4)}
    out = told(made_timed(plans=copied))
    assert "bf16 NCHW: copies to another layout take 40 % of oneDNN's time in 1 of 6" in out


def test_many_sides_are_several_tables_of_80_columns() -> None:
    capped = tuple(Side(dtype=one.dtype, layout=one.layout, setting="ISA AVX2") for one in SIDES)
    out = told(made_timed(sides=(*SIDES, *capped, OFF)))
    assert "ISA AVX2: times relative to fp32 NCHW convolution operation fp32 NCHW fp32" in out
    assert "oneDNN off: times relative to fp32 NCHW convolution operation fp32 NCHW layer1" in out
    assert out.count("layer2.0.conv2 forward") == 3
    assert "fp32 NCHW, oneDNN off" in out


def test_one_convolution_is_told_in_full() -> None:
    record = made_timed(plans=LATE)
    few = tuple(one for one in record.problems if one.convolution < 4)
    out = told(replace(record, problems=few))
    assert "weight gradient of layer1.0.conv2 x2 (128@56, 32 groups)" in out
    assert "bf16 NCHW 2.51 2.50 2.50 to 2.50 x64:gemm:jit gemm" in out


def test_a_wrong_result_comes_first_and_makes_the_record_invalid() -> None:
    wrong = {(0, "forward", BF16): made_plan(1000.0, notes=("wrong",), error=1.4936)}
    record = made_timed(plans=wrong)
    out = told(record)
    assert out.startswith(
        "WRONG: forward of layer1.0.conv2, bf16 NCHW: jit:avx512_core has a relative error of 1.5 "
        "against float64, more than its type allows"
    )
    assert kind_of(record).outcomes(record) == {"invalid"}
    assert renderer_of(record).doubt(record).startswith("WRONG: forward of layer1.0.conv2")
    assert renderer_of(made_timed()).doubt(made_timed()) == ""


def test_a_wrong_result_is_marked_and_in_no_sum_and_sentence() -> None:
    """It takes 3.4 times as long as fp32, and NHWC the same: neither means anything."""
    wrong = {
        (0, "weight gradient", BF16): made_plan(3400.0, notes=("wrong",), error=1.5),
        (1, "weight gradient", FP32): made_plan(1000.0, notes=("wrong",), error=1.5),
    }
    out = told(made_timed(plans=wrong))
    assert "weight gradient 1.00 ms 1.00 ±0% WRONG 1.00 ±0%" in out
    assert "weight gradient WRONG – – –" in out
    assert "3.40" not in out
    assert "slower" not in out
    assert "bf16 NCHW (without 2 that" in out


def test_nothing_is_cured_by_a_wrong_result() -> None:
    wrong = {
        (at, "weight gradient", BF16_NHWC): made_plan(1000.0, notes=("wrong",), error=1.5)
        for at in (0, 1)
    }
    out = told(made_timed(plans={**LATE, **wrong}))
    assert "bf16 NCHW is slower than fp32 NCHW" in out
    assert "cures" not in out


def test_only_all_layers_are_a_step() -> None:
    fast = {(at, "forward", BF16_NHWC): 250.0 for at in (0, 1)}
    assert "; over a step bf16 NHWC takes 0.75" in told(made_timed(fast))
    for words in (("--layer", "c"), ("--layer=c",)):
        out = told(made_timed(fast, command=("convs", "time", "nets:Net", *words)))
        assert "; over 6 problems bf16 NHWC takes 0.75" in out
        assert "step" not in out


def test_a_problem_that_was_cut_short_is_in_no_headline() -> None:
    """Of the last problem two of four rounds were measured."""
    record = made_timed({(0, "forward", BF16_NHWC): 250.0}, status="interrupted")
    *rest, last = [record.problems[at : at + 4] for at in range(0, 24, 4)]
    short = [
        replace(one, plans=(replace(one.plans[0], samples_us=one.plans[0].samples_us[:2]),))
        for one in last
    ]
    problems = (*(one for group in rest for one in group), *short)
    out = told(replace(record, problems=problems))
    assert "; over 5 problems bf16 NHWC takes" in out
    assert "intervals over 2 to 4 rounds in turn" in out


def test_sides_that_fail_are_told_once_for_each_reason() -> None:
    failed = {(at, "forward", BF16): "could not create a primitive" for at in (0, 1)}
    out = told(made_timed(plans=failed))
    assert (
        "note bf16 NCHW fails (forward of layer1.0.conv2 and 1 more): could not create a primitive"
    ) in out
    assert "bf16 NCHW (without 2 that –" in out


def test_what_a_cap_does_is_told() -> None:
    caps = tuple(
        Cap(isa=isa, uses=uses)
        for isa, uses in (("", "Intel AVX-512"), ("AVX2", "Intel AVX2"), ("B", "Intel AVX-512"))
    )
    timing = Timing(rounds=4, block_s=0.05, threads=2, caps=caps)
    out = told(_timed_by(timing))
    assert "oneDNN uses Intel AVX-512" in out
    assert "ISA AVX2 leaves it Intel AVX2" in out
    assert "ISA B changes nothing here" in out
    silent = Timing(rounds=4, block_s=0.05, threads=2, caps=(Cap(isa="", uses=""),))
    assert "oneDNN's log says nothing here" in told(_timed_by(silent))


def _timed_by(timing: Timing) -> Convs:
    return replace(made_timed(), timing=timing)


def test_a_busy_machine_is_told() -> None:
    def told_at(load: float) -> str:
        return told(_timed_by(Timing(rounds=4, block_s=0.05, threads=2, load_1min=load)))

    assert "other programs computed as well: the load average was 3.5" in told_at(3.5)
    assert "other programs" not in told_at(0.1)


def test_markdown_has_the_same_table() -> None:
    record = made_timed()
    assert "| 0.25 ±0%" in markdown(
        renderer_of(record).sections(made_timed({(0, "forward", BF16_NHWC): 250.0}))
    )


def test_two_records_differ_by_ratios_that_were_timed_apart() -> None:
    a, b = made_timed(), made_timed({(0, "forward", FP32): 1500.0}, plans=LATE)
    found = diff(a, b)
    assert (len(found.times), found.changes, found.only) == (24, (), (0, 0))
    out = " ".join(" ".join(drawn(diff_sections(found), 80)).split())
    assert "b is slower in 3 and faster in 0 of 24 sides that both have timed" in out
    assert "another implementation in 2" in out
    assert "jit:avx512_core → x64:gemm:jit" in out
    assert "They were timed apart" in out


def test_settings_are_part_of_a_problem() -> None:
    a, b = made_timed(sides=(FP32, OFF)), made_timed(sides=(FP32,))
    found = diff(a, b)
    assert (found.problems, found.only) == (6, (6, 0))


def test_a_result_with_nan_is_told_though_its_distance_is_unknown() -> None:
    wrong = {(0, "forward", BF16): made_plan(1000.0, notes=("wrong",), error=None)}
    assert told(made_timed(plans=wrong)).startswith(
        "WRONG: forward of layer1.0.conv2, bf16 NCHW: jit:avx512_core has NaN"
    )

"""A comparison as people read and paste it: the verdict in a sentence, all figures, no overflow."""

import re
from collections.abc import Sequence
from math import log
from typing import Any

import msgspec
import pytest

from resnext_bench.reports.render.comparison import sections
from resnext_bench.reports.render.runs import runs_sections
from resnext_bench.reports.render.sentences import verdict_line
from resnext_bench.reports.schema.comparison import Comparison, Limits, Pair, PhaseChange
from resnext_bench.reports.schema.interval import Range
from resnext_bench.reports.schema.record import Failure
from resnext_bench.reports.schema.sessions import SlowSteps
from tests.reports.drawn import drawn
from tests.reports.made_comparisons import (
    COMPARISON_ID,
    block_pair,
    made_comparison,
    made_pair,
    pairs_of,
    spread_around,
)
from tests.reports.made_results import made_record

WIDTHS = (80, 120)


def lines_of(record: Comparison, width: int) -> list[str]:
    return drawn(sections(record), width)


def shown(record: Comparison, width: int = 80) -> str:
    """The comparison on screen as one line, without the table's borders."""
    text = " ".join(lines_of(record, width))
    assert "…" not in text, "no figure is cut"
    return " ".join(text.translate(dict.fromkeys(map(ord, "│─╭╮╰╯├┤┬┴┼"), " ")).split())


INVALID = [made_pair(number, invalid=("a: the loss is not finite",)) for number in (1, 2, 3)]
DRIFTING = [
    block_pair(number, [0.05 + 0.005 * block + 0.001 * number for block in range(10)])
    for number in range(1, 9)
]
HEADLINES: dict[str, tuple[Sequence[Pair], str]] = {
    "slower": (spread_around(log(1.093), 0.001), "b is slower than a: a step takes 9.3 % longer"),
    "faster": (
        spread_around(log(0.907), 0.001),
        "b is faster than a: a step takes 9.3 % less time",
    ),
    "negligible": (
        spread_around(0.005, 0.002),
        "b differs from a, but by less than ±2 %",
    ),
    "same": (spread_around(0.0, 0.005), "b and a are the same, within ±2 %"),
    "can't tell": (spread_around(0.0, 0.05), "can't tell b from a; about "),
    "never steady": (DRIFTING, "never steady: b over a moves by +4.5 % within a session"),
    "invalid": (INVALID, "INVALID: 3 of 3 sessions do not count; the first one: a: the loss"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("word", HEADLINES)
def test_the_verdict_stands_first_in_one_sentence(word: str, width: int) -> None:
    pairs, sentence = HEADLINES[word]
    record = made_comparison(pairs)
    assert record.verdict == word
    assert verdict_line(record).startswith(sentence)
    first, second, *_ = lines_of(record, width)
    assert verdict_line(record) in (first, f"{first} {second}")


def test_who_cannot_tell_is_told_what_to_do() -> None:
    record = made_comparison(spread_around(0.0, 0.05))
    headline, advice, *_ = lines_of(record, 120)
    assert headline == verdict_line(record)
    assert (
        advice
        == "to get a verdict: compare again with --max-sessions 72 --max-minutes 50 (≈ 45 min)"
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("word", HEADLINES)
def test_no_figure_is_cut(word: str, width: int) -> None:
    """What is said where there is room for everything is said at any width, word for word."""
    record = made_comparison(HEADLINES[word][0])
    assert shown(record, width) == shown(record, 1000)


@pytest.mark.parametrize("width", WIDTHS)
def test_all_figures_are_there(width: int) -> None:
    pairs = [
        msgspec.structs.replace(
            block_pair(number, [log(1.1)] * 10),
            phases_ms={"backward": (6.0, 7.0), "forward": (4.0, 4.0)},
        )
        for number in (1, 2, 3, 4)
    ]
    text = shown(made_comparison(pairs), width)
    for words in (
        "both resnext50_32x4d, 8 images of 128 x 128, bf16 autocast, fp32 IEEE elsewhere, sgd, ",
        "a --amp b --amp --no-channels-last channels-last on → off",
        "ms/step 10.0 → 11.0",
        # Four equal sessions have an error of 0.01 % / 2, and t of 99.9 % at three is 10.21.
        "all steps +10.00 % 99.8 % interval +9.94 to +10.06 %",
        # t of 99.6 % at three is 6.32.
        "median step 10.0 → 11.0 ms +10.00 % 99.2 % interval +9.97 to +10.03 %",
        "detectable a change of every step of at least 0.",
        "(95 % power)",
        "backward 6.00 → 7.00 ms +1.0000 ± 0.0003 ms (99 %)",
        "duet: both sides resident, in alternating blocks",
        "4 of at most 4, each 10 pairs of blocks of 4 steps; 1 of 1 planned looks at the verdict",
        "order being second costs",
        "balanced out",
        "quiet the waiting side used 0.2 % of its cores at most",
        "ended the verdict was certain, after 5.0 min",
        "machine Example CPU @ 2.50GHz, 2 cores, torch 2.15.0",
        COMPARISON_ID,
    ):
        assert words in text, text


def test_sides_of_other_batches_are_told_by_the_image() -> None:
    record = made_comparison(images=(8, 1024), step_ms=(0.4321, 0.471))
    text = shown(record)
    assert text.startswith("b is slower than a: an image takes 9 % longer")
    assert "ms/image 0.432 → 0.471 in steps of 8 and of 1,024 images time/image +9.00 %" in text
    alike = shown(msgspec.structs.replace(record, images=(8, 8)))
    assert "a step takes 9 % longer" in alike
    assert "ms/step 0.432 → 0.471 all steps +9.00 %" in alike


SLOW = SlowSteps(every=4, slow=250, steps=1000, slow_ms=60.0, cost_percent=124.3)


def test_slow_steps_have_a_row() -> None:
    text = shown(made_comparison(slow=(None, SLOW)))
    row = "slow steps, b every 4th step takes 60.0 ms, which makes all steps of b together 124 %"
    assert row in text
    assert "slow steps, a" not in text


@pytest.mark.parametrize(("other_ms", "told"), [(0.04, False), (0.06, True)])
def test_what_lies_between_the_parts_has_a_row_where_it_matters(
    other_ms: float, told: bool
) -> None:
    split = {"backward": (10.0 - other_ms,) * 2, "other": (other_ms,) * 2}
    pairs = [made_pair(number, phases_ms=split) for number in (1, 2, 3, 4)]
    assert ("other" in shown(made_comparison(pairs))) is told


def test_records_from_before_the_middle_step_was_told_apart() -> None:
    text = shown(made_comparison(middle=None, middle_ms=None, middle_verdict=None))
    assert "step time +9.00 %" in text
    assert "median step" not in text


def test_relaunches_have_no_blocks() -> None:
    text = shown(made_comparison(spread_around(0.1, 0.01), "relaunch"))
    assert "relaunched in turn (ABBA)" in text
    assert "8 of at most 8; 1 of 1 planned looks at the verdict taken" in text
    assert "quiet" not in text


@pytest.mark.parametrize(
    ("change_ms", "error_ms", "told"),
    [
        (0.000302, 0.008, "+0.0003 ± 0.0080 ms (99 %)"),
        (3.512, 4.94, "+3.5 ± 4.9 ms (99 %)"),
        (-0.8154, 0.1034, "-0.82 ± 0.10 ms (99 %)"),
        (1234.5, 56.7, "+1,234 ± 57 ms (99 %)"),
        (0.0, 0.0, "+0.00 ± 0.00 ms (99 %)"),
        (0.5, 1e-9, "+0.5000 ± 0.0000 ms (99 %)"),
    ],
)
def test_no_more_figures_than_the_interval_lets_be_known(
    change_ms: float, error_ms: float, told: str
) -> None:
    phase = PhaseChange(a_ms=1.0, b_ms=2.0, change_ms=change_ms, half_width_ms=error_ms)
    assert told in shown(made_comparison(phases={"forward": phase}))


@pytest.mark.parametrize("design", ["duet", "relaunch"])
@pytest.mark.parametrize("effects", [[], [0.05], [0.05, 1.8]])
def test_hardly_anything_is_known(design: Any, effects: list[float]) -> None:
    """No session, one, and two that have nothing in common: shown, without absurd figures."""
    limits = Limits(margin_percent=2, max_sessions=26, max_minutes=20, pairs=10, block_steps=0)
    made = made_comparison(pairs_of(effects or [0.0]), design, limits=limits)
    record = msgspec.structs.replace(made, pairs=made.pairs[: len(effects)])
    for width in WIDTHS:
        text = shown(record, width)
        assert text.startswith("can't tell b from a")
        assert max(map(len, text.split())) < 60
        assert "inf" not in text
        assert "e+" not in text


def test_a_large_change_is_written_out() -> None:
    change = Range(percent=1234.6, low_percent=900, high_percent=2000, confidence_percent=99.5)
    record = made_comparison(change=change, detectable_percent=123.4)
    assert verdict_line(record) == "b is slower than a: a step takes 1,235 % longer"
    text = shown(record)
    assert "+1234.60 % 99.5 % interval +900.00 to +2,000.00 %" in text
    assert "changes of at least 123 %" in text


@pytest.mark.parametrize("width", WIDTHS)
def test_a_failure_with_the_end_of_its_log(width: int) -> None:
    failure = Failure(rank=1, what="rank 1: killed", log="x/rank-1.log", log_tail=("step [6]",))
    record = made_comparison(status="failed", why=failure.what, verdict=None, failure=failure)
    text = shown(record, width)
    assert text.startswith("no verdict: rank 1: killed")
    assert "FAILED rank 1: killed the end of x/rank-1.log: step [6]" in text


def test_an_interruption_and_notes() -> None:
    why = "stopped after 2 complete sessions"
    record = made_comparison(status="interrupted", why=why, verdict=None, notes=("[not] markup",))
    text = shown(record)
    assert text.startswith(f"no verdict: {why}")
    assert "note [not] markup" in text


def test_names_of_any_length_are_wrapped_not_cut() -> None:
    given = " ".join(f"--option-{index} {index}" for index in range(30))
    record = made_comparison()
    record = msgspec.structs.replace(record, a=msgspec.structs.replace(record.a, given=given))
    assert given in shown(record)


@pytest.mark.parametrize("width", [60, *WIDTHS])
def test_a_comparison_among_the_runs(width: int) -> None:
    records = [made_record(), made_comparison(), made_comparison(status="failed", verdict=None)]
    lines = drawn(runs_sections(records), width)
    rows = [line.split() for line in lines if COMPARISON_ID in line]
    assert [row[:2] for row in rows] == [[COMPARISON_ID, "slower"], [COMPARISON_ID, "failed"]]
    assert {row[2] for row in rows} == {"compare"}


def test_same_shows_the_interval_that_made_it_so() -> None:
    """Four sessions: at 99 % the change may be beyond the margin, and yet it is "same"."""
    effects = [-0.009, 0.009, -0.008, 0.008]
    pairs = pairs_of(effects)
    record = made_comparison(pairs)
    assert record.verdict == "same"
    assert record.change
    assert record.change.high_percent > 2
    told = " ".join(" ".join(lines_of(record, 100)).replace("│", " ").split())
    assert re.search(r"for same -1\.\d\d to \+1\.\d\d % 90 % interval, inside ±2 %", told), told
    assert "for same" not in " ".join(lines_of(made_comparison(), 100))

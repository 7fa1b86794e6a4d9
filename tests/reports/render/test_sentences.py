"""What a comparison came to, and what its reader can do now."""

from math import exp, log
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from resnext_bench.reports.render.sentences import (
    tone_of,
    verdict_line,
    what_ended_it,
    what_to_do,
)
from resnext_bench.reports.render.words import duration
from resnext_bench.reports.schema.comparison import COMPARE, Comparison, End, Side
from resnext_bench.reports.schema.sessions import SlowSteps
from resnext_bench.reports.schema.verdicts import VERDICTS, Word
from tests.reports.made_comparisons import SPREAD, made_comparison, made_pair, pairs_of

DOCS_COMPARE = (Path(__file__).parents[3] / "docs" / "compare.md").read_text()
BAD = ("a: the loss is not finite",)


def unsure(
    count: int, more: int | None, *, invalid: int = 0, minutes: float = 10.0, **changes: Any
) -> Comparison:
    """So many sessions that count, of a minute each, and then some that do not."""
    pairs = pairs_of([0.05 if number % 2 else -0.05 for number in range(count)])
    pairs += [made_pair(count + number, invalid=BAD) for number in range(1, invalid + 1)]
    made = made_comparison(pairs)
    sessions = changes.pop("sessions", count)
    limits = msgspec.structs.replace(made.limits, max_sessions=sessions, max_minutes=minutes)
    fields = {"verdict": "can't tell", "status": "ok", "why": "", "limits": limits}
    fields |= {"sessions_more": more, "duration_s": 60.0 * len(pairs)}
    return msgspec.structs.replace(made, **(fields | changes))


@pytest.mark.parametrize("word", get_args(Word))
def test_every_word_has_a_sentence_and_what_follows_from_it(word: Word) -> None:
    record = msgspec.structs.replace(made_comparison(), verdict=word, status="ok", why="so it is")
    outcome = VERDICTS[word].outcome
    assert verdict_line(record)
    assert COMPARE.outcomes(record) == ({outcome} if outcome else set())
    assert (tone_of(word) == "good") is (outcome is None)
    assert word in DOCS_COMPARE, "run nox -s docs"


def test_without_a_verdict_it_is_a_warning() -> None:
    assert (tone_of(None), tone_of("can't tell"), tone_of("slower")) == (
        "warning",
        "warning",
        "bad",
    )


@pytest.mark.parametrize(
    ("count", "more", "told"),
    [
        (13, 7, "about 7 more sessions (≈ 7.0 min) would be enough"),
        (13, 1, "about 1 more session (≈ 60 s) would be enough"),
        (8, 7, "about 7 more sessions (≈ 7.0 min, a rough estimate) would be enough"),
        (13, 130, "about 130 more sessions (≈ 2.2 h) would be enough"),
    ],
)
def test_how_many_more_would_tell_and_how_long_they_take(count: int, more: int, told: str) -> None:
    assert verdict_line(unsure(count, more)) == f"can't tell b from a; {told}"


def test_sessions_that_do_not_count_take_time_too() -> None:
    record = unsure(10, 6, invalid=2, duration_s=1200.0, minutes=20.0, sessions=26)
    assert "6 more sessions (≈ 10 min) would be enough" in verdict_line(record)
    assert what_to_do(record) == (
        "to get a verdict: compare again with --max-minutes 30 (≈ 27 min)",
    )


SLOW = SlowSteps(every=4, slow=250, steps=1000, slow_ms=60.0, cost_percent=124.3)
SPIKY = 0.08 * np.array(SPREAD)


def story(total: list[float], middle: list[float], **changes: Any) -> str:
    pairs = [
        made_pair(number, one, middle_log_ratio=two, middle_ms=(10.0, 10.0 * exp(two)))
        for number, (one, two) in enumerate(zip(total, middle, strict=True), 1)
    ]
    return verdict_line(made_comparison(pairs, **changes))


def around(center: float, spread: float) -> list[float]:
    return [center + spread * one for one in SPREAD]


def test_all_steps_and_the_middle_one_in_the_first_line() -> None:
    """The words where both agree, where they do not, and where the middle one carries it."""
    twice, same, third = log(2.24), around(0, 0.001), around(log(1.03), 0.002)
    assert story(third, third) == "b is slower than a: a step takes 3 % longer"
    assert story(around(twice, 0.01), same, slow=(None, SLOW)) == (
        "b is slower than a: all steps together take 124 % longer; the median step is the same: "
        "every 4th step of b takes 60.0 ms"
    )
    assert story(around(-twice, 0.01), same, slow=(SLOW, None)) == (
        "b is faster than a: all steps together take 55.4 % less time; the median step is the "
        "same: every 4th step of a takes 60.0 ms"
    )
    hardly = msgspec.structs.replace(SLOW, cost_percent=1.2)
    assert "of b" not in story(around(-twice, 0.01), same, slow=(SLOW, hardly))
    assert story(around(twice, 0.01), third).endswith("; the median step takes 3 % longer")
    carried = story(list(log(1.03) + SPIKY), third)
    assert carried.startswith(
        "b is slower than a: the median step takes 3 % longer; all steps together scatter more (-"
    )
    assert story(around(0, 0.001), third).startswith("b and a are the same, within ±2 %; the med")
    unsure = "can't tell b from a: the median step is the same, but all steps together scatter too"
    assert story(list(SPIKY), same).startswith(unsure)


@pytest.mark.parametrize(
    ("record", "advice"),
    [
        (unsure(13, 7, minutes=13.0), "--max-sessions 20 --max-minutes 22 (≈ 20 min)"),
        (unsure(13, 7, minutes=60.0), "--max-sessions 20 (≈ 20 min)"),
        (unsure(13, 7, minutes=13.0, sessions=26), "--max-minutes 22 (≈ 20 min)"),
    ],
)
def test_the_options_that_must_be_raised(record: Comparison, advice: str) -> None:
    assert what_to_do(record) == (f"to get a verdict: compare again with {advice}",)


@pytest.mark.parametrize(
    ("sessions", "options"),
    [(26, "--max-minutes 5"), (2, "--max-sessions 4 --max-minutes 5")],
)
def test_two_sessions_say_nothing_of_how_many_it_takes(sessions: int, options: str) -> None:
    (advice,) = what_to_do(unsure(2, None, minutes=2.0, sessions=sessions))
    assert advice == f"for a first look: compare again with {options} (≈ 4.0 min)"


QUIETER = (
    "fewer sessions are enough on a quieter machine (see resnext-bench doctor), or with a "
    "larger --margin"
)


def test_where_it_would_take_long_fewer_sessions_are_thought_of() -> None:
    assert what_to_do(unsure(13, 70)) == (
        "to get a verdict: compare again with --max-sessions 83 --max-minutes 92 (≈ 83 min)",
        QUIETER,
    )


def test_nothing_is_advised_that_compare_refuses() -> None:
    """More than 10,000 minutes."""
    assert what_to_do(unsure(13, 120, duration_s=13 * 6000.0)) == (QUIETER,)


SCRIPT = Side(given="python train.py", command=("python", "train.py"))


@pytest.mark.parametrize(
    ("count", "more", "changes", "words"),
    [
        (26, 1583, {}, "shows what disturbs this one); or a larger change, or a larger --margin"),
        (26, 201, {"design": "relaunch"}, "turns block by block (--design duet); or a larger"),
        (4, 41, {"a": SCRIPT}, "a longer script; or a larger change"),
        (4, 41, {"a": SCRIPT, "design": "relaunch"}, "(call resnext_bench.step() after each step)"),
        (13, 900, {"design": "unpaired", "pairs": ()}, "measures both sides in turn (compare --a"),
    ],
)
def test_sessions_without_end_are_no_advice(
    count: int, more: int, changes: dict[str, Any], words: str
) -> None:
    record = unsure(count, more, **changes)
    assert verdict_line(record).endswith("too much for more of them to help")
    (advice,) = what_to_do(record)
    assert advice.startswith("what would help: a quieter machine (resnext-bench doctor shows")
    assert words in advice
    assert not any(figure.isdigit() for figure in verdict_line(record) + advice)


@pytest.mark.parametrize("word", ["slower", "same", "invalid", "never steady", None])
def test_no_advice_where_it_is_told(word: Any) -> None:
    assert what_to_do(unsure(13, 7, verdict=word, why="x")) == ()


def test_no_advice_for_what_was_not_measured() -> None:
    assert what_to_do(unsure(13, 7, design="unpaired", pairs=())) == ()


@pytest.mark.parametrize(
    ("ended_by", "changes", "told"),
    [
        ("told", {"verdict": "slower"}, "the verdict was certain, after 13 min"),
        ("told", {"verdict": "never steady"}, "more sessions would change nothing, after 13 min"),
        ("sessions", {}, "--max-sessions 13 is reached, after 13 min"),
        ("sessions", {"sessions": 14, "invalid": 5}, "18 sessions taken, 5 of which do not count"),
        ("minutes", {"minutes": 12.5, "sessions": 26}, "--max-minutes 12.5 is over, after 13 min"),
        ("invalid", {"invalid": 8}, "8 of 21 sessions do not count, after 21 min"),
    ],
)
def test_what_ended_it(ended_by: End, changes: dict[str, Any], told: str) -> None:
    assert what_ended_it(unsure(13, 7, ended_by=ended_by, **changes)).startswith(told)


def test_a_fixed_number_of_sessions_was_nobodys_limit() -> None:
    record = unsure(6, None, ended_by="sessions")
    limits = msgspec.structs.replace(record.limits, fixed=True)
    fixed = msgspec.structs.replace(record, limits=limits)
    assert what_ended_it(fixed) == "all 6 sessions taken, after 6.0 min"


def test_an_older_record_does_not_know() -> None:
    assert what_ended_it(unsure(13, 7, ended_by="")) == ""


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0 s"),
        (41.4, "41 s"),
        (90.0, "1.5 min"),
        (563.0, "9.4 min"),
        (1218.0, "20 min"),
        (5400.0, "1.5 h"),
        (90_000.0, "25 h"),
        (10**6, "12 days"),
        (10**9, "11,574 days"),
    ],
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told

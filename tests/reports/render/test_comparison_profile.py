"""What profiles say below a verdict, as people read it."""

import re
from math import log
from typing import Any

import msgspec
import pytest

from resnext_bench.reports.figures.profiles import headline
from resnext_bench.reports.render.comparison import sections
from resnext_bench.reports.render.markdown import markdown
from resnext_bench.reports.render.notes import sentence
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.reports.schema.comparison_profile import ComparedProfile
from resnext_bench.reports.schema.notes import note
from tests.reports.drawn import drawn
from tests.reports.made_comparisons import made_comparison, spread_around
from tests.reports.made_diffs import made_diff

RUNS = "20260301-120001-model-aaaa", "20260301-120001-model-bbbb"
ALL = f"All of it: resnext-bench trace diff {' '.join(RUNS)}"
"""Is to be copied, and so never cut."""


def with_profile(*, turned: bool = False, **changes: Any) -> Comparison:
    fields: dict[str, Any] = {
        "steps": 4,
        "traces": RUNS,
        "diff": headline(made_diff(turned=turned)),
    }
    return made_comparison(
        spread_around(log(1.07), 0.002), profile=ComparedProfile(**(fields | changes))
    )


def shown(record: Comparison, width: int = 80) -> list[str]:
    return drawn(sections(record), width, uncut=ALL)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_too_long(width: int) -> None:
    assert ALL in shown(with_profile(), width)


def test_the_verdict_stands_first_and_the_profile_below() -> None:
    lines = shown(with_profile())
    plain = shown(msgspec.structs.replace(with_profile(), profile=None))
    assert lines[: len(plain)] == plain
    text = "\n".join(lines[len(plain) :])
    assert "Profiled, a step of b is slower: 0.276 → 0.295 ms, +0.019 ms" in text
    assert "on which the verdict stands" in text
    for word in ("slower", "gone", "new", "unchanged work", "rows add up to the step"):
        assert word in text
    assert ALL in text


def numbers(lines: list[str]) -> list[float]:
    """The first column of the rows of the table, ms; the last one is the step."""
    found = [re.match(r"\s*([+-]?\d+\.\d{3})\s+\d|\s*([+-]\d+\.\d{3})\s", one) for one in lines]
    return [float(one[1] or one[2]) for one in found if one]


@pytest.mark.parametrize("turned", [False, True])
def test_rows_add_up_to_the_step_and_turn_their_signs(turned: bool) -> None:
    lines = shown(with_profile(turned=turned), 120)
    (start,) = (at for at, one in enumerate(lines) if "rows add up to the step" in one)
    *parts, step = numbers(lines[start + 1 :])
    sign = -1 if turned else 1
    assert step == pytest.approx(sign * 0.019, abs=0.0011)
    assert sum(parts) == pytest.approx(step, abs=0.0005 * (len(parts) + 1))
    assert sign * 0.030 in parts


def test_a_profile_that_contradicts_the_timed_steps() -> None:
    fact = note(
        "profile_disagrees",
        of="step",
        timed=7.0,
        timed_low=6.8,
        timed_high=7.2,
        profiled=21.0,
        low=18.0,
        high=24.0,
    )
    record = with_profile(facts=(fact,), notes=(sentence(fact),))
    text = " ".join(" ".join(shown(record)).split())
    assert (
        "the profiled step changes by +21.0 % (+18.0 to +24.0), the timed one by +7.0 % (+6.8 to "
        "+7.2): the profiler itself changes steps; the verdict stands on the timed ones"
    ) in text


def test_without_a_profile_the_reason_stands_there() -> None:
    fact = note("profile_interrupted")
    record = with_profile(diff=None, traces=None, facts=(fact,), notes=(sentence(fact),))
    lines = shown(record)
    assert lines[-1].endswith("no profile: it was interrupted after the verdict")
    assert "trace diff" not in "\n".join(lines)


def test_as_markdown() -> None:
    text = markdown(sections(with_profile()))
    assert "| b - a | a | b | outcome |" in text
    assert "the step" in text


def test_as_json_it_is_read_back() -> None:
    record = with_profile()
    assert msgspec.json.decode(msgspec.json.encode(record), type=Comparison) == record

"""The words of `trace diff`."""

from pathlib import Path
from typing import get_args

import pytest

from resnext_bench.reports.render.model import Line, Section, Table, rows_of, text_of
from resnext_bench.reports.render.trace.diff import sections, sentences, signed
from resnext_bench.reports.render.trace.diff_facts import WORDS
from resnext_bench.reports.schema.trace_diff import DiffKind, TraceDiff
from tests.reports.trace.differences.programs import (
    NET,
    NHWC,
    WINOGRAD,
    Layer,
    changed,
    compared,
    program,
)


def headline(found: TraceDiff) -> str:
    (line,) = (one for one in sections(found) if isinstance(one, Line) and one.is_headline)
    return line.text


def table(found: TraceDiff, title: str) -> Table:
    (one,) = (one for one in drawn(found) if isinstance(one, Table) and title in one.title)
    return one


def drawn(found: TraceDiff) -> list[Section]:
    return list(sections(found))


def cells(one: Table, column: str) -> list[str]:
    at = [text_of(each.name) for each in one.columns].index(column)
    return [text_of(row[at]) for row in rows_of(one)]


def test_every_kind_of_fact_has_words() -> None:
    assert set(WORDS) == set(get_args(DiffKind))


def test_what_became_of_the_work(tmp_path: Path) -> None:
    b = changed(changed(NET, "stem", strides=NHWC, us=90.0), "block.conv1", kernel=WINOGRAD)
    found = compared(program(NET), program((*b[:4], Layer(name="new", us=5.0))), tmp_path)
    rows = table(found, "what became of the work")
    assert cells(rows, "outcome") == ["gone", "faster", "new", "same"]
    assert cells(rows, "changed") == ["", "NCHW → NHWC", "", "other kernel"]
    assert cells(rows, "where") == ["head", "stem", "new", "block.conv1"]
    assert cells(rows, "b - a") == ["-0.015", "-0.010", "+0.005", "0.000"]
    assert " → " in cells(rows, "kernel")[3]


def test_noise_is_said_to_be(tmp_path: Path) -> None:
    a = program(NET, 6, wobble=9.0)
    b = program(changed(NET, "stem", us=101.0), 6, wobble=9.0)
    found = compared(a, b, tmp_path)
    assert headline(found).startswith("A step's difference cannot be told from noise")
    rows = table(found, "what became of the work")
    assert cells(rows, "outcome") == ["noise"]
    assert rows.row_tones == ("dim",)
    assert any("from one launch to the next" in note.text for note in rows.notes)


def test_other_work_in_the_same_time(tmp_path: Path) -> None:
    found = compared(program(NET), program(changed(NET, "stem", kernel=WINOGRAD)), tmp_path)
    assert "to the nanosecond" in headline(found)
    assert "largest" not in headline(found)
    assert cells(table(found, "what became"), "outcome") == ["same"]


def test_the_largest_change_of_a_step_that_is_as_long(tmp_path: Path) -> None:
    """One layer takes 30 us more, and two take 30 us less together."""
    b = changed(changed(NET, "stem", us=130.0), "block.conv1", us=40.0)
    b = changed(b, "relu", us=10.0)
    found = compared(program(NET), program(b), tmp_path)
    assert "to the nanosecond" in headline(found)
    assert headline(found).endswith(
        "; the largest change: sm80_xmma_fprop_implicit_gemm_f16, +0.030 ms"
    )


def test_what_may_be_noise_is_no_largest_change(tmp_path: Path) -> None:
    a = program(NET, 6, wobble=9.0)
    found = compared(a, program(changed(NET, "stem", us=101.0), 6, wobble=9.0), tmp_path)
    assert "largest" not in headline(found)


def test_without_several_steps_noise_cannot_be_told(tmp_path: Path) -> None:
    told = sentences(compared(program(NET, 1), program(changed(NET, "stem", us=1.0), 1), tmp_path))
    assert "each trace has 1 step, so that noise cannot be told" in told
    told = sentences(compared(program(NET, 1), program(changed(NET, "stem", us=1.0), 6), tmp_path))
    assert "a has 1 step and b 6: with one step noise cannot be told" in told


def test_sentences(tmp_path: Path) -> None:
    found = compared(program(NET), program(NET, labels=False, shapes=False), tmp_path)
    told = sentences(found)
    assert told[0].startswith("b has no names of modules")
    assert told[1].startswith("b has no shapes")


def test_a_warning_of_one_trace_tells_which(tmp_path: Path) -> None:
    unmarked = program(NET, 1)
    unmarked.rows = [row for row in unmarked.rows if "ProfilerStep" not in row["name"]]
    told = sentences(compared(program(NET, 1), unmarked, tmp_path))
    assert any(one.startswith("b: no steps are marked") for one in told)
    assert not any(one.startswith("a: ") for one in told)


@pytest.mark.parametrize(
    ("ns", "told"), [(0, "0.000"), (1_500_000, "+1.50"), (-20_000_000, "-20.0"), (-3, "-<0.001")]
)
def test_signs(ns: int, told: str) -> None:
    assert signed(ns) == told

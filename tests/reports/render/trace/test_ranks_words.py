"""The words of `trace ranks`: shares with their signs, whose trace is doubtful, clocks."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from resnext_bench.reports.render.trace.ranks_words import clock_lines, headline, percent_more
from resnext_bench.reports.render.trace.warnings import of_traces
from resnext_bench.reports.schema.trace_ranks import TraceDoubts
from resnext_bench.reports.schema.trace_warnings import warning
from tests.reports.trace.ranks.made_ranks import Plan, compared, made_ranks


@pytest.mark.parametrize(
    ("share", "told"),
    [(-0.0001, "0.0 %"), (0.0001, "0.0 %"), (0.0, "0.0 %"), (-0.09, "-9.0 %"), (0.25, "+25 %")],
)
def test_what_is_shown_as_nothing_has_no_sign(share: float, told: str) -> None:
    assert percent_more(share) == told


def doubts(rank: int | None, byte: int, file: str = "a.json") -> TraceDoubts:
    facts = [warning("gzip_cut", byte=byte, covered=True), warning("steps_unmarked")]
    return TraceDoubts(rank=rank, file=file, facts=facts[: 1 + (byte > 1)])


def test_a_warning_says_of_which_traces_it_is() -> None:
    one, two = of_traces([doubts(2, 1234)])
    assert one.startswith("rank 2: gzip data end too early, at byte 1,234;")
    assert two.startswith("rank 2: no steps are marked")
    one, two = of_traces([doubts(2, 1234), doubts(5, 99)])
    assert one.startswith("ranks 2, 5 (numbers of 2): gzip data end too early, at byte 1,234;")
    assert two.startswith("ranks 2, 5: no steps")
    (one,) = of_traces([doubts(None, 1, "x.json")])
    assert one.startswith("x.json: gzip data")


def test_clocks_that_differ_do_not_agree(tmp_path: Path) -> None:
    found = compared(tmp_path, made_ranks(Plan(ranks=2)))
    (line,) = clock_lines(found)
    assert "agree within" in str(line.text)
    assert not list(clock_lines(replace(found, facts=[warning("clocks_differ")])))


def test_a_cause_of_all_that_is_lost(tmp_path: Path) -> None:
    found = compared(tmp_path, made_ranks(Plan(ranks=3, slow=0, factor=1.5, by="loading")))
    (slow,) = found.stragglers
    whole = replace(found, stragglers=[replace(slow, cause_ns=slow.lost_ns)])
    (line,) = headline(whole)
    assert ", all of them by waiting for batches; " in str(line.text)

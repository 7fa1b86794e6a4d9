"""Reports as Markdown: what was found first, tables whole, and nothing that turns into markup."""

import re
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.cli.doctor import command
from resnext_bench.machine.doctor.checks import examine
from resnext_bench.machine.host.sources import here
from resnext_bench.reports.networks.architectures import model_rows
from resnext_bench.reports.render import comparison, loaders, networks, run
from resnext_bench.reports.render.markdown import escaped, markdown
from resnext_bench.reports.render.model import Column, Line, Section, Table, summary
from resnext_bench.reports.render.runs import diff_sections, runs_sections
from resnext_bench.reports.store.diff import diff
from tests.machine.made_kernel import QUIET
from tests.reports.made_comparisons import made_comparison
from tests.reports.made_loaders import made_bench
from tests.reports.made_results import made_record, made_session

REPORTS: dict[str, Callable[[], Iterator[Section]]] = {
    "comparison": lambda: comparison.sections(made_comparison()),
    "run": lambda: run.sections(made_record()),
    "runs": lambda: runs_sections([made_record(), made_comparison()]),
    "loaders": lambda: loaders.sections(made_bench()),
    "models": lambda: networks.models_sections(model_rows(["resnet50", "alexnet"], None), []),
    "doctor": lambda: command.sections(examine(here(), sampler=lambda sources: QUIET)),
    "diff": lambda: diff_sections(diff(made_record(), made_record(id="20260302-120000-m-b"))),
}


def rows(text: str) -> list[list[str]]:
    """Cells of all lines of tables."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]


@pytest.mark.parametrize("name", REPORTS)
def test_tables_are_whole(name: str) -> None:
    """GitHub needs as many cells in each row as in the first one, and a rule below that."""
    text = markdown(REPORTS[name]())
    blocks = re.split(r"\n\n", text)
    tables = [rows(block) for block in blocks if block.startswith("|")]
    assert tables
    for table in tables:
        assert len({len(row) for row in table}) == 1
        assert all(re.fullmatch(r"-{3}:?", cell) for cell in table[1])
    assert text.endswith("\n")
    assert not re.search(r"[█▏▎▍▌▋▊▉╭│]", text)


def test_the_verdict_stands_first_and_strong() -> None:
    text = markdown(comparison.sections(made_comparison()))
    assert re.match(r"\*\*b is slower than a: .*\*\*\n\n", text)
    assert "| machine |" in text


def test_an_invalid_run_says_so_first() -> None:
    record = made_record(status="invalid", sessions=(made_session(invalid=("31 % were lost",)),))
    assert markdown(run.sections(record)).startswith("**INVALID: 31 % were lost**\n\n")


@pytest.mark.parametrize(
    ("section", "text"),
    [
        (Line(text="a_b *c*", label="note"), "**note** a\\_b \\*c\\*\n"),
        (Line(text="x --y", is_command=True), "```text\nx --y\n```\n"),
        (Line(text="\x1b[31m```\x1b[0m", is_output=True), "````text\n```\n````\n"),
        (
            summary([("a|b", "1   2")], caption="id"),
            "| | |\n|---|---|\n| a\\|b | 1 &nbsp; 2 |\n\n`id`\n",
        ),
        (
            Table(
                columns=(Column(name="n"), Column(name="x", is_number=True)),
                groups=((("one", "1"),), (("two", "2 ██"),)),
            ),
            "| n | x |\n|---|---:|\n| one | 1 |\n| two | 2 |\n",
        ),
    ],
)
def test_section_by_section(section: Section, text: str) -> None:
    assert markdown([section]) == text


@given(st.lists(st.text(max_size=20), max_size=4))
def test_whatever_stands_in_a_cell_stays_in_it(values: Sequence[str]) -> None:
    table = summary([("name", value) for value in values])
    found = rows(markdown([table]))
    assert len(found) == 2 + (len(values) if table.groups else 0)
    assert all(len(row) == 2 for row in found)


def test_markup_means_itself() -> None:
    assert escaped("<img> [x](y) `z` #1 ~ | \\") == (r"\<img\> \[x\](y) \`z\` \#1 \~ \| \\")

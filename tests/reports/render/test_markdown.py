"""Reports as Markdown: what was found first, tables whole, and nothing that turns into markup."""

import re
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from resnext_bench.cli.doctor import command
from resnext_bench.lab.visit.pages import page
from resnext_bench.machine.doctor.checks import examine
from resnext_bench.machine.host.sources import here
from resnext_bench.reports.networks.architectures import model_rows
from resnext_bench.reports.render import comparison, loaders, networks, run
from resnext_bench.reports.render.markdown import escaped, markdown
from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Column,
    Fold,
    Footnotes,
    Heading,
    Line,
    Link,
    Paragraph,
    Picture,
    Piece,
    Section,
    Strong,
    Table,
    inline,
    summary,
)
from resnext_bench.reports.render.runs import diff_sections, runs_sections
from resnext_bench.reports.store.differences import diff
from tests.lab.visit.pages.made_visit import made_results
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
    "gpu page": lambda: page.sections({"made": made_results()}, {}),
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
        (
            Table(
                columns=(Column(name=""), Column(name=inline(Code("a_b")))),
                groups=(((inline(Code("x|y"), " *"), inline(Strong("1"), " = 1")),),),
            ),
            "|  | `a_b` |\n|---|---|\n| <code>x\\|y</code> \\* | **1** = 1 |\n",
        ),
        (
            summary([("file", inline(Link("a_b", to="a b.json")))]),
            "| | |\n|---|---|\n| file | [a\\_b](a%20b.json) |\n",
        ),
        (Heading(text="a_b, 8 GB", level=2), "## a\\_b, 8 GB\n"),
        (
            Paragraph(text=inline("type ", Code("`x` *"), ", ", Strong("a*b"), ".")),
            "type `` `x` * ``, **a\\*b**.\n",
        ),
        (Bullets(items=("a_b", inline(Code("-x"), ": y"))), "- a\\_b\n- `-x`: y\n"),
        (Footnotes(texts=("cut", "a_b")), "\\[1\\] cut  \n\\[2\\] a\\_b\n"),
        (Picture(path="x/a.svg", alternative="a_b"), "![a\\_b](x/a.svg)\n"),
        (
            Fold(summary="a < b", sections=(Paragraph(text="a_b"), Line(text="c"))),
            "<details><summary>a &lt; b</summary>\n\na\\_b\n\nc\n\n</details>\n",
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


PIECES = st.sampled_from((Code, Strong, lambda text: Link(text, to=text), str))
TEXTS = st.text("ab `|\\*_[]()<>", min_size=1, max_size=8).filter(str.strip)


def _read(tokens: Sequence[Token] | None) -> str:
    """The text that is left when markup is taken away."""
    kinds = ("text", "code_inline", "text_special")
    return "".join(
        token.content if token.type in kinds else _read(token.children) for token in tokens or ()
    )


@given(TEXTS)
def test_code_in_a_cell_is_read_back(code: str) -> None:
    """A parser of GitHub's flavour finds it as it was, but for spaces at its ends."""
    table = Table(columns=(Column(name="n"),), groups=(((inline(Code(code)),),),))
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown([table]))
    cells = [token for token in tokens if token.type == "inline"]
    assert [_read([cell]).strip() for cell in cells] == ["n", code.strip()]


@given(st.lists(st.tuples(PIECES, TEXTS), min_size=1, max_size=3))
def test_no_piece_of_a_text_leaves_its_cell(
    pieces: Sequence[tuple[Callable[[str], Piece], str]],
) -> None:
    words = inline(*(make(text) for make, text in pieces))
    table = Table(columns=(Column(name="n"), Column(name="x")), groups=(((words, "1"),),))
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown([table]))
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert cells[-1].content == "1"

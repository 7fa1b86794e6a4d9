"""Texts made of pieces."""

from resnext_bench.reports.render.model import Code, Link, Strong, Text, inline, joined, text_of


def test_words_side_by_side_are_one_piece() -> None:
    text = inline("a", "b", Code("c"), inline("d", Strong("e")), "", "f")
    assert text == Text(pieces=("ab", Code("c"), "d", Strong("e"), "f"))
    assert text_of(text) == "abcdef"


def test_joined() -> None:
    links = [Link("a", to="x"), Link("b", to="y")]
    assert joined(links, ", ") == inline(links[0], ", ", links[1])
    assert joined(links[:1], ", ") == inline(links[0])
    assert joined([], ", ") == inline()

"""Notes of many sessions go together by their kind, whatever they say."""

import msgspec
import pytest

from resnext_bench.reports.figures.notes import OfKind, by_kind, facts_of
from resnext_bench.reports.render.notes import WORDS, sentence
from resnext_bench.reports.schema.notes import Found, Note, note
from tests.reports.made_comparisons import made_pair
from tests.reports.made_results import made_session

LOST = [
    note("cores_lost", "a", percent=21.0 + number, others=20.0, steal=1.0 + number, limit=20.0)
    for number in range(3)
]


def test_notes_of_a_kind_are_one_though_their_values_differ() -> None:
    other_side = msgspec.structs.replace(LOST[1], side="b")
    found = by_kind([(1, LOST[0]), (2, LOST[1]), (2, other_side), (4, LOST[2]), (4, LOST[1])])
    assert found == (
        OfKind(first=LOST[0], sessions=(1, 2, 4)),
        OfKind(first=other_side, sessions=(2,)),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            note("unsteady", "a", of="jump", why="step time jumps by +5 % after the middle"),
            note("unsteady", "a", of="drift", why="step time moves by +5 % a step"),
        ),
        (
            note("throttled", percent=5.0, reasons=("power brake",)),
            note("throttled", percent=5.0, reasons=("hardware thermal slowdown",)),
        ),
        (
            note("cores_lost", percent=30.0, others=30.0, steal=0.0),
            note("cores_lost", percent=30.0, others=0.0, steal=30.0),
        ),
        (
            note("nothing_trained", rank=0, trained=3, first="fc", by_decay=False),
            note("nothing_trained", rank=0, trained=3, first="fc", by_decay=True),
        ),
        (
            note("lost_gpu", gpu=0, after_s=1.0, said="GPU is lost"),
            note("lost_gpu", gpu=0, after_s=1.0, said="GPU requires restart"),
        ),
    ],
    ids=lambda each: each.kind,
)
def test_what_differs_in_more_than_numbers_is_shown_apart(one: Note, other: Note) -> None:
    found = by_kind([(1, one), (2, other), (3, one)])
    assert found == (OfKind(first=one, sessions=(1, 3)), OfKind(first=other, sessions=(2,)))


def test_one_cause_is_shown_once_whatever_its_figures() -> None:
    jumps = [
        note("unsteady", "a", of="jump", why=f"step time jumps by {by} % after the middle")
        for by in ("+7", "-9")
    ]
    assert by_kind(enumerate(jumps, 1)) == (OfKind(first=jumps[0], sessions=(1, 2)),)


def test_what_no_kind_stands_for_goes_by_its_text() -> None:
    texts = [note("told", text=text) for text in ("one", "other", "one")]
    assert [one.sessions for one in by_kind(enumerate(texts, 1))] == [(1, 3), (2,)]
    sides = [note("unlike_earlier", of=side, factor=316.0) for side in "ab"]
    assert len(by_kind(enumerate(sides, 1))) == 2


@pytest.mark.parametrize("words", ["{percent}", "lost", "{percent} of {others} and {steal}"])
def test_rewording_puts_nothing_apart(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    before = by_kind(enumerate(LOST, 1))
    monkeypatch.setitem(WORDS, "cores_lost", words)
    assert by_kind(enumerate(LOST, 1)) == before
    assert sentence(LOST[0]) != "a: 21 % of the ranks' cores were lost"


def test_facts_are_kept_in_records() -> None:
    gpu = note("throttled", percent=12.5, reasons=("power brake",))
    found = Found(invalid=(LOST[0], gpu), notes=(note("lost_gpu", gpu=1, after_s=None, said="x"),))
    kept = msgspec.json.decode(msgspec.json.encode(found), type=Found)
    assert kept == found
    assert kept.invalid[1].but_for_shares == gpu.but_for_shares


def test_kinds_of_later_versions_can_be_read() -> None:
    text = b'{"invalid": [{"kind": "burnt", "values": {"degrees": 300}}]}'
    (later,) = msgspec.json.decode(text, type=Found).invalid
    assert later == Note(kind="burnt", values={"degrees": 300})
    assert sentence(later) == "burnt"


def test_of_older_records_the_sentences_are_all_that_is_known() -> None:
    pair = made_pair(1, invalid=("a: the loss is not finite",), unsteady=("never steady",))
    assert facts_of(pair) == Found(
        invalid=(note("told", text="a: the loss is not finite"),),
        unsteady=(note("told", text="never steady"),),
    )
    session = made_session(notes=("9 % of the cores were lost",))
    assert facts_of(session).notes == (note("told", text="9 % of the cores were lost"),)
    known = Found(notes=(LOST[0],))
    assert facts_of(msgspec.structs.replace(session, facts=known)) == known

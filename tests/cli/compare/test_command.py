"""Limits of a comparison, its exit codes, and what is shown while it goes on."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.cli.compare.command import _limits as limits_of
from resnext_bench.cli.compare.display import CompareDisplay
from resnext_bench.cli.main import app
from resnext_bench.cli.terminal.display import SELDOM_S
from resnext_bench.cli.terminal.outcome import Pardon, exit_code
from resnext_bench.cli.terminal.show import show_stored
from resnext_bench.reports.schema.comparison import Difference, Limits, Side
from resnext_bench.reports.schema.upgrade import decode
from resnext_bench.reports.schema.verdicts import VERDICTS
from tests.cli.test_bad_input import outcome
from tests.reports.made_comparisons import (
    judged,
    made_comparison,
    made_pair,
    pairs_of,
    spread_around,
)

LIMITS = Limits(margin_percent=2, max_sessions=26, max_minutes=20, pairs=10, block_steps=0)


def test_its_help_names_every_word_by_its_exit_code() -> None:
    (command,) = (one.callback for one in app.registered_commands if is_compare(one.callback))
    help_text = " ".join((command.__doc__ or "").split())
    codes = {None: "0", "slower": "1", "unsure": "3", "invalid": "3"}
    for word, one in VERDICTS.items():
        told = re.search(rf"\b{codes[one.outcome]}: ([^;]*)", help_text)
        assert told, help_text
        assert word in told[1].split(", "), help_text


def is_compare(command: Any) -> bool:
    return command is not None and command.__name__ == "compare"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--margin", "0", "a number from 0.01 to 50"),
        ("--margin", "51", "a number from 0.01 to 50"),
        ("--margin", "two", "a number from 0.01 to 50"),
        ("--margin", "nan", "a number from 0.01 to 50"),
        ("--max-sessions", "1", "a whole number from 2 to 1,000"),
        ("--max-sessions", "1001", "a whole number from 2 to 1,000"),
        ("--max-sessions", "2.5", "a whole number from 2"),
        ("--max-minutes", "0", "a number from 0.1 to 10,000"),
        ("--max-minutes", "inf", "a number from 0.1 to 10,000"),
        ("--blocks", "3", "a whole number from 4 to 1,000"),
        ("--blocks", "many", "a whole number from 4"),
        ("--blocks", "11", "must be even; blocks alternate a b, b a"),
        ("--block-steps", "1", "a whole number from 2 to 100,000"),
        ("--design", "trio", "choose from auto, duet, relaunch"),
        ("--profile-steps", "0", "a whole number from 1 to 100"),
        ("--profile-steps", "101", "a whole number from 1 to 100"),
    ],
)
def test_limits(
    option: str,
    value: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    sides = ["compare", "--a", "", "--b", "--amp", "--output", str(tmp_path)]
    code, text = outcome([*sides, option, value], monkeypatch, capsys)
    assert code == 2
    assert f"{option} {value}: {words}" in text
    assert not list(tmp_path.iterdir()), "nothing may be left of what never started"


@pytest.mark.parametrize(
    ("word", "code", "allowed"),
    [
        ("same", 0, 0),
        ("faster", 0, 0),
        ("negligible", 0, 0),
        ("slower", 1, 1),
        ("can't tell", 3, 0),
        ("never steady", 3, 0),
        ("invalid", 3, 3),
        (None, 3, 0),
    ],
)
def test_exit_codes(word: Any, code: int, allowed: int) -> None:
    record = made_comparison(verdict=word)
    assert exit_code(record, Pardon()) == code
    assert exit_code(record, Pardon(unsure=True)) == allowed
    assert exit_code(record, Pardon(unsure=True, invalid=True)) == (1 if word == "slower" else 0)


@pytest.mark.parametrize("allow", [False, True])
def test_a_failure_is_one_whatever_is_allowed(allow: bool) -> None:
    record = made_comparison(status="failed", verdict=None)
    assert exit_code(record, Pardon(unsure=allow, invalid=allow)) == 4


def test_json_is_the_record_and_nothing_else(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    record = made_comparison()
    show_stored(record, "json")
    found = decode(capfdbinary.readouterr().out, "standard output")
    assert found == record


def test_the_table_goes_to_standard_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_stored(made_comparison(), "table")
    shown = capsys.readouterr()
    assert shown.out.startswith("b is slower than a: a step takes 9 % longer")
    assert shown.err == ""


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == "", "progress is for standard error"
    return [re.sub(r"\s+", " ", line).strip() for line in captured.err.splitlines() if line]


def test_what_differs_is_said_before_the_first_session(capsys: pytest.CaptureFixture[str]) -> None:
    sides = Side(given=""), Side(given="--amp")
    with CompareDisplay() as display:
        display.compared(sides, (Difference(what="amp-dtype", a="none", b="bf16"),), LIMITS)
    assert lines(capsys) == ["a the defaults", "b --amp", "amp-dtype: none → bf16"]


def test_a_thing_against_itself_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    with CompareDisplay() as display:
        display.compared((Side(given=""), Side(given="")), (), LIMITS)
    assert lines(capsys)[-1] == (
        "nothing differs: an A/A comparison, which shows the machine's own noise"
    )


def test_a_line_for_each_session(capsys: pytest.CaptureFixture[str]) -> None:
    bad = made_pair(2, invalid=("a: the loss is not finite", "b: batches repeat"))
    ended = (
        (pairs_of([0.05]), False),
        ([*pairs_of([0.05]), bad], False),
        (pairs_of([0.5, -0.5]), False),
        (spread_around(0.05, 0.01), False),
        (spread_around(0.0, 0.05), True),
    )
    with CompareDisplay() as display:
        for number, (pairs, look) in enumerate(ended, 1):
            display.contest(number, 26, "ab", "duet")
            last = msgspec.structs.replace(pairs[-1], blocks_ms=((10.0, 10.0),))
            display.so_far(last, judged(pairs), look)
    told = [line for line in lines(capsys) if line.startswith("session") and "duet" in line]
    assert told[:3] == [
        "session 1, duet too few sessions so far to say anything",
        "session 2, duet does not count: a: the loss is not finite",
        "session 3, duet b +0.00 % too uncertain so far to say more",
    ]
    assert re.fullmatch(
        r"session 4, duet b \+5\.13 % 99\.8 % interval \+\d\.\d\d to \+\d\.\d\d", told[3]
    )
    assert told[4].endswith("can't tell"), "a look that could not tell"


def test_a_duet_for_which_there_was_no_room_is_shown_as_what_it_became(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with CompareDisplay() as display:
        display.contest(1, 26, "ab", "duet")
        display.so_far(made_pair(1, blocks_ms=()), judged(pairs_of([0.05])), False)
    assert lines(capsys)[-1].startswith("session 1, relaunch")


def playing(capsys: pytest.CaptureFixture[str], limits: Limits, done: Sequence[int]) -> list[str]:
    sides = Side(given=""), Side(given="--amp")
    now = [0.0]
    with CompareDisplay(now_s=lambda: now[0]) as display:
        display.compared(sides, (), limits)
        display.contest(1, 26, "ab", "duet")
        for count in done:
            now[0] += SELDOM_S
            display.pairs(count)
    return [line for line in lines(capsys) if line.startswith("session 1")]


def test_pairs_of_blocks_are_counted_up_to_the_number_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert playing(capsys, LIMITS, (0, 1, 7))[1:] == [
        "session 1 of at most 26, 0 of 20 min: building and warming up 0/10",
        "session 1 of at most 26, 0 of 20 min: in turn 1/10",
        "session 1 of at most 26, 0 of 20 min: in turn 7/10",
    ]


def test_where_scatter_decides_how_many_pairs_there_is_no_total(
    capsys: pytest.CaptureFixture[str],
) -> None:
    limits = msgspec.structs.replace(LIMITS, more_pairs=True)
    assert playing(capsys, limits, (0, 1, 57))[1:] == [
        "session 1 of at most 26, 0 of 20 min: building and warming up",
        "session 1 of at most 26, 0 of 20 min: in turn 1 pair of blocks",
        "session 1 of at most 26, 0 of 20 min: in turn 57 pairs of blocks",
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--script", "python x.py", "--a", "1", "--b", "2"), "cannot profile a script of yours"),
        (("--a", "--profile", "--b", ""), "compare --profile profiles both sides"),
        (("--resume", "last"), "--profile was fixed before the first session"),
    ],
)
def test_profiles_that_are_refused(
    given: Sequence[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    command = ["compare", *given, "--profile", "--output", str(tmp_path)]
    code, text = outcome(command, monkeypatch, capsys)
    assert (code, words in text) == (2, True)
    assert len(text.splitlines()) <= 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("profile", "steps", "expected"), [(False, None, 0), (True, None, 6), (False, 9, 9)]
)
def test_how_many_steps_are_profiled(profile: bool, steps: int | None, expected: int) -> None:
    given = {"blocks": None, "block_steps": None, "margin": 2, "max_sessions": 4, "max_minutes": 1}
    found = limits_of({**given, "profile": profile, "profile_steps": steps})
    assert found.profile_steps == expected

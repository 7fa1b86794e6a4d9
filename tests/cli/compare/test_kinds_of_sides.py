"""Which options of compare go together, and what is said of those that do not."""

import inspect
import json
import sys
from pathlib import Path

import jsonschema
import pytest

from resnext_bench.cli.compare.sides import _DEFAULTS
from resnext_bench.cli.main import compare, doctor, main
from resnext_bench.reports.schema.upgrade import schema
from tests.cli.test_bad_input import outcome
from tests.session.compare.test_stored import stored

SCRIPT = ("--script", "python train.py")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], 'as in --a "--amp"'),
        (["--a", ""], 'as in --a "--amp"'),
        ([*SCRIPT], "--a and --b, which are appended to --script"),
        ([*SCRIPT, "--a", ""], "or --a-rev and --b-rev"),
        (["--script", "", "--a", "", "--b", ""], "--script needs a command"),
        (["--script", "'", "--a", "", "--b", ""], "quote it as in a shell"),
        ([*SCRIPT, "--a", "'", "--b", ""], '--a "\'": No closing quotation'),
        (["--script", "no-such-command", "--a", "", "--b", ""], "neither a command on PATH"),
        ([*SCRIPT, "--a", "", "--b", "", "--design", "trio"], "choose from auto, duet, relaunch"),
        (
            [*SCRIPT, "--a", "", "--b", "", "--design", "relaunch", "--blocks", "4"],
            "--design relaunch launches the sides in turn",
        ),
        (["--a", "", "--b", "", "--as-is"], "--as-is is for a script of your own"),
        (["--a-runs", "x", "--b-runs", "y", "--as-is"], "--as-is does not go with"),
        (["--resume", "x", "--as-is"], "--as-is says what is compared"),
        ([*SCRIPT, "--a", "", "--b", "", "--blocks", "12"], "--blocks is for scripts that take"),
        ([*SCRIPT, "--a", "", "--b", "", "--block-steps", "5"], "give --design duet"),
        ([*SCRIPT, "--a", "", "--b", "", "--repo", "."], "--repo is for revisions"),
        ([*SCRIPT, "--a-rev", "main"], "is no git checkout"),
        ([*SCRIPT, "--a-rev", "", "--b-rev", "HEAD"], '--a-rev "": a revision is needed'),
        ([*SCRIPT, "--a-rev", "HEAD", "--b-rev", ""], '--b-rev "": a revision is needed'),
        (["--a", "nofile.toml", "--b", ""], "--a nofile.toml: No such file"),
        (["--a", "", "--b", "--sessions 3"], "sessions go on until it can tell"),
        (["--a", "", "--b", "--port 3"], "--port is not part of a side; leave it out"),
        (
            ["--a", "", "--b", "", "--blocks", "1000", "--block-steps", "100000"],
            "100,000,000 steps of a side",
        ),
        (["--a", "", "--b", "", "--a-rev", "main"], "name its command with --script"),
        (["--a-runs", "x"], "--b-runs is needed"),
        (["--a-runs", "x", "--b-runs", ","], "--b-runs is needed"),
        (["--a-runs", "x", "--b-runs", "y"], "no runs in"),
        (["--a-runs", "x", "--b-runs", "y", *SCRIPT], "--script does not go with --a-runs"),
        (["--a-runs", "x", "--b-runs", "y", "--design", "duet"], "--design does not go with"),
        (["--a-runs", "x", "--b-runs", "y", "--margin", "0"], "--margin 0"),
        (["--resume", "x", *SCRIPT], "--script says what is compared"),
        (["--resume", "x", "--a-runs", "y"], "--a-runs says what is compared"),
        (["--resume", "x"], "no runs in"),
        (["--resume", "x", "--max-minutes", "60"], "--max-minutes was agreed before the first"),
        (["--resume", "x", "--blocks", "10"], "--blocks was agreed before the first session"),
        (["--a-runs", "x", "--b-runs", "y", "--max-sessions", "3"], "--max-sessions does not go"),
        (["--a", "", "--b", "--amp", "--design", "relaunch", "--blocks", "4"], "is for duets"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_sides_that_do_not_go_together_are_named(
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = outcome(["compare", *arguments], monkeypatch, capsys)
    assert (code, words in text) == (2, True), text
    assert not list(tmp_path.iterdir()), "nothing may be left of what never started"


def test_stored_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    first, second = stored(tmp_path, 100.0, 100.5), stored(tmp_path, 99.8)
    other = stored(tmp_path, 110.0, 110.4, 109.9)
    given = ("--a-runs", f"{first}, {second}", "--b-runs", other, "--output", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["resnext-bench", "compare", *given, "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, schema(), cls=jsonschema.Draft202012Validator)
    assert (end.value.code, record["verdict"], record["design"]) == (1, "slower", "unpaired")
    assert record["a"]["runs"] == [first, second]


def test_defaults_are_known_where_options_are_refused() -> None:
    """An option at its default was not given, as far as can be told."""
    options = inspect.signature(doctor).parameters | inspect.signature(compare).parameters
    assert {name: options[name].default for name in _DEFAULTS} == _DEFAULTS


@pytest.mark.parametrize(
    ("option", "value"), [("--both", "--amp"), ("--sessions", "9"), ("--output", "runs")]
)
def test_options_of_a_floor_that_is_not_asked_for(
    option: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = outcome(["doctor", option, value], monkeypatch, capsys)
    assert (code, text) == (2, f"error: {option} is for measuring; add --aa")

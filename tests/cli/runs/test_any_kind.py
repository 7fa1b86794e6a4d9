"""The commands of `runs` on a kind of record that they were not written for."""

import json
from pathlib import Path

import pytest

from resnext_bench.cli.terminal.outcome import Pardon, conclude
from resnext_bench.cli.terminal.show import shown_when_interrupted
from resnext_bench.errors import Interrupted
from resnext_bench.reports.render.kinds import renderer_of
from resnext_bench.reports.render.markdown import markdown
from resnext_bench.reports.render.model import Line
from resnext_bench.reports.store import runs
from tests.cli.typed import Typed
from tests.reports.made_kind import TALLY_ID, made_tally, register
from tests.reports.made_results import RUN_ID, made_record


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    register(monkeypatch)
    for record in (made_record(), made_tally()):
        (tmp_path / record.id).mkdir()
        runs.save(tmp_path / record.id, record)
    return tmp_path


@pytest.fixture
def typed(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(monkeypatch, capsys, "runs", after=("--output", str(root)))


def test_it_is_listed(typed: Typed) -> None:
    code, out, _ = typed("list")
    assert code == 0
    assert [TALLY_ID, "odd", "tally"] in [line.split() for line in out.splitlines()]
    _, out, _ = typed("list", "--json")
    assert {one["id"]: one["kind"] for one in json.loads(out)}[TALLY_ID] == "tally"


def test_it_is_chosen_by_its_verdict_and_its_columns(typed: Typed) -> None:
    for chosen in (("--status", "odd"), ("--where", "things = 2"), ("--sort=-things", "--limit=1")):
        _, out, _ = typed("list", *chosen, "--json")
        assert [one["id"] for one in json.loads(out)] == [TALLY_ID], chosen
    assert typed("list", "--status", "even", "--json")[1] == "[]\n"


def test_it_is_shown(typed: Typed) -> None:
    code, out, _ = typed("show", TALLY_ID)
    assert code == 0
    assert out.startswith("the tally is odd\n")
    assert "pears" in out
    assert "pears" in typed("show", TALLY_ID, "--markdown")[1]
    assert json.loads(typed("show", "last", "--json")[1])["found"] == {"apples": 3, "pears": 4}


def test_it_is_queried(typed: Typed) -> None:
    sql = "SELECT id, verdict, things, host, model, count FROM runs JOIN counts ON run = id"
    _, out, _ = typed("query", f"{sql} WHERE thing = 'pears'", "--json")
    (row,) = json.loads(out)
    host = made_tally().environment.host
    assert list(row.values()) == [TALLY_ID, "odd", 2, host, None, 4]


@pytest.mark.parametrize("arguments", [("diff", RUN_ID, TALLY_ID), ("rerun", TALLY_ID)])
def test_what_is_for_runs_says_what_it_is(typed: Typed, arguments: tuple[str, ...]) -> None:
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert err == f"error: {TALLY_ID} is a tally, not a run\n"


def test_it_is_tagged_and_removed(typed: Typed, root: Path) -> None:
    typed("tag", TALLY_ID, "base")
    assert f"{TALLY_ID} is kept: tagged base" in typed("prune", "--status", "odd", "--yes")[2]
    typed("tag", TALLY_ID, "base", "--remove")
    assert typed("prune", "--status", "odd", "--yes")[1] == f"{TALLY_ID}\n"
    assert [folder.name for folder in root.iterdir()] == [RUN_ID]


def test_it_has_an_exit_code(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert conclude(made_tally(), "json", Pardon()) == 3
    assert capfd.readouterr().err == "an odd tally; count again\n"
    assert conclude(made_tally(), "table", Pardon(unsure=True)) == 0
    assert conclude(made_tally(verdict="even"), "json", Pardon()) == 0
    assert capfd.readouterr().err == ""


def test_what_stands_below_it_is_in_the_same_report(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And is not worked out where the record alone is asked for."""
    more = [Line(text="and more")]
    conclude(made_tally(), "markdown", Pardon(), more)
    told = capfd.readouterr().out
    whole = [*renderer_of(made_tally()).sections(made_tally()), *more]
    assert told == markdown(whole)
    assert told.endswith("\n\nand more\n")
    conclude(made_tally(), "json", Pardon(), (pytest.fail("asked") for _ in range(1)))
    assert "and more" not in capfd.readouterr().out


def test_it_is_shown_when_it_is_interrupted(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Interrupted), shown_when_interrupted("table"):
        raise Interrupted("stopped", made_tally())
    assert "the tally is odd" in capfd.readouterr().out

"""The commands of `runs` as typed: what they print, where, and what they leave behind."""

import json
from pathlib import Path

import pytest

from resnext_bench.reports.store import runs
from tests.cli.typed import Typed
from tests.reports.made_comparisons import COMPARISON_ID, made_comparison
from tests.reports.made_results import RUN_ID, made_config, made_record

OTHER = "20260302-090000-resnext101_32x8d_1n-e5f6"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    config = made_config(model="resnext101_32x8d", channels_last=False)
    other = made_record(id=OTHER, resolved=config, tool_version="9.9.9", tags=("base",))
    for record in (made_record(), made_comparison(), other):
        (tmp_path / record.id).mkdir()
        runs.save(tmp_path / record.id, record)
    return tmp_path


@pytest.fixture
def typed(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(monkeypatch, capsys, "runs", after=("--output", str(root)))


def test_the_list_of_those_chosen(typed: Typed) -> None:
    code, out, _ = typed("list", "--model", "resnext101", "--json")
    assert code == 0
    assert [one["id"] for one in json.loads(out)] == [OTHER]
    _, out, _ = typed("list", "--sort=-id", "--limit", "2", "--json")
    assert [one["id"] for one in json.loads(out)] == sorted([RUN_ID, OTHER, COMPARISON_ID])[:0:-1]
    _, out, _ = typed("list", "--tag", "base")
    assert OTHER in out
    assert "#base" in out
    assert RUN_ID not in out


def test_a_list_without_any_run_that_is_meant(typed: Typed) -> None:
    code, out, err = typed("list", "--status", "failed")
    assert (code, out) == (0, "")
    assert "none of the 3 runs in" in err
    assert typed("list", "--status", "failed", "--json")[1] == "[]\n"


def test_the_difference_of_two_runs(typed: Typed) -> None:
    code, out, _ = typed("diff", RUN_ID, OTHER, "--json")
    assert code == 0
    found = json.loads(out)
    changed = {one["what"]: (one["a"], one["b"]) for one in found["configuration"]}
    assert changed == {
        "model": ("resnext50_32x4d", "resnext101_32x8d"),
        "channels-last": ("on", "off"),
    }
    assert [one["what"] for one in found["environment"]] == ["resnext-bench"]
    assert found["figures_a"] == found["figures_b"]
    _, out, _ = typed("diff", RUN_ID, OTHER)
    assert "+0.0 %" in out
    assert "this is not a verdict" in " ".join(out.split())


def test_no_difference(typed: Typed, root: Path) -> None:
    twin = RUN_ID[:-4] + "0000"
    (root / twin).mkdir()
    runs.save(root / twin, made_record(id=twin))
    _, out, _ = typed("diff", RUN_ID, twin)
    assert "The configurations are identical." in out
    assert "Machine, software and commit are identical." in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("diff", RUN_ID, RUN_ID), "are the same run"),
        (("diff", RUN_ID, COMPARISON_ID), "is a comparison, not a run"),
        (("diff", RUN_ID, "nothing"), "no run 'nothing'"),
        (("query", "selct"), 'syntax error at or near "selct"'),
        (("query", ""), "the query is empty"),
        (("list", "--limit", "none"), "--limit none: a whole number of at least 1 is needed"),
        (("list", "--where", "models = 'x'"), "--where models = 'x'"),
        (("tag", RUN_ID, "two words"), "tag 'two words'"),
        (("tag", RUN_ID, "base", "--remove"), "has no tag 'base'; it has none"),
        (("prune",), "choose the runs"),
        (("prune", "--keep", "3"), "choose the runs"),
        (("prune", "--status", "ok", "--keep", "-1"), "--keep -1: a whole number of at least 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_arguments_are_named_and_change_no_record(
    typed: Typed, root: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*.json")}
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) <= 2
    assert {path: path.read_bytes() for path in root.rglob("*.json")} == before


def test_a_question(typed: Typed) -> None:
    sql = "SELECT kind, count(*) AS n FROM runs GROUP BY kind ORDER BY kind"
    assert json.loads(typed("query", sql, "--json")[1]) == [
        {"kind": "compare", "n": 1},
        {"kind": "run", "n": 2},
    ]
    lines = typed("query", sql)[1].split()
    assert lines[:2] == ["kind", "n"]
    assert lines[-4:] == ["compare", "1", "run", "2"]
    assert typed("query", "FROM runs WHERE false")[1] == "no rows\n"
    answer = typed("query", "SELECT created, tags, change_percent FROM runs", "--json")[1]
    assert json.loads(answer)[0]["tags"] == []


def test_a_wide_answer_is_a_block_for_each_row(typed: Typed) -> None:
    lines = typed("query", "SELECT * FROM runs WHERE kind = 'run' ORDER BY id")[1].splitlines()
    assert [line.split()[1] for line in lines if line.startswith("id ")] == [RUN_ID, OTHER]
    assert max(len(line) for line in lines) <= 80


def test_tags_and_notes(typed: Typed, root: Path) -> None:
    assert typed("tag", RUN_ID, "nightly", "v2")[1] == f"{RUN_ID}: #nightly #v2\n"
    assert typed("tag", RUN_ID, "v2", "--remove")[1] == f"{RUN_ID}: #nightly\n"
    assert typed("note", RUN_ID, "fans at full speed")[1] == f"{RUN_ID}: fans at full speed\n"
    shown = typed("show", RUN_ID)[1]
    assert "#nightly" in shown
    assert "fans at full speed" in shown
    typed("note", COMPARISON_ID, "for the pull request")
    assert "for the pull request" in typed("show", COMPARISON_ID)[1]
    assert typed("note", RUN_ID, "")[1] == f"{RUN_ID}: no note\n"


def test_pruning_shows_first_and_removes_when_told(typed: Typed, root: Path) -> None:
    code, out, err = typed("prune", "--before", "2027-01-01")
    assert code == 0
    assert out.split() == sorted([RUN_ID, COMPARISON_ID])
    assert f"{OTHER} is kept: tagged base" in err
    assert "nothing was removed yet: add --yes" in err
    assert len(list(root.iterdir())) == 3
    code, out, err = typed("prune", "--before", "2027-01-01", "--yes")
    assert "removed 2 runs" in err
    assert [path.name for path in root.iterdir()] == [OTHER]
    told = json.loads(typed("prune", "--tag", "base", "--yes", "--json")[1])
    assert (told["removed"], told["runs"], told["kept"]) == (True, [OTHER], [])
    assert list(root.iterdir()) == []

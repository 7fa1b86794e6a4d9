"""What a program keeps: nothing lost where it is cut, nothing mixed that is not alike."""

import json
from pathlib import Path

import pytest

from resnext_bench.lab import kept
from resnext_bench.lab.kept import count_by_case, parser_for, read, read_same, store

FACTS = {"what": "steps", "date": "2026-11-29", "hardware": "made, 2 cores", "seed": 0}


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    assert read(path) is None
    store(path, {"cases": {"a": [1, 2]}})
    assert read(path) == {"cases": {"a": [1, 2]}}
    assert path.read_text() == json.dumps({"cases": {"a": [1, 2]}}, indent=1) + "\n"


def test_without_a_file_nothing_is_kept() -> None:
    store(None, FACTS)
    assert read(None) is None
    assert read_same(None, FACTS) is None


def test_the_same_conditions_on_another_day_go_on(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    store(path, FACTS | {"cases": {}})
    assert read_same(path, FACTS | {"date": "2026-11-30"}) == FACTS | {"cases": {}}


@pytest.mark.parametrize("name", ["what", "hardware", "seed"])
def test_other_conditions_are_not_mixed_in(tmp_path: Path, name: str) -> None:
    path = tmp_path / "kept.json"
    store(path, FACTS)
    with pytest.raises(SystemExit, match="other conditions"):
        read_same(path, FACTS | {name: "another"})


def test_counts_by_hand() -> None:
    assert count_by_case(["aa=50", "slower-2=0"]) == {"aa": 50, "slower-2": 0}


def test_the_revision_is_that_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.revision.cache_clear()
    here = kept.revision()
    monkeypatch.chdir(tmp_path)
    kept.revision.cache_clear()
    assert kept.revision() == here


def test_the_same_machine_with_all_or_some_of_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept.os, "cpu_count", lambda: 96)
    assert kept.hardware(whole=True).endswith(", 96 cores")
    assert kept.hardware().endswith(f", {kept.inspect().usable_cores} cores")


def test_a_parser_takes_the_file() -> None:
    options = parser_for("some.program", "What it does.").parse_args(["--json", "kept.json"])
    assert options.json == Path("kept.json")

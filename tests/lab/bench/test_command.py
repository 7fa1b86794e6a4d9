"""Cases of `nox -s bench`, by name and in all."""

import pytest

from resnext_bench.lab.bench.__main__ import ALL, options_of


def test_all_cases_where_none_is_named() -> None:
    assert tuple(options_of([]).cases) == ALL


def test_cases_by_name() -> None:
    assert options_of(["loop", "dali-2", "--sessions", "2"]).cases == ["loop", "dali-2"]


def test_no_such_case(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options_of(["loops"])
    assert "loops" in capsys.readouterr().err

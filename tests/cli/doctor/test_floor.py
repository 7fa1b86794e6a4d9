"""`doctor --aa` on the screen: table, exit code, and what is said where nothing is known."""

import json
from typing import Any

import pytest

from resnext_bench.cli.doctor.floor import floor_command
from resnext_bench.reports.schema.comparison import Comparison
from resnext_bench.session.compare import floor
from tests.reports.verdicts.test_floor import SD_ONE_PERCENT, duet, relaunch, spoilt

RELAUNCHED = (0.06, 0.01, 0.04, -0.01)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Comparison]:
    """What is found in place of a measurement: a duet and a relaunch."""
    found = [duet(*SD_ONE_PERCENT), relaunch(*RELAUNCHED)]
    monkeypatch.setattr(floor, "measure_floor", lambda *given, **named: tuple(found))
    monkeypatch.setenv("COLUMNS", "80")
    return found


def shown(
    capsys: pytest.CaptureFixture[str], sessions: int = 3, **changes: Any
) -> tuple[int, str, str]:
    options: dict[str, Any] = {"allow_unsure": False, "form": "table"} | changes
    code = floor_command("", sessions, None, **options)
    text = capsys.readouterr()
    return code, text.out, text.err


def test_both_designs_side_by_side(
    measured: list[Comparison], capsys: pytest.CaptureFixture[str]
) -> None:
    measured[0] = spoilt(duet(*SD_ONE_PERCENT, 0.3), 4)
    code, out, _ = shown(capsys)
    assert code == 0
    rows = {
        row[1].strip(): row[2:4] for line in out.splitlines() if len(row := line.split("│")) > 3
    }
    assert [one.strip() for one in rows["sessions"]] == ["3, 1 invalid", "4"]
    assert [one.strip() for one in rows["noise of a session (sd)"]] == ["1.01 %", "1.42 %"]
    assert rows["sessions to detect 2 %*"][0].strip() == "10"
    assert "at the last look of a compare with at most this many sessions" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_json_holds_the_same(
    measured: list[Comparison], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = shown(capsys, form="json")
    found = json.loads(out)
    assert (code, found["duet"]["sessions"], found["duet"]["invalid"]) == (0, 3, 0)


@pytest.mark.parametrize(("allow", "expected"), [(False, 3), (True, 0)])
@pytest.mark.parametrize("form", ["table", "json", "markdown"])
def test_where_too_few_sessions_count(
    measured: list[Comparison],
    capsys: pytest.CaptureFixture[str],
    allow: bool,
    expected: int,
    form: str,
) -> None:
    measured[0] = spoilt(measured[0], 1, 2)
    code, out, error = shown(capsys, allow_unsure=allow, form=form)
    assert (code, out) == (expected, "")
    first, second = error.splitlines()
    assert first.startswith("the noise floor is not known: 1 of 3 sessions (duet) count, and 3 are")
    assert first.endswith("the first reason: a: the loss is not finite")
    assert second == "resnext-bench doctor shows what disturbs measurements"

"""Progress where there is no terminal: plain lines, few of them, on standard error."""

from dataclasses import replace
from pathlib import Path

import pytest

from resnext_bench.cli.terminal.display import RunDisplay
from resnext_bench.launch.watch import Progress
from resnext_bench.rankfile import Phase
from resnext_bench.reports.schema.config import Choice
from tests.worker.made_training import made_config


def at(phase: Phase, done: int, total: int = 40, rate: float = 0.0) -> Progress:
    return Progress(phase=phase, done=done, total=total, rate=rate)


def test_a_line_for_each_phase_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    with RunDisplay() as display:
        display.session(1, 1)
        for done in range(3):
            display.progress(at(Phase.WARM_UP, done))
        display.planned(made_config(), (), Path("runs/x"))
        for done in range(10):
            display.progress(at(Phase.TIMED, done, rate=2.0))
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if "measuring" in line]
    # Two steps a second of two images: 4 images/s; 40 steps take 20 s.
    assert lines == ["measuring  0/40  4.0 images/s, 20 s left"]
    assert captured.err.count("warm-up") == 1
    assert "\x1b" not in captured.err


def test_what_does_not_move_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with RunDisplay() as display:
        display.progress(at(Phase.TIMED, 3, rate=400.0))
        display.progress(replace(at(Phase.GATHERING, 3), still_s=40))
        display.progress(replace(at(Phase.TIMED, 3, rate=400.0), still_s=40))
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "measuring  3/40  no step for 40 s"
    assert lines[-2] == "gathering"


def test_sessions_say_how_long_they_will_take(capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    looks = {"look": lambda: "before it begins: much", "now_s": lambda: now[0]}
    with RunDisplay(**looks) as display:
        display.planned(made_config(), (), Path("runs/x"))
        for number in (1, 2, 3):
            display.session(number, 3)
            now[0] += 20
    lines = capsys.readouterr().err.splitlines()
    assert "note before it begins: much" in lines
    assert [line for line in lines if line.startswith("session")] == [
        "session 1 of 3: starting the ranks",
        "session 2 of 3, about 40 s left: starting the ranks",
        "session 3 of 3, about 20 s left: starting the ranks",
    ]


def test_choices_with_one_reason_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    choices = (
        Choice(option="warm_up", value=10, why="CPU"),
        Choice(option="steps", value=40, why="CPU"),
        Choice(option="tf32", value=False, why="IEEE"),
        Choice(option="data", value="/somewhere/made-v1", why="made"),
    )
    RunDisplay().planned(made_config(), choices, Path("runs/x"))
    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert ["warm-up", "10,", "steps", "40", "CPU"] in lines
    assert ["tf32", "off", "IEEE"] in lines
    assert ["data", "made-v1", "made"] in lines

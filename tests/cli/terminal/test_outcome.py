"""What is said while a driver does not answer."""

import time

import pytest

from resnext_bench.cli.terminal import outcome
from resnext_bench.cli.terminal.outcome import ANSWERS, waiting_for


def test_a_driver_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(outcome, "PATIENCE_S", 0.0)
    with waiting_for(ANSWERS):
        said, end = "", time.monotonic() + 20
        while not said and time.monotonic() < end:
            time.sleep(0.001)
            said = capsys.readouterr().err
    assert said == f"still waiting for {ANSWERS}; Ctrl-C ends it\n"


def test_an_answer_in_time_is_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting_for(ANSWERS):
        pass
    assert capsys.readouterr().err == ""

"""What is seen before a measurement begins, in one line."""

from pathlib import Path

import pytest

from resnext_bench.machine.doctor import look as module
from resnext_bench.machine.doctor.findings import Finding, Severity
from resnext_bench.machine.doctor.look import LEAST_S, begin_look, in_words
from resnext_bench.machine.lock import Holder
from tests.machine.made_kernel import MadeKernel


def found(check: str, severity: Severity) -> Finding:
    return Finding(check=check, severity=severity, value="much")


def test_half_a_second_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_S", LEAST_S)
    slept: list[float] = []
    look = begin_look(MadeKernel(tmp_path).sources(), sleep=slept.append, holder=lambda: None)
    assert look() == ""
    (seconds,) = slept
    assert 0 < seconds <= LEAST_S


def test_who_measures_already_is_named(tmp_path: Path) -> None:
    holder = Holder(pid=4242, what="run theirs", since_s=0.0)
    look = begin_look(MadeKernel(tmp_path).sources(), sleep=lambda s: None, holder=lambda: holder)
    assert look().startswith(
        "before the measurement: other measurement: run theirs (pid 4242) since "
    )


@pytest.mark.parametrize(
    ("severities", "words"),
    [
        ((), ""),
        ((Severity.DISTURBS,), "before the measurement: other load: much. That would disturb it; "),
        (
            (Severity.SPOILS, Severity.DISTURBS),
            "before the measurement: other load: much; other load: much. That would spoil it; ",
        ),
    ],
)
def test_one_line(severities: tuple[Severity, ...], words: str) -> None:
    told = in_words([found("other load", one) for one in severities])
    assert told.startswith(words)
    assert bool(told) == bool(words)

"""The machine's condition as it is shown: in full, in short, as JSON, and as an exit code."""

import json
from io import StringIO

import pytest
from rich.console import Console

from resnext_bench.cli.doctor import command
from resnext_bench.cli.doctor.command import doctor_command, sections
from resnext_bench.machine.doctor.checks import Condition
from resnext_bench.machine.doctor.findings import Finding, Severity
from resnext_bench.reports.render.terminal import draw

LONG = "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo # " + "x" * 60


def finding(check: str, severity: Severity, value: str, command: str = "") -> Finding:
    return Finding(
        check=check,
        severity=severity,
        value=value,
        why=f"why {check} matters",
        advice=f"what to do about {check}",
        command=command,
    )


def condition(*findings: Finding) -> Condition:
    return Condition(
        cores=1,
        sample_s=1.0,
        spoils=any(one.severity is Severity.SPOILS for one in findings),
        findings=findings,
    )


LOAD = finding("other load", Severity.SPOILS, "41 % of 2 cores: job[red] (pid 7)")
TURBO = finding("turbo", Severity.DISTURBS, "on", LONG)
FINE = (
    *(finding(f"check {number}", Severity.FINE, "quiet as a mouse") for number in range(9)),
    finding("quota", Severity.HIDDEN, "no control groups"),
    finding("steal", Severity.HIDDEN, "there are no counters of the cores"),
    finding("other load", Severity.HIDDEN, "there are no counters of the cores"),
)


def printed(shown: Condition, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width, highlight=False)
    draw(console, sections(shown))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def cells(lines: list[str]) -> list[list[str]]:
    """Of summaries, row by row."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_calls_for_action_is_shown_in_full(width: int) -> None:
    lines = printed(condition(LOAD, TURBO, *FINE), width).splitlines()
    assert "spoils measurements" in map(str.strip, lines)
    assert cells(lines)[:3] == [
        ["other load", "41 % of 2 cores: job[red] (pid 7)"],
        ["", "why other load matters"],
        ["", "→ what to do about other load"],
    ]
    assert f"    {LONG}" in lines, "a command is on one line, to be copied"
    assert all(len(line) <= width for line in lines if LONG not in line)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_is_fine_takes_few_lines(width: int) -> None:
    rows = [row[1] for row in cells(printed(condition(*FINE), width).splitlines())]
    shown = rows[: rows.index("quota: no control groups")]
    assert len(shown) < len(FINE)
    assert sum(line.count("quiet as a mouse") for line in shown) == 9, "none is torn apart"
    assert "\N{NO-BREAK SPACE}" not in "".join(rows)


def test_what_is_hidden_for_one_reason_shares_a_line() -> None:
    rows = cells(printed(condition(*FINE)).splitlines())
    assert rows[-2:] == [
        ["not visible here", "quota: no control groups"],
        ["", "steal, other load: there are no counters of the cores"],
    ]


def test_many_checks_without_an_answer_leave_room_for_the_reason() -> None:
    checks = [f"GPU question {number}" for number in range(9)]
    unanswered = [finding(one, Severity.HIDDEN, "the driver does not report it") for one in checks]
    text = " ".join(" ".join(row) for row in cells(printed(condition(*unanswered)).splitlines()))
    assert f"{', '.join(checks)}: the driver does not report it" in " ".join(text.split())


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        (
            (LOAD, TURBO),
            "Do not measure now: 1 thing would spoil measurements (1 core, watched for 1.0 s)",
        ),
        ((TURBO, TURBO), "Measure with caution: 2 things disturb step times"),
        ((TURBO,), "Measure with caution: 1 thing disturbs step times"),
        (FINE, "Nothing here would spoil a measurement"),
    ],
)
def test_the_first_line_says_it_all(findings: tuple[Finding, ...], words: str) -> None:
    assert printed(condition(*findings), 100).startswith(words)


@pytest.mark.parametrize(
    ("shown", "allow_unsure", "code"),
    [
        (condition(LOAD), False, 3),
        (condition(LOAD), True, 0),
        (condition(TURBO), False, 0),
        (condition(*FINE), False, 0),
    ],
)
def test_json_alone_and_the_exit_code(
    shown: Condition,
    allow_unsure: bool,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.setattr(command, "examine", lambda sources: shown)
    assert doctor_command(allow_unsure=allow_unsure, form="json") == code
    found = json.loads(capsysbinary.readouterr().out)
    assert found["spoils"] == shown.spoils
    assert [one["check"] for one in found["findings"]] == [one.check for one in shown.findings]
    assert doctor_command(allow_unsure=allow_unsure, form="table") == code
    assert shown.findings[0].value in capsysbinary.readouterr().out.decode()

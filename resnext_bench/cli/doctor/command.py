"""The command `doctor`: what makes this machine noisy, and what to do about it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from resnext_bench.cli.compare.sides import refuse
from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.outcome import ANSWERS, waiting_for
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.cli.terminal.show import show_sections
from resnext_bench.machine.doctor.checks import Condition, examine
from resnext_bench.machine.doctor.findings import Finding, Severity
from resnext_bench.machine.host.sources import here
from resnext_bench.reports.render.model import Flow, Line, Row, Section, Tone, summary
from resnext_bench.wording import count_of

SPOILT: Final = 3
_TITLES: Final = {
    Severity.SPOILS: "spoils measurements",
    Severity.DISTURBS: "disturbs",
    Severity.NOTE: "worth knowing",
}
"""Titles of findings that are shown in full; others fit on a line or two."""


def require_floor(given: Mapping[str, Any]) -> None:
    """Raise when an option of --aa is given without it."""
    refuse(given, given, "has no effect without --aa; add --aa")


def doctor_command(*, allow_unsure: bool, form: Format) -> int:
    """Look at the machine for a second, show what was found, and return the exit code."""
    with waiting_for(ANSWERS):
        condition = examine(here())
    if form == "json":
        text = msgspec.json.format(msgspec.json.encode(condition), indent=2)
        print_json(text)
    else:
        show_sections(sections(condition), form)
    return SPOILT if condition.spoils and not allow_unsure else 0


def sections(condition: Condition) -> Iterator[Section]:
    """Return the conclusion, then what calls for action in full, then the rest on a few lines."""
    yield _verdict(condition)
    for severity, title in _TITLES.items():
        found = [one for one in condition.findings if one.severity is severity]
        if found:
            yield summary(*map(_in_full, found), title=title)
        for finding in found:
            if finding.command:
                yield Line(text=f"    {finding.command}", tone="good", is_command=True)
    fine = [one for one in condition.findings if one.severity is Severity.FINE]
    if fine:
        pieces = tuple(f"{one.check} {one.value}" for one in fine)
        yield summary([("fine", Flow(pieces=pieces, separator=" ·"))])
    if hidden := _hidden(condition.findings):
        # Many checks may have one reason, and a table's first column does not fold.
        rows = [("", f"{', '.join(checks)}: {reason}") for reason, checks in hidden.items()]
        yield summary([("not visible here", rows[0][1]), *rows[1:]])


def _in_full(finding: Finding) -> Iterator[Row]:
    yield finding.check, finding.value
    yield "", finding.why
    yield "", f"→ {finding.advice}"


def _hidden(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """List the checks without an answer by their reasons."""
    by_reason: dict[str, list[str]] = {}
    for finding in findings:
        if finding.severity is Severity.HIDDEN:
            by_reason.setdefault(finding.value, []).append(finding.check)
    return by_reason


def _verdict(condition: Condition) -> Line:
    counts = {
        severity: sum(finding.severity is severity for finding in condition.findings)
        for severity in (Severity.SPOILS, Severity.DISTURBS)
    }
    seen = f"({count_of(condition.cores, 'core')}, watched for {condition.sample_s:.1f} s)"
    if spoils := counts[Severity.SPOILS]:
        things = count_of(spoils, "thing")
        return _headline(f"Do not measure now: {things} would spoil measurements {seen}", "bad")
    if disturbs := counts[Severity.DISTURBS]:
        things = "1 thing disturbs" if disturbs == 1 else f"{disturbs} things disturb"
        return _headline(f"Measure with caution: {things} step times {seen}", "warning")
    return _headline(f"Nothing here would spoil a measurement {seen}", "good")


def _headline(text: str, tone: Tone) -> Line:
    return Line(text=text, tone=tone, is_headline=True)

"""The command `doctor`: what makes this machine noisy, and what to do about it."""

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import msgspec

from resnext_bench.cli.output import print_json
from resnext_bench.cli.sides import refuse
from resnext_bench.machine.condition import Condition, examine
from resnext_bench.machine.findings import Finding, Severity, here

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SPOILT: Final = 3
_TITLES: Final = {
    Severity.SPOILS: ("spoils measurements", "bold red"),
    Severity.DISTURBS: ("disturbs", "bold yellow"),
    Severity.NOTE: ("good to know", "bold cyan"),
    Severity.FINE: ("fine", "bold green"),
    Severity.HIDDEN: ("not visible here", "bold"),
}


def require_floor(given: Mapping[str, Any]) -> None:
    """Raise when an option of --aa is given without it."""
    refuse(given, given, "is for measuring; add --aa")


def doctor_command(*, allow_unsure: bool, as_json: bool) -> int:
    """Look at the machine for a second, show what was found, and return the exit code."""
    condition = examine(here())
    if as_json:
        text = msgspec.json.format(msgspec.json.encode(condition), indent=2)
        print_json(text)
    else:
        from resnext_bench.cli.screen import screen

        print_condition(screen(), condition)
    return SPOILT if condition.spoils and not allow_unsure else 0


def print_condition(console: "Console", condition: Condition) -> None:
    """What calls for action in full, the worst first; the rest on a few lines."""
    from rich.text import Text

    for severity, (title, style) in _TITLES.items():
        found = [one for one in condition.findings if one.severity is severity]
        if not found:
            continue
        console.print(Text(title, style=style))
        if severity in (Severity.FINE, Severity.HIDDEN):
            lines = _values if severity is Severity.FINE else _reasons
            for line in lines(found, console.width - 2):
                console.print(Text(f"  {line}", style="dim"))
            continue
        width = max(len(finding.check) for finding in found)
        for finding in found:
            console.print(_in_full(finding, width))
            if finding.command:
                # Outside the table and never folded: it is there to be copied.
                console.print(Text(f"    $ {finding.command}", style="green"), soft_wrap=True)
    console.print(_verdict(condition))


def _in_full(finding: Finding, width: int) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=width + 2)
    table.add_column()
    table.add_row(f"  {finding.check}", Text(finding.value, style="bold"))
    table.add_row("", Text(finding.why, style="dim"))
    table.add_row("", Text(f"→ {finding.advice}"))
    return table


def _values(found: list[Finding], width: int) -> Iterator[str]:
    """One paragraph, in which a check and its value stay on one line."""
    gap = "\N{NO-BREAK SPACE}"  # textwrap leaves it alone, and rich would not
    parts = (f"{one.check} {one.value}".replace(" ", gap) for one in found)
    for line in wrap(" · ".join(parts), width, break_long_words=False, break_on_hyphens=False):
        yield line.replace(gap, " ")


def _reasons(found: list[Finding], width: int) -> Iterator[str]:
    """A line for each reason, with all that it hides."""
    by_reason: dict[str, list[str]] = {}
    for finding in found:
        by_reason.setdefault(finding.value, []).append(finding.check)
    for reason, checks in by_reason.items():
        yield from wrap(f"{', '.join(checks)}: {reason}", width, subsequent_indent="  ")


def _verdict(condition: Condition) -> str:
    counts = {
        severity: sum(finding.severity is severity for finding in condition.findings)
        for severity in (Severity.SPOILS, Severity.DISTURBS)
    }
    cores = "1 core" if condition.cores == 1 else f"{condition.cores} cores"
    seen = f"({cores}, watched for {condition.sample_s:.1f} s)"
    if spoils := counts[Severity.SPOILS]:
        things = "1 thing" if spoils == 1 else f"{spoils} things"
        return f"[bold red]Do not measure now[/]: {things} would spoil it {seen}"
    if disturbs := counts[Severity.DISTURBS]:
        things = "1 thing disturbs" if disturbs == 1 else f"{disturbs} things disturb"
        return f"[bold yellow]Measure with care[/]: {things} step times {seen}"
    return f"[bold green]Nothing here would spoil a measurement[/] {seen}"

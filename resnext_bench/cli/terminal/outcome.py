"""What a record means for the user: it is shown, and becomes the program's exit code."""

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.show import show_stored
from resnext_bench.reports.schema.kinds import Stored, kind_of

if TYPE_CHECKING:
    from resnext_bench.reports.render.model import Section

SLOWER, UNSURE, FAILED = 1, 3, 4
PATIENCE_S = 5.0
"""Seconds after which it is said what the program waits for."""
ANSWERS = "the machine's answers (GPU drivers, torch)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pardon:
    """Outcomes that the user accepts, so that they do not make the exit code 3."""

    unsure: bool = False
    """Whether steps that never became steady, and verdicts "can't tell", are accepted."""
    invalid: bool = False
    """Whether unreliable figures are accepted."""


def conclude(record: Stored, form: Format, pardon: Pardon, more: "Iterable[Section]" = ()) -> int:
    """Show a record and return its exit code; beside JSON, say in a line why it is not 0.

    `more` stands below the record in the same report; JSON is the record alone.
    """
    show_stored(record, form, more)
    if form == "json":
        from resnext_bench.reports.render.kinds import renderer_of

        if doubt := renderer_of(record).doubt(record):
            say(doubt)
    return exit_code(record, pardon)


def exit_code(record: Stored, pardon: Pardon) -> int:
    """Return 0 if all is fine, 1 if slower, 3 if uncertain or invalid, 4 if failed."""
    found = kind_of(record).outcomes(record)
    if "failed" in found:
        return FAILED
    if ("invalid" in found and not pardon.invalid) or ("unsure" in found and not pardon.unsure):
        return UNSURE
    return SLOWER if "slower" in found else 0


def say(text: str) -> None:
    """Tell the user something while nothing else is shown."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Say what the program waits for, if the body takes long: a driver may never answer."""
    notice = threading.Timer(PATIENCE_S, say, (f"still waiting for {what}; Ctrl-C ends it",))
    notice.daemon = True
    notice.start()
    try:
        yield
    finally:
        notice.cancel()

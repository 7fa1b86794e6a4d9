"""The words of what a report doubts, for the tests that look at them; most look at kinds."""

from collections.abc import Callable

import pytest

from resnext_bench.reports.errors import TraceError
from resnext_bench.reports.render.trace.warnings import (
    error_in_words,
    in_words,
    report_in_words,
    sentences,
)
from resnext_bench.reports.schema.trace import RanksReport, TraceReport
from resnext_bench.reports.trace.reading.trace import Trace


def kinds(found: TraceReport | RanksReport | Trace) -> list[str]:
    """Return the kinds of its warnings."""
    return [one.kind for one in found.facts]


def sentences_of(found: TraceReport | RanksReport | Trace) -> list[str]:
    """Return the sentences of its warnings, in the order of the screen."""
    if isinstance(found, Trace):
        return sentences(found.facts)
    if isinstance(found, RanksReport):
        return in_words(found).warnings
    return report_in_words(found).warnings


def refused(call: Callable[[], object]) -> str:
    """Return the message of the error that a call raises, with the facts that it carries."""
    with pytest.raises(TraceError) as caught:
        call()
    return error_in_words(caught.value)

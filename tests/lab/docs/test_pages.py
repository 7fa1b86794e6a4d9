"""The generated pages are what the program would write today."""

import pytest

from resnext_bench.lab.docs.__main__ import pages
from resnext_bench.lab.docs.examples import GIVEN, PAGE, Example, part
from tests.reports.trace.real import real_trace


def test_up_to_date() -> None:
    stale = [
        path.name for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    assert not stale, "run nox -s docs"


@pytest.mark.parametrize("example", GIVEN, ids=lambda one: one.title.partition(":")[0])
def test_examples_are_what_the_commands_print(example: Example) -> None:
    folder = real_trace(example.commands[0][2]).parent
    assert part(example, folder) in PAGE.read_text(), (
        "run python -m resnext_bench.lab.docs.examples"
    )

"""The generated pages are what the program would write today."""

from tests.docs.__main__ import pages


def test_up_to_date() -> None:
    stale = [path.name for path, text in pages().items() if path.read_text() != text]
    assert not stale, "run nox -s docs"

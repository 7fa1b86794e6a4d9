"""How wide what is printed may be."""

import pytest

from resnext_bench.cli.terminal.screen import progress_screen, screen


@pytest.mark.parametrize(
    ("columns", "width"), [("0", 80), ("1", 40), ("39", 40), ("40", 40), ("100", 100)]
)
def test_no_terminal_is_too_narrow_for_a_table(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert (screen().width, progress_screen().width) == (width, width)

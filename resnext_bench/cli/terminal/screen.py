"""The terminal, or whatever stands in its place (`| head`, `| less`)."""

import sys
from typing import Final

from rich.console import Console

from resnext_bench.cli.terminal.output import silence

_LEAST_COLUMNS: Final = 40
"""With fewer, tables would lose columns silently; a narrower terminal wraps their lines."""
_USUAL_COLUMNS: Final = 80


class Screen(Console):
    """A console whose reader may go away: Rich would end the program with code 1, "slower"."""

    def on_broken_pipe(self) -> None:
        """Go on measuring, keep the record and the exit code, and print nothing more."""
        silence(self.file)
        self.quiet = True


def screen() -> Console:
    """Return a console on standard output."""
    return _wide_enough(Screen(highlight=False))


def progress_screen(*, quiet: bool = False) -> Console:
    """Return a console on standard error, for progress and remarks."""
    return _wide_enough(Screen(file=sys.stderr, quiet=quiet))


def _wide_enough(console: Console) -> Console:
    """Widen a console that is too narrow; COLUMNS=0, as some containers have, is no width."""
    if console.width < _LEAST_COLUMNS:
        console.width = _LEAST_COLUMNS if console.width else _USUAL_COLUMNS
    return console

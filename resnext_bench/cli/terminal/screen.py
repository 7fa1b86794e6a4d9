"""The terminal, or whatever stands in its place (`| head`, `| less`)."""

import sys

from rich.console import Console

from resnext_bench.cli.terminal.output import silence


class Screen(Console):
    """A console whose reader may go away: Rich would end the program with code 1, "slower"."""

    def on_broken_pipe(self) -> None:
        """Go on measuring, keep the record and the exit code, and print nothing more."""
        silence(self.file)
        self.quiet = True


def screen() -> Console:
    """Return a console on standard output."""
    return Screen(highlight=False)


def progress_screen(*, quiet: bool = False) -> Console:
    """Return a console on standard error, for progress and remarks."""
    return Screen(file=sys.stderr, quiet=quiet)

"""What the user sees while a run goes on, all on standard error.

On a terminal one line is redrawn; elsewhere (logs, Slurm, nohup) plain lines are written at each
change of phase and now and then. Both are fed twice a second at most, from rank 0's file.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from resnext_bench.cli.terminal.screen import progress_screen
from resnext_bench.launch.watch import Progress as SessionProgress
from resnext_bench.rankfile import Phase
from resnext_bench.reports.render.words import duration
from resnext_bench.reports.schema.config import Choice, RunConfig

_PHASES = {
    Phase.STARTING: "starting the ranks",
    Phase.CONNECTING: "connecting the ranks",
    Phase.MODEL: "building the model",
    Phase.DATA: "opening the data",
    Phase.WARM_UP: "warm-up",
    Phase.TIMED: "measuring",
    Phase.PROFILED: "profiling",
    Phase.GATHERING: "gathering",
    Phase.DONE: "gathering",
}
MOST_CHOICES = 5
"""Largest number of lines of choices before a run; those made for this machine come first."""
_FIRST = ("device", "batch-size", "image-size", "threads", "nproc-per-node", "pipeline", "data")
STILL_S, STILL_STEPS = 10.0, 5
"""Numbers of seconds and of usual step times without a step, after which the time left is
unknown."""
REDRAW_S = 1.0
"""Seconds between redraws, each of which takes milliseconds of a core that a rank may be using."""
SELDOM_S = 15.0
"""Seconds between lines that differ only in their count, where there is no terminal."""


class RunDisplay:
    """Progress of one run. A context manager, so that the cursor always comes back."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        look: Callable[[], str] = str,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a display; `look` returns what was seen of the machine, to be shown first."""
        self._console = progress_screen(quiet=quiet)
        self._live = self._console.is_terminal and not quiet
        self._progress = _progress_bar(self._console)
        self._task = self._progress.add_task("", total=None, count="", rate="")
        self._config: RunConfig | None = None
        self._label, self._said, self._drawn = "", "", 0.0
        self._look, self._now_s, self._began_s = look, now_s, now_s()

    def __enter__(self) -> Self:
        if self._live:
            self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._progress.update(self._task, visible=False)
            self._progress.stop()

    def preparing(self, what: str, done: int, total: int) -> None:
        """Show that data is being made or checked."""
        self.show(what, done, total, "")

    def planned(self, config: RunConfig, choices: Sequence[Choice], folder: Path) -> None:
        """Print what the machine decided, before anything is started."""
        self._config = config
        self._console.print("[bold]Chosen for this machine[/] (name an option to change it)")
        self._console.print(_choices_table(choices))
        if hidden := max(0, len({one.why for one in choices}) - MOST_CHOICES):
            self._console.print(f"  and {hidden} more: see --dry-run, or the record", style="dim")
        self._console.print(Text.assemble(("Run folder ", "bold"), f"{folder}"))
        self.looked()
        self._console.print()
        self._began_s = self._now_s()

    def looked(self) -> None:
        """Print what was seen of the machine, if anything."""
        if seen := self._look():
            self.line(Text.assemble(("note ", "yellow"), seen))

    def session(self, number: int, total: int) -> None:
        """Show that a session starts."""
        left = ""
        if number > 1:
            each_s = (self._now_s() - self._began_s) / (number - 1)
            left = f", about {duration(each_s * (total - number + 1))} left"
        self._label = f"session {number} of {total}{left}: " if total > 1 else ""
        self.show("starting the ranks", 0, 0, "")

    def progress(self, progress: SessionProgress) -> None:
        """Show the progress that rank 0's file reports."""
        stepping = progress.phase in (Phase.WARM_UP, Phase.TIMED)
        total = progress.total if stepping else 0
        rate = self._rate(progress) if stepping else ""
        if stepping and progress.still_s > max(STILL_S, STILL_STEPS / (progress.rate or 1.0)):
            rate = f"no step for {duration(progress.still_s)}"
        self.show(_PHASES[progress.phase], progress.done, total, rate)

    def _rate(self, progress: SessionProgress) -> str:
        if not progress.rate or self._config is None:
            return ""
        images = progress.rate * self._config.global_batch_size
        left_s = (progress.total - progress.done) / progress.rate
        return f"{images:,.1f} images/s, {left_s:.0f} s left"

    def line(self, text: Text) -> None:
        """Print a line that stays."""
        self._console.print(text, highlight=False)

    def show(self, what: str, done: int, total: int, rate: str) -> None:
        """Show the present activity; it is drawn now and then."""
        text = self._label + what
        now = self._now_s()
        changed = text != self._said
        count = f"{done}/{total}" if total else ""
        if self._live and (changed or now - self._drawn >= REDRAW_S or 0 < total == done):
            self._drawn, self._said = now, text
            self._progress.update(
                self._task,
                description=text,
                completed=done,
                total=total or None,
                count=count,
                rate=rate,
            )
            self._progress.refresh()
        elif not self._live and (changed or now - self._drawn >= SELDOM_S):
            self._drawn, self._said = now, text
            self._console.print(
                "  ".join(filter(None, (text, count, rate))), markup=False, highlight=False
            )


def _progress_bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[rate]}"),
        console=console,
        auto_refresh=False,
        transient=True,
    )


def _choices_table(choices: Sequence[Choice]) -> Table:
    """Return a line for each reason, with all that was chosen for it."""
    by_reason: dict[str, list[str]] = {}
    for choice in choices:
        text = f"{choice.option.replace('_', '-')} {_value(choice)}"
        by_reason.setdefault(choice.why, []).append(text)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    table.add_column(max_width=52)
    table.add_column(style="dim")
    first = sorted(by_reason.items(), key=lambda one: not any(map(one[1][0].startswith, _FIRST)))
    for why, chosen in first[:MOST_CHOICES]:
        table.add_row(Text("  " + ", ".join(chosen)), Text(why))
    return table


def _value(choice: Choice) -> str:
    value = choice.value
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    # A folder's last part tells which it is; the record holds all of it.
    return Path(str(value)).name if choice.option == "data" else str(value)

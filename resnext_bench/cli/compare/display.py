"""What the user sees while a comparison goes on, all on standard error."""

import time
from collections.abc import Callable, Sequence

from rich.text import Text

from resnext_bench.cli.terminal.display import RunDisplay
from resnext_bench.reports.render.words import given_to
from resnext_bench.reports.schema.comparison import Design, Difference, Limits, Order, Pair, Side
from resnext_bench.reports.stats.effects import Interval, to_percent
from resnext_bench.reports.verdicts.judge import Judged
from resnext_bench.wording import count_of


class CompareDisplay(RunDisplay):
    """A line for each session that has ended, and one that moves for the present one."""

    def __init__(
        self, *, look: Callable[[], str] = str, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(look=look, now_s=now_s)
        self._pairs = self._number = self._invalid = 0
        self._design: Design = "duet"
        self._order: Order = "ab"
        self._most_minutes = 0.0

    def compared(
        self, sides: tuple[Side, Side], differences: Sequence[Difference], limits: Limits
    ) -> None:
        """Both sides are resolved: print what differs between them."""
        self._pairs = 0 if limits.more_pairs else limits.pairs
        self._most_minutes, self._began_s = limits.max_minutes, self._now_s()
        for name, side in zip("ab", sides, strict=True):
            self.line(Text.assemble((name, "bold cyan"), f"  {given_to(side)}"))
        for difference in differences:
            self.line(Text(f"   {difference.what}: {difference.a} → {difference.b}"))
        if limits.as_is:
            self.line(Text("   --as-is: your environment is left alone, and so is the heap"))
        if not differences:
            self.line(Text("   nothing differs: A/A, which shows the machine's own noise"))
        self.looked()

    def contest(self, number: int, most: int, order: Order, design: Design) -> None:
        """A session of both sides starts."""
        self._number, self._order, self._design = number, order, design
        used = (self._now_s() - self._began_s) / 60
        budget = f", {used:.0f} of {self._most_minutes:g} min" if self._most_minutes else ""
        invalid = f" ({self._invalid} did not count)" if self._invalid else ""
        self._label = f"session {number} of at most {most}{invalid}{budget}: "
        if design == "duet":
            self.show(f"building {order[0]}, then {order[1]}", 0, 0, "")

    def pairs(self, done: int) -> None:
        """So many pairs of blocks of it are finished, or launches."""
        if self._design != "duet" and done < 2:  # more are pairs: what was launched takes turns
            self.show(f"launch {done + 1} of 2, {self._order[done]}", 0, 0, "")
            return
        what = "in turn" if done else "building and warming up"
        # Where their scatter decides how many there will be, no total is known.
        told = f"{count_of(done, 'pair')} of blocks" if done and not self._pairs else ""
        self.show(what, done, self._pairs, told)

    def so_far(self, pair: Pair, judged: Judged, look: bool, unfinished: str = "") -> None:
        """A session has ended."""
        if unfinished:
            self.line(Text(unfinished, style="yellow"))
            return
        decision = judged.decision
        # A duet for which there was no room has become a relaunch in the middle of its session.
        design = "relaunch" if self._design == "duet" and not pair.blocks_ms else self._design
        design = "duet" if pair.blocks_ms else design  # and a first launch has shown that it can be
        told = "too few sessions to say anything yet"
        if decision:
            told = _interval(decision.interval, is_told=look and judged.is_final)
        if pair.invalid:
            self._invalid += 1
            told = f"does not count: {pair.invalid[0]}"
        verdict = f"   {judged.word}" if look or judged.word == "invalid" else ""
        self.line(
            Text.assemble((f"session {self._number}, {design}", "cyan"), f"  {told}", verdict)
        )


WIDE_PERCENT = 100.0


def _interval(found: Interval, *, is_told: bool) -> str:
    low, high = to_percent(found.low), to_percent(found.high)
    if high > WIDE_PERCENT and not is_told:
        return f"b {to_percent(found.estimate):+.2f} %   too uncertain yet to say more"
    return (
        f"b {to_percent(found.estimate):+.2f} %   "
        f"{100 * found.confidence:.4g} % interval {low:+.2f} to {high:+.2f}"
    )

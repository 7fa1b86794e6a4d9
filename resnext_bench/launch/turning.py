"""A script that calls `resnext_bench.step()`, as a side that takes turns with another."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from resnext_bench import tokens
from resnext_bench.launch.script import POLL_S, RunningScript, ScriptCommand
from resnext_bench.machine.host.cores import cpu_seconds
from resnext_bench.reports.store.files import writing

TURNS_VARIABLE: Final = "RESNEXT_BENCH_TURNS"
"""Variable that names the folder of a side's two pipes; `resnext_bench.tokens` has the words."""
GONE: Final = -1
"""Word of a side that takes no more steps."""

END_S: Final = 1.0
"""Seconds within which a script that fails after its last step ends."""


class Left(Exception):
    """A side takes no more turns; `name` says which, and `code` how it ended, if it did."""

    def __init__(self, name: str, code: int | None) -> None:
        super().__init__(name)
        self.name = name
        self.code = code


class TooLong(Exception):
    """A side has not given the token back in time; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class TurningScript:
    """A script that takes steps only while it holds the token, and otherwise sleeps in `step()`."""

    def __init__(self, name: str, command: ScriptCommand, pipes: Path, ends_s: float) -> None:
        """Make a script that must return its last token by `ends_s` of the monotonic clock."""
        self.name = name
        self.ends_s = ends_s
        with writing(pipes):
            pipes.mkdir(parents=True, exist_ok=True)
        both = tokens.Pipes(pipes)
        both.create()
        self._holder = tokens.Holder(both)
        self.script = RunningScript(command)

    def __enter__(self) -> Self:
        try:
            self.script.__enter__()
        except BaseException:
            self._holder.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.script.__exit__(kind, error, trace)
        self._holder.close()

    def cpu_s(self) -> float:
        """Return the CPU time of all its processes so far, s."""
        return cpu_seconds(self.script.pids)

    def give(self, steps: int) -> None:
        """Pass the token for this many steps; `tokens.END` lets the script run on freely."""
        self._holder.give(steps)

    def answer(self, sides: Sequence["TurningScript"], tick: Callable[[], None]) -> int:
        """Wait for the token to come back and return this side's word; raise Left or TooLong.

        All `sides` must stay alive.
        """
        while True:
            word = self._word(POLL_S)
            if word is not None:
                return word
            for side in sides:
                side.require_running()
            if time.monotonic() > self.ends_s:
                raise TooLong(self.name)
            tick()

    def require_running(self) -> None:
        """Raise Left if a side has ended; its last answer is read first."""
        code = self.script.code()
        if code is not None and (self._word(0) is None):
            raise Left(self.name, code)

    def _word(self, seconds: float) -> int | None:
        word = self._holder.answer(seconds)
        if word == GONE:
            raise Left(self.name, self.script.code(END_S))
        return word

"""One resident side of a duet, as the program sees it: its processes and its token."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from resnext_bench import tokens
from resnext_bench.job import SessionFolder
from resnext_bench.launch.commands import NodeCommand
from resnext_bench.launch.failure import find_failure
from resnext_bench.launch.processes import Processes
from resnext_bench.launch.unwritten import raise_unwritten
from resnext_bench.launch.watch import (
    POLL_S,
    Patience,
    SessionFailed,
    read_result,
    settled,
    wait_for_end,
)
from resnext_bench.machine.host.cores import cpu_seconds
from resnext_bench.reports.schema.samples import SessionResult


class Resident:
    """Processes that are built once and train only while they hold the token."""

    def __init__(self, commands: Sequence[NodeCommand], folder: SessionFolder) -> None:
        self.folder = folder
        pipes = tokens.Pipes(folder.path)
        pipes.create()
        self._holder = tokens.Holder(pipes)
        self.processes = Processes(commands, folder)

    def __enter__(self) -> Self:
        self.processes.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.processes.__exit__(kind, error, trace)
        self._holder.close()

    def cpu_s(self) -> float:
        """Return the CPU time of all its processes so far."""
        return cpu_seconds(self.processes.pids)

    def give(self, token: int) -> None:
        """Pass the token to this side."""
        self._holder.give(token)

    def answer(self, sides: Sequence["Resident"], tick: Callable[[], None]) -> int:
        """Wait for this side to give the token back, while all `sides` must stay alive.

        `tick` is called about twice a second.
        """
        patience = Patience(self.folder)
        while True:
            word = self._holder.answer(POLL_S)
            if word is not None:
                return word
            for side in sides:
                side.raise_if_ended()
            patience.look()
            tick()

    def raise_if_ended(self) -> None:
        """Raise SessionFailed if the side has ended before it was told to."""
        if any(code is not None for code in self.processes.exit_codes):
            codes = settled(self.processes)
            raise_unwritten(self.folder)
            raise SessionFailed(find_failure(self.folder, codes))

    def finish(self) -> SessionResult:
        """Let the side hand over what it measured, and end."""
        self.give(tokens.END)
        codes = wait_for_end(self.processes, self.folder, lambda _: None)
        if any(codes):
            raise_unwritten(self.folder)
            raise SessionFailed(find_failure(self.folder, codes))
        return read_result(self.folder)
